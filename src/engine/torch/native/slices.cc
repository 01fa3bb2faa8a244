// Parts of a tensor. A part has memory of its own, unless it is the whole tensor: what is kept of a large
// result must not keep all of it.
#include "slices.h"

#include <ATen/ops/flip.h>

#include <vector>

#include "families.h"
#include "moves.h"

namespace sf {
namespace {

at::Tensor own(const at::Tensor& part, const at::Tensor& whole) {
  return part.numel() == whole.numel() && part.is_contiguous() ? part : copy_of(part);
}

}  // namespace

at::Tensor slice(const at::Tensor& x, const std::vector<int64_t>& begin, const std::vector<int64_t>& size) {
  at::Tensor part = x;
  for (size_t axis = 0; axis < size.size(); ++axis) part = part.narrow(axis, begin.at(axis), size[axis]);
  return own(part, x);
}

namespace {

// Along each axis the elements begin, begin + stride, ..., as many as `size` says; a stride may be negative.
// The result has the shape `shape`, which may have more axes of size 1 or fewer.
at::Tensor strided_slice(const at::Tensor& x, const std::vector<int64_t>& begin,
                         const std::vector<int64_t>& strides, const std::vector<int64_t>& size,
                         const std::vector<int64_t>& shape) {
  at::Tensor part = x;
  std::vector<int64_t> reversed;
  for (int64_t axis = 0; axis < x.dim(); ++axis) {
    const int64_t count = size.at(axis);
    if (count == 0) {
      part = part.narrow(axis, 0, 0);
      continue;
    }
    const int64_t last = begin[axis] + (count - 1) * strides[axis];
    if (strides[axis] > 0) {
      part = part.slice(axis, begin[axis], last + 1, strides[axis]);
    } else {
      part = part.slice(axis, last, begin[axis] + 1, -strides[axis]);
      reversed.push_back(axis);
    }
  }
  return (reversed.empty() ? own(part, x) : at::flip(part, reversed)).view(shape);
}

// Parts of these sizes along the axis, one behind the other.
std::vector<at::Tensor> split(const at::Tensor& x, const std::vector<int64_t>& sizes, int64_t axis) {
  std::vector<at::Tensor> parts;
  parts.reserve(sizes.size());
  int64_t begin = 0;
  for (const int64_t size : sizes) {
    parts.push_back(own(x.narrow(axis, begin, size), x));
    begin += size;
  }
  return parts;
}

// What lies at each place of the axis, without that axis.
std::vector<at::Tensor> unpack(const at::Tensor& x, int64_t axis) {
  std::vector<at::Tensor> parts;
  parts.reserve(x.size(axis));
  for (int64_t i = 0; i < x.size(axis); ++i) parts.push_back(own(x.select(axis, i), x));
  return parts;
}

at::Tensor reverse(const at::Tensor& x, const std::vector<int64_t>& axes) { return at::flip(x, axes); }

}  // namespace

void export_slices(Exports& exports) {
  exports.add("slice", &slice);
  exports.add("stridedSlice", &strided_slice);
  exports.add("split", &split);
  exports.add("unpack", &unpack);
  exports.add("reverse", &reverse);
}

}  // namespace sf
