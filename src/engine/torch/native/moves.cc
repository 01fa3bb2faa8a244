#include "moves.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "parts.h"

namespace sf {
namespace {

// An axis of both views: its size, and the step from one element to the next in each.
struct Axis {
  int64_t size;
  int64_t from;
  int64_t to;
};
using Axes = std::vector<Axis>;

// Without axes of size 1, and with one axis for two that lie behind one another on both sides.
Axes axes_between(const at::Tensor& from, const at::Tensor& to) {
  Axes axes;
  for (int64_t i = 0; i < from.dim(); ++i) {
    const Axis axis{from.size(i), from.stride(i), to.stride(i)};
    if (axis.size == 1) continue;
    if (!axes.empty() && axes.back().from == axis.from * axis.size && axes.back().to == axis.to * axis.size) {
      axes.back() = {axes.back().size * axis.size, axis.from, axis.to};
    } else {
      axes.push_back(axis);
    }
  }
  return axes;
}

bool is_consecutive_in_x(const Axis& axis) { return axis.from == 1; }

int64_t places(const Axes& axes) {
  int64_t count = 1;
  for (const Axis& axis : axes) count *= axis.size;
  return count;
}

// Where the place of that number begins on both sides.
std::pair<int64_t, int64_t> offsets(const Axes& axes, int64_t place) {
  int64_t from = 0, to = 0;
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
    const int64_t at = place % axis->size;
    place /= axis->size;
    from += at * axis->from;
    to += at * axis->to;
  }
  return {from, to};
}

// Calls body(from, to, row, column) for every block of the two axes that have `rows` and `columns` places,
// at all places of the others. Blocks are given out so that a thread gets enough to do.
template <typename Body>
void for_blocks(const Axes& others, int64_t rows, int64_t columns, int64_t height, int64_t width,
                const Body& body) {
  const int64_t down = divide_up(rows, height), across = divide_up(columns, width);
  const int64_t elements = std::min(rows, height) * std::min(columns, width);
  for_parts(places(others) * down * across, divide_up(kElementsOfPart, elements),
            [&](int64_t first, int64_t last) {
              for (int64_t i = first; i < last; ++i) {
                const auto [from, to] = offsets(others, i / (down * across));
                body(from, to, i / across % down * height, i % across * width);
              }
            });
}

// The last axis in runs of consecutive elements, or element by element.
template <bool consecutive, typename Element>
void move_runs(Axes axes, const Element* x, Element* y) {
  const Axis run = axes.back();
  axes.pop_back();
  const Axis row = axes.empty() ? Axis{1, 0, 0} : axes.back();
  if (!axes.empty()) axes.pop_back();
  const int64_t width = std::min(run.size, kElementsOfPart);
  const int64_t height = std::max<int64_t>(1, kElementsOfPart / width);
  for_blocks(
      axes, row.size, run.size, height, width, [&](int64_t from, int64_t to, int64_t top, int64_t left) {
        const Element* source = x + from + top * row.from + left * run.from;
        Element* target = y + to + top * row.to + left * run.to;
        const int64_t count = std::min(width, run.size - left), last = std::min(top + height, row.size);
        for (int64_t i = top; i < last; ++i, source += row.from, target += row.to) {
          if constexpr (consecutive) {
            std::memcpy(target, source, count * sizeof(Element));
          } else {
            for (int64_t k = 0; k < count; ++k) target[k * run.to] = source[k * run.from];
          }
        }
      });
}

// Elements on a side of the squares that are transposed in registers, and of tiles, whose lines on both sides
// stay in the nearest cache.
constexpr int64_t kSquare = 4, kTile = 64;
// Elements on a side of the blocks that are units of work, where both axes are that long.
constexpr int64_t kBlock = 256;

// y[i * to + j] = x[i + j * from] for i, j < kSquare.
void transpose_square(const uint32_t* x, uint32_t* y, int64_t from, int64_t to) {
  typedef uint32_t Four __attribute__((vector_size(16)));
  typedef uint32_t UnalignedFour __attribute__((vector_size(16), aligned(4), may_alias));
  const auto line = [&](int64_t j) -> Four { return *reinterpret_cast<const UnalignedFour*>(x + j * from); };
  const auto set_line = [&](int64_t i, Four values) {
    *reinterpret_cast<UnalignedFour*>(y + i * to) = values;
  };
  const Four a = line(0), b = line(1), c = line(2), d = line(3);
  const Four low0 = __builtin_shufflevector(a, b, 0, 4, 1, 5),
             low1 = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Four high0 = __builtin_shufflevector(a, b, 2, 6, 3, 7),
             high1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  set_line(0, __builtin_shufflevector(low0, low1, 0, 1, 4, 5));
  set_line(1, __builtin_shufflevector(low0, low1, 2, 3, 6, 7));
  set_line(2, __builtin_shufflevector(high0, high1, 0, 1, 4, 5));
  set_line(3, __builtin_shufflevector(high0, high1, 2, 3, 6, 7));
}

// y[i * to + j] = x[i + j * from] for i < rows, j < columns.
template <typename Element>
void transpose_tile(const Element* x, Element* y, int64_t rows, int64_t columns, int64_t from, int64_t to) {
  int64_t i = 0, squares = 0;
  if constexpr (sizeof(Element) == 4) {
    squares = columns - columns % kSquare;
    for (; i + kSquare <= rows; i += kSquare) {
      for (int64_t j = 0; j < squares; j += kSquare) {
        transpose_square(x + i + j * from, y + i * to + j, from, to);
      }
      for (int64_t k = i; k < i + kSquare; ++k) {
        for (int64_t j = squares; j < columns; ++j) y[k * to + j] = x[k + j * from];
      }
    }
  }
  for (; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) y[i * to + j] = x[i + j * from];
  }
}

