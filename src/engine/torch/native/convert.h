// Conversions between float32, int32 and bool as tfjs defines them.
#pragma once

#include <ATen/core/Tensor.h>

namespace sf {

// Float to int32 as JavaScript's typed arrays do it: towards zero, modulo 2^32, and 0 for NaN and infinities.
// To bool: everything but 0 is true, NaN too. A tensor of that dtype already is returned as it is.
at::Tensor converted(const at::Tensor& x, at::ScalarType type);

}  // namespace sf
