#include "pack.h"

#include <algorithm>
#include <cstring>

#include "simd.h"

namespace sf {
namespace {

typedef float Four __attribute__((vector_size(16)));
typedef float UnalignedFour __attribute__((vector_size(16), aligned(4), may_alias));

// to[4][16] = the transpose of from[4][4].
void transpose_four(const float* from, int64_t stride, float* to) {
  const auto row = [&](int64_t i) -> Four {
    return *reinterpret_cast<const UnalignedFour*>(from + i * stride);
  };
  const Four a = row(0), b = row(1), c = row(2), d = row(3);
  const Four low0 = __builtin_shufflevector(a, b, 0, 4, 1, 5),
             low1 = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Four high0 = __builtin_shufflevector(a, b, 2, 6, 3, 7),
             high1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  UnalignedFour* const line = reinterpret_cast<UnalignedFour*>(to);
  line[0] = __builtin_shufflevector(low0, low1, 0, 1, 4, 5);
  line[4] = __builtin_shufflevector(low0, low1, 2, 3, 6, 7);
  line[8] = __builtin_shufflevector(high0, high1, 0, 1, 4, 5);
  line[12] = __builtin_shufflevector(high0, high1, 2, 3, 6, 7);
}

}  // namespace

void pack_by_row(const float* from, int64_t stride, int64_t rows, int64_t depth, float* to) {
  for (; depth > 0; depth -= kLine, from += kLine) {
    const size_t bytes = std::min(kLine, depth) * sizeof(float);
    for (int64_t i = 0; i < rows; ++i, to += kLine) {
      const float* line = from + i * stride;
      __builtin_prefetch(line + rows * stride);
      if (depth >= kLine) {
        std::memcpy(to, line, kLine * sizeof(float));
      } else {
        std::memcpy(to, line, bytes);
      }
    }
  }
}

void pack_by_column(const float* from, int64_t stride, int64_t width, int64_t depth, float* to) {
  for (int64_t k = 0; k < depth; ++k, to += kLine, from += stride) {
    if (width >= kLine) {
      std::memcpy(to, from, kLine * sizeof(float));
    } else {
      std::copy_n(from, width, to);
      std::fill(to + width, to + kLine, 0.0F);
    }
  }
}

void pack_transposed(const float* from, int64_t stride, int64_t width, int64_t depth, float* to) {
  int64_t k = 0;
  width = std::min(width, kLine);
  if (width == kLine) {
    for (; k + 4 <= depth; k += 4) {
      for (int64_t j = 0; j < kLine; j += 4)
        transpose_four(from + j * stride + k, stride, to + k * kLine + j);
    }
  }
  for (; k < depth; ++k) {
    for (int64_t j = 0; j < width; ++j) to[k * kLine + j] = from[j * stride + k];
    std::fill(to + k * kLine + width, to + (k + 1) * kLine, 0.0F);
  }
}

}  // namespace sf
