// Transposition. ATen's copy of a permuted tensor reads memory with a stride; here two axes at a time change
// places in square blocks, so that both sides go through memory in whole cache lines.
#include "transpose.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "families.h"
#include "parts.h"

namespace sf {
namespace {

// An axis of the result: its size, and the step from one element to the next in the input and in the result.
struct Axis {
  int64_t size;
  int64_t from;
  int64_t to;
};

// The axes of the result in their order, those of size 1 left out and those that lie behind one another in
// the input too made one.
std::vector<Axis> axes_of(const at::Tensor& view) {
  std::vector<Axis> axes;
  for (int64_t i = 0; i < view.dim(); ++i) {
    const int64_t size = view.size(i), stride = view.stride(i);
    if (size == 1) continue;
    if (!axes.empty() && axes.back().from == stride * size) {
      axes.back() = {axes.back().size * size, stride, 0};
    } else {
      axes.push_back({size, stride, 0});
    }
  }
  int64_t step = 1;
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
    axis->to = step;
    step *= axis->size;
  }
  return axes;
}

// Elements of a side of a block: a cache line of floats.
constexpr int64_t kSide = 16;
// Elements along the result's last axis that make a unit of work.
constexpr int64_t kReach = 4096;

// y[i * to + j] = x[i + j * from] for the rows and columns of the result.
template <typename Element>
void exchange(const Element* x, Element* y, int64_t rows, int64_t columns, int64_t from, int64_t to) {
  int64_t j = 0;
  for (; rows == kSide && j + kSide <= columns; j += kSide) {
    Element block[kSide][kSide];
    for (int64_t b = 0; b < kSide; ++b) {
      const Element* line = x + (j + b) * from;
      for (int64_t a = 0; a < kSide; ++a) block[a][b] = line[a];
    }
    for (int64_t a = 0; a < kSide; ++a) {
      for (int64_t b = 0; b < kSide; ++b) y[a * to + j + b] = block[a][b];
    }
  }
  for (; j < columns; ++j) {
    for (int64_t i = 0; i < rows; ++i) y[i * to + j] = x[i + j * from];
  }
}

// Where a place in the axes, counted in the order of the result, begins in the input and in the result.
std::pair<int64_t, int64_t> offsets(const std::vector<Axis>& axes, int64_t place) {
  int64_t from = 0, to = 0;
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
    const int64_t at = place % axis->size;
    place /= axis->size;
    from += at * axis->from;
    to += at * axis->to;
  }
  return {from, to};
}

int64_t places(const std::vector<Axis>& axes) {
  int64_t count = 1;
  for (const Axis& axis : axes) count *= axis.size;
  return count;
}

// The last axis of the result and the last axis of the input are different ones.
template <typename Element>
void transpose_blocks(std::vector<Axis> axes, const Element* x, Element* y) {
  const Axis column = axes.back();
  axes.pop_back();
  const auto unit = std::find_if(axes.begin(), axes.end(), [](const Axis& axis) { return axis.from == 1; });
  const Axis row = *unit;
  axes.erase(unit);
  const int64_t bands = divide_up(row.size, kSide), reaches = divide_up(column.size, kReach);
  const int64_t elements = std::min(row.size, kSide) * std::min(column.size, kReach);
  for_parts(places(axes) * bands * reaches, divide_up(kElementsOfPart, elements),
            [&](int64_t first, int64_t last) {
              for (int64_t i = first; i < last; ++i) {
                const auto [from, to] = offsets(axes, i / (bands * reaches));
                const int64_t top = i / reaches % bands * kSide, left = i % reaches * kReach;
                exchange(x + from + top + left * column.from, y + to + top * row.to + left,
                         std::min(kSide, row.size - top), std::min(kReach, column.size - left), column.from,
                         row.to);
              }
            });
}

// The last axis stays: whole rows change places.
template <typename Element>
void transpose_rows(std::vector<Axis> axes, const Element* x, Element* y) {
  const int64_t length = axes.back().size;
  axes.pop_back();
  for_parts(places(axes), divide_up(kElementsOfPart, length), [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const auto [from, to] = offsets(axes, i);
      std::copy_n(x + from, length, y + to);
    }
  });
}

template <typename Element>
void transpose_into(const std::vector<Axis>& axes, const void* x, void* y) {
  const auto* from = static_cast<const Element*>(x);
  auto* to = static_cast<Element*>(y);
  if (axes.back().from == 1) {
    transpose_rows(axes, from, to);
  } else {
    transpose_blocks(axes, from, to);
  }
}

}  // namespace

at::Tensor transpose(const at::Tensor& x, const std::vector<int64_t>& permutation) {
  const at::Tensor view = x.permute(permutation);
  if (!x.is_cpu()) return view.contiguous();
  const auto axes = axes_of(view);
  if (axes.size() < 2 || x.numel() == 0) return x.view(view.sizes());
  at::Tensor y = at::empty(view.sizes(), x.options());
  if (x.element_size() == 1) {
    transpose_into<uint8_t>(axes, x.data_ptr(), y.data_ptr());
  } else {
    transpose_into<uint32_t>(axes, x.data_ptr(), y.data_ptr());
  }
  return y;
}

void export_transpose(Exports& exports) { exports.add("transpose", &transpose); }

}  // namespace sf
