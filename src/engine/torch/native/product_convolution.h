// Convolutions as matrix products of float32 on the CPU (gemm.h). As convolution.h, which describes the
// arguments.
#pragma once

#include <ATen/core/Tensor.h>

#include "convolution.h"

namespace sf {

// Filters of 1x1 without padding: [pixels, in] times [in, out], every stride-th pixel.
at::Tensor pointwise_convolution(const at::Tensor& x, const at::Tensor& filter, const Window& window,
                                 const Finish& finish);
at::Tensor pointwise_input_gradient(const at::Tensor& dy, const at::Tensor& filter, at::IntArrayRef shape,
                                    const Window& window);
at::Tensor pointwise_filter_gradient(const at::Tensor& x, const at::Tensor& dy, at::IntArrayRef shape,
                                     const Window& window);

// The gradient by any filter of two dimensions: for each of its taps, the pixels of x that it meets
// [in, pixels] times dy [pixels, out].
at::Tensor tap_filter_gradient(const at::Tensor& x, const at::Tensor& dy, at::IntArrayRef shape,
                               const Window& window);

}  // namespace sf
