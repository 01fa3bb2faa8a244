// Copies of matrices in the order in which the tiles of gemm_tile.h read them.
#pragma once

#include <cstdint>

namespace sf {

// to[depth / 16][rows][16] from rows that lie along the depth. The rows below, the next panel, are fetched
// meanwhile.
void pack_by_row(const float* from, int64_t stride, int64_t rows, int64_t depth, float* to);

// to[depth][16] from `width` columns, the first 16 of them, of rows that lie across the depth; missing ones
// are zero.
void pack_by_column(const float* from, int64_t stride, int64_t width, int64_t depth, float* to);

// to[depth][16] from `width` rows, the first 16 of them, that lie along the depth; missing ones are zero.
void pack_transposed(const float* from, int64_t stride, int64_t width, int64_t depth, float* to);

}  // namespace sf
