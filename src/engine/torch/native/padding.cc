#include "padding.h"

#include <ATen/ops/constant_pad_nd.h>

#include <algorithm>

namespace sf {
namespace {

// As constant_pad_nd takes them: pairs from the last dimension, the channels, to the first spatial one.
std::vector<int64_t> pairs(const std::vector<int64_t>& before, const std::vector<int64_t>& after,
                           int64_t sign) {
  std::vector<int64_t> result{0, 0};
  for (size_t d = before.size(); d-- > 0;) {
    result.push_back(sign * before[d]);
    result.push_back(sign * after[d]);
  }
  return result;
}

}  // namespace

Padding::Padding(at::IntArrayRef x, at::IntArrayRef sides, const Window& window) : before_(window.padding) {
  for (size_t d = 0; d < before_.size(); ++d) {
    const int64_t reach = (window.out[d] - 1) * window.stride[d] + (sides[d] - 1) * window.dilation[d] + 1;
    after_.push_back(reach - x[d + 1] - before_[d]);
  }
}

bool Padding::is_symmetric(const Window& window) const {
  for (size_t d = 0; d < before_.size(); ++d) {
    const int64_t unused = before_[d] - after_[d];
    if (unused < 0 || unused >= window.stride[d]) return false;
  }
  return true;
}

bool Padding::is_empty() const {
  const auto none = [](int64_t elements) { return elements <= 0; };
  return std::all_of(before_.begin(), before_.end(), none) && std::all_of(after_.begin(), after_.end(), none);
}

at::Tensor Padding::pad(const at::Tensor& x, double value) const {
  return at::constant_pad_nd(x, pairs(before_, after_, 1), value);
}

at::Tensor Padding::unpad(const at::Tensor& gradient) const {
  return at::constant_pad_nd(gradient, pairs(before_, after_, -1), 0);
}

std::vector<int64_t> Padding::padded(at::IntArrayRef x) const {
  std::vector<int64_t> shape = x.vec();
  for (size_t d = 0; d < before_.size(); ++d) shape[d + 1] += before_[d] + after_[d];
  return shape;
}

}  // namespace sf
