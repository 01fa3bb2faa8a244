// Tensors side by side, in a frame, and repeated.
#include "joins.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>

#include <vector>

#include "families.h"

namespace sf {
namespace {

// Of the dtype of the first.
at::Tensor concat(const std::vector<at::Tensor>& tensors, int64_t axis) {
  if (tensors.size() == 1) return tensors[0];
  return at::cat(tensors, axis).to(tensors[0].scalar_type());
}

at::Tensor pack(const std::vector<at::Tensor>& tensors, int64_t axis) { return at::stack(tensors, axis); }

}  // namespace

at::Tensor pad(const at::Tensor& x, const std::vector<int64_t>& paddings, double value) {
  // ATen's begin with the last axis.
  std::vector<int64_t> from_last;
  for (int64_t axis = x.dim() - 1; axis >= 0; --axis) {
    from_last.push_back(paddings.at(2 * axis));
    from_last.push_back(paddings.at(2 * axis + 1));
  }
  if (x.numel() > 0) return at::constant_pad_nd(x, from_last, value);
  auto shape = x.sizes().vec();
  for (int64_t axis = 0; axis < x.dim(); ++axis) shape[axis] += paddings[2 * axis] + paddings[2 * axis + 1];
  return at::full(shape, value, x.options());
}

namespace {

// The places of an axis seen in mirrors at its ends, which repeat the outermost place (symmetric) or not.
at::Tensor mirrored_places(int64_t size, int64_t before, int64_t behind, bool symmetric) {
  const int64_t offset = symmetric ? 1 : 0;
  at::Tensor places = at::empty({before + size + behind}, at::kLong);
  auto* place = places.data_ptr<int64_t>();
  for (int64_t i = -before; i < size + behind; ++i) {
    *place++ = i < 0 ? -i - offset : i >= size ? 2 * (size - 1) - i + offset : i;
  }
  return places;
}

at::Tensor mirror_pad(const at::Tensor& x, const std::vector<int64_t>& paddings, bool symmetric) {
  at::Tensor y = x;
  for (int64_t axis = 0; axis < x.dim(); ++axis) {
    const int64_t before = paddings[2 * axis], behind = paddings[2 * axis + 1];
    if (before == 0 && behind == 0) continue;
    y = y.index_select(axis, mirrored_places(x.size(axis), before, behind, symmetric).to(x.device()));
  }
  return y;
}

at::Tensor tile(const at::Tensor& x, const std::vector<int64_t>& repetitions) {
  return x.repeat(repetitions);
}

}  // namespace

void export_joins(Exports& exports) {
  exports.add("concat", &concat);
  exports.add("pack", &pack);
  exports.add("pad", &pad);
  exports.add("mirrorPad", &mirror_pad);
  exports.add("tile", &tile);
}

}  // namespace sf
