// Parts of a tensor, for other families too.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace sf {

// Along each axis the elements begin, begin + 1, ..., as many as `size` says. Has memory of its own unless it
// is all of x.
at::Tensor slice(const at::Tensor& x, const std::vector<int64_t>& begin, const std::vector<int64_t>& size);

}  // namespace sf
