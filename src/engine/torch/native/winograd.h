// Convolutions of 3x3 at stride 1 on the CPU by Winograd's minimal filtering (winograd_tile.h), forward and
// both gradients: a quarter of the multiplications of the direct sum. Tensors are float32, contiguous; images
// are NHWC, filters HWIO. Results do not depend on the number of threads. At 256 channels they differ from
// the exact ones by 1.4e-6 of their size (root mean square), those of oneDNN's direct sum by 0.8e-6.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Optional.h>

#include <cstdint>

namespace sf {

// Whether all three functions below are faster than oneDNN's direct convolution, for results of `height` x
// `width`.
bool winograd_suits(int64_t in_channels, int64_t out_channels, int64_t height, int64_t width, int64_t batch);

// Leaky ReLU of x * filter + bias + residual, with `slope` below zero (1: none); bias and residual may be
// absent.
//   x         [B, H, W, in]
//   filter    [3, 3, in, out]
//   bias      [out]
//   residual  shaped as the result
//   padding   zeros around x, 0 to 2
// Returns [B, H + 2 * padding - 2, W + 2 * padding - 2, out]. Throws c10::Error where shapes do not fit.
at::Tensor winograd_convolution(const at::Tensor& x, const at::Tensor& filter,
                                const c10::optional<at::Tensor>& bias, double slope, int64_t padding,
                                const c10::optional<at::Tensor>& residual);

// The gradient by x, [B, height, width, in], of that convolution without bias, activation and residual.
//   dy        [B, height + 2 * padding - 2, width + 2 * padding - 2, out]
//   filter    [3, 3, in, out]
at::Tensor winograd_input_gradient(const at::Tensor& dy, const at::Tensor& filter, int64_t padding,
                                   int64_t height, int64_t width);

// The gradient by the filter, [3, 3, in, out].
//   x         [B, H, W, in]
//   dy        [B, H + 2 * padding - 2, W + 2 * padding - 2, out]
at::Tensor winograd_filter_gradient(const at::Tensor& x, const at::Tensor& dy, int64_t padding);

}  // namespace sf
