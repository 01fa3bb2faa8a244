// The innermost loop of the matrix product: a tile of C that stays in registers over the whole depth (Goto
// and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008, section 4). This file has no
// include guard: gemm_kernel.cc includes it once for every instruction set, inside a namespace of its own,
// with SF_LANES (floats in a vector) set.

typedef float Vector __attribute__((vector_size(4 * SF_LANES)));
typedef float UnalignedVector __attribute__((vector_size(4 * SF_LANES), aligned(4), may_alias));

template <int rows, int lines, bool by_column>
void multiply_tile(int64_t depth, const float* a, const float* b, int64_t b_stride, float* c,
                   int64_t c_stride, bool accumulate) {
  constexpr int vectors_of_line = kLine / SF_LANES;
  constexpr int vectors = lines * vectors_of_line;
  Vector sum[rows][vectors] = {};
  const auto step = [&](const float* column, const float* row) __attribute__((always_inline)) {
    Vector right[vectors];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
      const float* from = row + (v / vectors_of_line) * b_stride + (v % vectors_of_line) * SF_LANES;
      right[v] = *reinterpret_cast<const UnalignedVector*>(from);
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const float left = column[by_column ? i : i * kLine];
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) sum[i][v] += left * right[v];
    }
  };
  if (by_column) {
    for (int64_t k = 0; k < depth; ++k, a += kLine, b += kLine) step(a, b);
  } else {
    for (; depth >= kLine; depth -= kLine, a += rows * kLine) {
#pragma GCC unroll 4
      for (int k = 0; k < kLine; ++k, b += kLine) step(a + k, b);
    }
    for (int64_t k = 0; k < depth; ++k, b += kLine) step(a + k, b);
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i, c += c_stride) {
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
      UnalignedVector* const to = reinterpret_cast<UnalignedVector*>(c + v * SF_LANES);
      *to = accumulate ? *to + sum[i][v] : sum[i][v];
    }
  }
}

template <int lines, bool by_column, int... index>
void fill_tiles(TileKernels& kernels, std::integer_sequence<int, index...>) {
  ((kernels.multiply[by_column][lines - 1][index] = &multiply_tile<index + 1, lines, by_column>), ...);
}

// The kernels of tiles of 1 .. rows rows and 1 .. lines lines.
template <int rows, int lines>
TileKernels tile_kernels() {
  TileKernels kernels{};
  kernels.rows = rows;
  kernels.lines = lines;
  fill_tiles<1, false>(kernels, std::make_integer_sequence<int, rows>());
  fill_tiles<1, true>(kernels, std::make_integer_sequence<int, rows>());
  if constexpr (lines == 2) {
    fill_tiles<2, false>(kernels, std::make_integer_sequence<int, rows>());
    fill_tiles<2, true>(kernels, std::make_integer_sequence<int, rows>());
  }
  return kernels;
}
