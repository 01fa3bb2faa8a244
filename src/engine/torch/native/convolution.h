// Convolutions in one, two and three dimensions, their gradients, and which code computes them: on the CPU
// the engine's own Winograd for 3x3 at stride 1 and its matrix product for 1x1, else the library that ATen
// chooses (oneDNN, cuDNN). Images are [B, spatial..., in], filters [spatial..., in / groups, out], both
// contiguous, so that ATen's view of them, channels first, is channels_last and costs nothing. They multiply
// in what precision() says; tensors are float32 before and after.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Optional.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace sf {

// How a filter moves over an image; a value for each spatial dimension.
struct Window {
  std::vector<int64_t> stride;
  std::vector<int64_t> padding;   // zeros before the first element
  std::vector<int64_t> dilation;  // steps between the taps of the filter
  std::vector<int64_t> out;       // size of the result; where it asks for them, zeros follow the last element
  int64_t groups = 1;

  bool is_empty() const { return std::find(out.begin(), out.end(), 0) != out.end(); }
};

// What follows the sum of a convolution: leaky ReLU of sum + bias + residual, each of them only where
// wanted.
struct Finish {
  c10::optional<at::Tensor> bias;      // [out]
  c10::optional<at::Tensor> residual;  // shaped as the result
  float slope = 1;                     // of leaky ReLU, below zero: 0 is ReLU, 1 none at all
};

// Throws c10::Error where bias and residual do not fit a result of that shape.
void check_finish(const Finish& finish, at::IntArrayRef result);

// `y` [..., out] after it: y itself, changed in place (it must be nobody else's).
at::Tensor finished(at::Tensor y, const Finish& finish);

// [B, window.out..., out].
at::Tensor convolve(const at::Tensor& x, const at::Tensor& filter, const Window& window,
                    const Finish& finish);

// The gradient by x, of `shape`, where dy is the gradient by the sum of the convolution.
at::Tensor convolve_input_gradient(const at::Tensor& dy, const at::Tensor& filter, at::IntArrayRef shape,
                                   const Window& window);

// The gradient by the filter, of `shape`.
at::Tensor convolve_filter_gradient(const at::Tensor& x, const at::Tensor& dy, at::IntArrayRef shape,
                                    const Window& window);

}  // namespace sf
