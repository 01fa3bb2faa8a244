// Convolutions by the library that ATen chooses: oneDNN on the CPU, cuDNN on CUDA. As convolution.h, which
// describes the arguments.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Optional.h>

#include "convolution.h"

namespace sf {

at::Tensor library_convolution(const at::Tensor& x, const at::Tensor& filter, const Window& window,
                               const c10::optional<at::Tensor>& bias);

at::Tensor library_input_gradient(const at::Tensor& dy, const at::Tensor& filter, at::IntArrayRef shape,
                                  const Window& window);

at::Tensor library_filter_gradient(const at::Tensor& x, const at::Tensor& dy, at::IntArrayRef shape,
                                   const Window& window);

}  // namespace sf