// The last axis, the columns, is consecutive in y; another one, the rows, in x.
template <typename Element>
void move_transposed(Axes axes, const Element* x, Element* y) {
  const auto consecutive_in_x = std::find_if(axes.begin(), axes.end(), is_consecutive_in_x);
  const Axis row = *consecutive_in_x;
  axes.erase(consecutive_in_x);
  const Axis column = axes.back();
  axes.pop_back();
  // Where one axis is short the other makes up for it.
  const int64_t width = std::max(kBlock, kBlock * kBlock / std::min(row.size, kBlock));
  const int64_t height = std::max(kBlock, kBlock * kBlock / std::min(column.size, kBlock));
  for_blocks(
      axes, row.size, column.size, height, width, [&](int64_t from, int64_t to, int64_t top, int64_t left) {
        const int64_t bottom = std::min(top + height, row.size);
        const int64_t right = std::min(left + width, column.size);
        for (int64_t j = left; j < right; j += kTile) {
          for (int64_t i = top; i < bottom; i += kTile) {
            transpose_tile(x + from + i + j * column.from, y + to + i * row.to + j,
                           std::min(kTile, bottom - i), std::min(kTile, right - j), column.from, row.to);
          }
        }
      });
}

template <typename Element>
void move(Axes axes, const void* from, void* to) {
  const auto* x = static_cast<const Element*>(from);
  auto* y = static_cast<Element*>(to);
  if (axes.empty()) axes.push_back({1, 1, 1});
  const Axis last = axes.back();
  if (last.from == 1 && last.to == 1) return move_runs<true>(std::move(axes), x, y);
  if (last.to == 1 && last.from > 1 && std::any_of(axes.begin(), axes.end(), is_consecutive_in_x)) {
    return move_transposed(std::move(axes), x, y);
  }
  move_runs<false>(std::move(axes), x, y);
}

}  // namespace

void move_elements(const at::Tensor& from, const at::Tensor& to) {
  if (from.numel() == 0) return;
  if (!from.is_cpu()) {
    to.copy_(from);
  } else if (from.element_size() == 4) {
    move<uint32_t>(axes_between(from, to), from.data_ptr(), to.data_ptr());
  } else {
    move<uint8_t>(axes_between(from, to), from.data_ptr(), to.data_ptr());
  }
}

at::Tensor copy_of(const at::Tensor& view) {
  at::Tensor copy = at::empty(view.sizes(), view.options());
  move_elements(view, copy);
  return copy;
}

}  // namespace sf
