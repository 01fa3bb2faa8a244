// Products of packed panels, the part of the matrix product that depends on the instruction set.
#pragma once

#include <cstdint>

#include "simd.h"

namespace sf {

constexpr int kMostTileRows = 14;
constexpr int kMostTileLines = 2;

// C[rows, lines * 16] = A B, or C += A B, over `depth`.
//   a         by row:    [depth / 16][rows][16], a piece of 16 along the depth of each row after the other
//             by column: [depth][16], of which the first `rows` are used
//   b         lines of B: [depth][16] each, `b_stride` floats from one line to the next
//   c         rows of `c_stride` floats
using MultiplyTile = void (*)(int64_t depth, const float* a, const float* b, int64_t b_stride, float* c,
                              int64_t c_stride, bool accumulate);

struct TileKernels {
  int64_t rows;                                             // the most rows of a tile
  int64_t lines;                                            // the most lines of a tile
  MultiplyTile multiply[2][kMostTileLines][kMostTileRows];  // [by column][lines - 1][rows - 1]

  // The height, at most `rows`, of panels that cover `total` rows with the least padding.
  int64_t panel_rows(int64_t total) const { return divide_up(total, divide_up(total, rows)); }
};

// The kernels for this processor.
const TileKernels& tile_kernels();

}  // namespace sf
