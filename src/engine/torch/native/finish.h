// What follows a convolution or a matrix product, in one pass over the result: a bias for every channel, a
// tensor added, ReLU.
#pragma once

#include <ATen/core/Tensor.h>

#include "convolution.h"

namespace sf {

// Throws c10::Error where bias and residual do not fit the result.
void check_finish(const Finish& finish, const at::Tensor& y);

// `y` [..., channels] after it: y itself, changed in place (it must be nobody else's).
at::Tensor finished(at::Tensor y, const Finish& finish);

}  // namespace sf
