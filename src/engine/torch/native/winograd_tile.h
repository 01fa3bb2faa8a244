// The transforms of Winograd's minimal filtering F(4x4, 3x3), the part that depends on the instruction set.
//
//     Y = A^T [(G g G^T) . (B^T d B)] A     d: 6x6 inputs, g: the 3x3 filter, Y: 4x4 outputs, . elementwise
//
// (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016, section 4). The algorithm is
// that of Toom and Cook at the points 0, a, -a, b, -b and infinity; with f(x) = x (x^2 - a^2) (x^2 - b^2):
//
// clang-format off
//     A^T = 1  1    1    1    1    0     G = 1/f'(0)   0         0
//           0  a   -a    b   -b    0         1/f'(a)   a/f'(a)   a^2/f'(a)
//           0  a^2  a^2  b^2  b^2  0         1/f'(a)  -a/f'(a)   a^2/f'(a)
//           0  a^3 -a^3  b^3 -b^3  1         1/f'(b)   b/f'(b)   b^2/f'(b)
//                                            1/f'(b)  -b/f'(b)   b^2/f'(b)
//                                            0         0         1
//     B^T = a^2 b^2   0        -a^2-b^2   0         1   0
//           0        -a b^2    -b^2       a         1   0
//           0         a b^2    -b^2      -a         1   0
//           0        -a^2 b    -a^2       b         1   0
//           0         a^2 b    -a^2      -b         1   0
//           0         a^2 b^2   0        -a^2-b^2   0   1
// clang-format on
//
// With a = 5/8 and b = 3/2 all of A and B is exact in float32, and the result of 256 normal random channels
// differs from the true one by 1.4e-6 of its size (root mean square); the usual a = 1, b = 2 gives 3.2e-6,
// F(2x2, 3x3) 0.5e-6.
#pragma once

#include <cstdint>

#include "simd.h"

namespace sf {

constexpr int64_t kPatch = 6;       // inputs that a tile reads, a side
constexpr int64_t kTile = 4;        // outputs of a tile, a side
constexpr int64_t kPositions = 36;  // elements of a transformed patch

// Floats from one position to the next: not a multiple of 4 kB, which would put all 36 in the same place of
// the first-level cache.
constexpr int64_t position_stride(int64_t floats) { return floats + kLine; }

// Transforms one patch, for `lines` * 16 channels: reads at from + i * row + j * pixel + channel and writes
// element p at to + p * to_position + channel / 16 * to_line + channel % 16.
using Spread = void (*)(const float* from, int64_t row, int64_t pixel, int64_t lines, float* to,
                        int64_t to_line, int64_t to_position);

// Where a tile of results goes: y[row * i + pixel * j + channel] = leaky ReLU of A^T m A + bias
// + residual.
struct OutputTile {
  float* y;
  int64_t row, pixel;
  int64_t rows, columns;  // how many of the 4x4 are inside the image
  const float* bias;      // [channels] or null
  const float* residual;  // laid out as y, or null
  float slope;            // of leaky ReLU, below zero
};

struct WinogradKernels {
  Spread input;            // d [6, 6] -> B^T d B
  Spread filter;           // g [3, 3] -> G g G^T
  Spread output_gradient;  // dy [4, 4] -> A dy A^T
  // Reads element p of m at m + p * m_position + channel.
  void (*output)(const float* m, int64_t m_position, int64_t lines, const OutputTile& tile);
  // Writes, or adds, the gradient G^T u G of 16 filters, tap t at g + t * tap.
  void (*filter_gradient)(const float* u, int64_t u_position, float* g, int64_t tap, bool accumulate);
};

// The kernels for this processor.
const WinogradKernels& winograd_kernels();

}  // namespace sf
