// Elements and slices by index, and into places by index. An index without a place is an error on every
// device; on CUDA that means to wait for the indices.
#include <ATen/core/Tensor.h>
#include <ATen/ops/aminmax.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "families.h"
#include "parts.h"

namespace sf {
namespace {

void check_indices(const at::Tensor& indices, int64_t size) {
  if (indices.numel() == 0) return;
  const auto [low, high] = at::aminmax(indices);
  const int64_t least = low.item<int32_t>(), greatest = high.item<int32_t>();
  if (least >= 0 && greatest < size) return;
  throw std::invalid_argument("the index value " + std::to_string(least < 0 ? least : greatest) +
                              " is not in [0, " + std::to_string(size - 1) + "]");
}

// x [batch, outer, size, inner] at indices [batch, count]: y [batch, outer, count, inner].
template <typename Element>
void gather_slices(const at::Tensor& x, const at::Tensor& indices, at::Tensor& y) {
  const auto* from = static_cast<const Element*>(x.data_ptr());
  const auto* index = indices.data_ptr<int32_t>();
  auto* to = static_cast<Element*>(y.data_ptr());
  const int64_t outer = x.size(1), size = x.size(2), inner = x.size(3), count = indices.size(1);
  for_parts(x.size(0) * outer * count, divide_up(kElementsOfPart, inner), [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t row = i / count, place = index[row / outer * count + i % count];
      std::copy_n(from + (row * size + place) * inner, inner, to + i * inner);
    }
  });
}

at::Tensor gathered(const at::Tensor& x, const at::Tensor& indices) {
  check_indices(indices, x.size(2));
  const int64_t batch = x.size(0), outer = x.size(1), inner = x.size(3), count = indices.size(1);
  if (!x.is_cpu()) {
    if (batch == 1) return x.index_select(2, indices[0]);
    const at::Tensor places = indices.to(at::kLong).view({batch, 1, count, 1});
    return x.gather(2, places.expand({batch, outer, count, inner}));
  }
  at::Tensor y = at::empty({batch, outer, count, inner}, x.options());
  if (y.numel() == 0) return y;
  if (x.element_size() == 1) {
    gather_slices<uint8_t>(x, indices, y);
  } else {
    gather_slices<uint32_t>(x, indices, y);
  }
  return y;
}

// `sizes` are batch, outer, size and inner of x, `shape` is that of the result.
at::Tensor gather(const at::Tensor& x, const at::Tensor& indices, const std::vector<int64_t>& sizes,
                  const std::vector<int64_t>& shape) {
  const int64_t batch = sizes[0];
  const int64_t count = batch == 0 ? 0 : indices.numel() / batch;
  return gathered(x.view(sizes), indices.view({batch, count})).view(shape);
}

}  // namespace

void export_gather(Exports& exports) { exports.add("gather", &gather); }

}  // namespace sf
