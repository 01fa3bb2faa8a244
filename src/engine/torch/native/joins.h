// Tensors in a frame, for other families too.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace sf {

// `paddings` has two numbers an axis: how many places before and behind.
at::Tensor pad(const at::Tensor& x, const std::vector<int64_t>& paddings, double value);

}  // namespace sf
