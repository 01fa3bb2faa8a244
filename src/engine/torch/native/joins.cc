// Tensors side by side, in a frame, and repeated.
#include "joins.h"

#include <ATen/ops/empty.h>

#include <vector>

#include "families.h"
#include "moves.h"

namespace sf {
namespace {

// Of the dtype of the first.
at::Tensor concat(const std::vector<at::Tensor>& tensors, int64_t axis) {
  if (tensors.size() == 1) return tensors[0];
  auto shape = tensors[0].sizes().vec();
  shape.at(axis) = 0;
  for (const at::Tensor& tensor : tensors) shape[axis] += tensor.size(axis);
  at::Tensor y = at::empty(shape, tensors[0].options());
  int64_t begin = 0;
  for (const at::Tensor& tensor : tensors) {
    move_elements(tensor.to(y.scalar_type()), y.narrow(axis, begin, tensor.size(axis)));
    begin += tensor.size(axis);
  }
  return y;
}

// Of one shape and dtype, along a new axis.
at::Tensor pack(const std::vector<at::Tensor>& tensors, int64_t axis) {
  auto shape = tensors.at(0).sizes().vec();
  shape.insert(shape.begin() + axis, static_cast<int64_t>(tensors.size()));
  at::Tensor y = at::empty(shape, tensors[0].options());
  for (size_t i = 0; i < tensors.size(); ++i) move_elements(tensors[i], y.select(axis, i));
  return y;
}

}  // namespace

at::Tensor pad(const at::Tensor& x, const std::vector<int64_t>& paddings, double value) {
  auto shape = x.sizes().vec();
  for (int64_t axis = 0; axis < x.dim(); ++axis) {
    shape[axis] += paddings.at(2 * axis) + paddings.at(2 * axis + 1);
  }
  at::Tensor y = at::empty(shape, x.options()), inside = y;
  for (int64_t axis = 0; axis < x.dim(); ++axis) {
    const int64_t before = paddings[2 * axis], behind = paddings[2 * axis + 1];
    if (before > 0) inside.narrow(axis, 0, before).fill_(value);
    if (behind > 0) inside.narrow(axis, inside.size(axis) - behind, behind).fill_(value);
    inside = inside.narrow(axis, before, x.size(axis));
  }
  move_elements(x, inside);
  return y;
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

// Seen with an axis of the repetitions before each axis.
at::Tensor tile(const at::Tensor& x, const std::vector<int64_t>& repetitions) {
  std::vector<int64_t> once, often, shape;
  for (int64_t axis = 0; axis < x.dim(); ++axis) {
    const int64_t size = x.size(axis), count = repetitions.at(axis);
    once.insert(once.end(), {1, size});
    often.insert(often.end(), {count, size});
    shape.push_back(count * size);
  }
  return copy_of(x.view(once).expand(often)).view(shape);
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
