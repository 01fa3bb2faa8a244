// Transposition, for other families too.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace sf {

// The axis i of the result is the axis permutation[i] of x. Shares the memory of x where no element moves.
at::Tensor transpose(const at::Tensor& x, const std::vector<int64_t>& permutation);

}  // namespace sf
