// The gradient of a 3x3 convolution by its filter with Winograd's transforms: the adjoint of the forward
// pass, so
//
//     dg[in, out] = G^T (sum over tiles of V[in] . (A dy[out] A^T)) G     with V = B^T d B as in the forward
//     pass
//
// and the sum is, for each of the 36 positions, a product of matrices [in, tiles] [tiles, out]. As many tiles
// are taken at a time as have room in the cache when transformed; first all are transformed, then units of
// work each compute all positions of some input and output channels, transform them back and add them to the
// result.

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include "gemm_tile.h"
#include "units.h"
#include "winograd.h"
#include "winograd_patches.h"

namespace sf {
namespace {

constexpr int64_t kBlockFloats = 1 << 21;  // of transformed patches, at most, where that leaves kLeastTiles
constexpr int64_t kLeastTiles = 32;
constexpr int64_t kMostTiles = 512;
constexpr int64_t kPieceTiles = 8;  // that a unit of the transforms takes
constexpr int64_t kGroupLines = 4;  // lines of input, and of output, channels of a unit of the products
constexpr int64_t kGroup = kGroupLines * kLine;
constexpr int64_t kProductPosition = position_stride(kGroup * kGroup);

struct Gradient {
  Images x, dy;
  int64_t padding;
  float* result;  // [3, 3, in, out]
  Tiling tiling;
  int64_t block_tiles;  // taken at a time; what that is changes the order of the sum, so it follows from the
                        // shape alone
  float* v;             // [position][in / 16][block_tiles][16]
  float* d;             // [position][out / 16][block_tiles][16]

  int64_t line() const { return block_tiles * kLine; }
  int64_t v_position() const { return position_stride(x.lines() * line()); }
  int64_t d_position() const { return position_stride(dy.lines() * line()); }
  int64_t patch() const { return kPatch * kPatch * std::max(x.lines(), dy.lines()) * kLine; }
};

// Transforms the patches of tiles `begin` to `end`; tile `first` is the first of the block.
void transform_tiles(const Gradient& g, int64_t first, int64_t begin, int64_t end, float* patch) {
  const WinogradKernels& kernels = winograd_kernels();
  for (int64_t t = begin; t < end; ++t) {
    const auto at = g.tiling.place(t);
    const int64_t to = (t - first) * kLine;
    spread_patch(kernels.input, kPatch, g.x, at.image, at.y - g.padding, at.x - g.padding, g.v + to, g.line(),
                 g.v_position(), patch);
    spread_patch(kernels.output_gradient, kTile, g.dy, at.image, at.y, at.x, g.d + to, g.line(),
                 g.d_position(), patch);
  }
}

// Adds what `count` tiles give to the filters of kGroupLines lines of input and of output channels.
void add_products(const Gradient& g, int64_t count, int64_t in_line, int64_t out_line, bool accumulate,
                  float* m) {
  const TileKernels& tiles = tile_kernels();
  const int64_t in = g.x.channels, out = g.dy.channels;
  const int64_t first_in = in_line * kLine, last_in = std::min(first_in + kGroup, in);
  const int64_t lines = std::min(kGroupLines, g.dy.lines() - out_line);
  const int64_t height = tiles.panel_rows(kLine);
  for (int64_t p = 0; p < kPositions; ++p) {
    for (int64_t line = 0; line < lines; line += tiles.lines) {
      const int64_t width = std::min(tiles.lines, lines - line);
      const float* d = g.d + p * g.d_position() + (out_line + line) * g.line();
      for (int64_t i = first_in; i < last_in;) {
        const int64_t lane = i % kLine, rows = std::min({height, kLine - lane, last_in - i});
        const float* v = g.v + p * g.v_position() + i / kLine * g.line() + lane;
        float* to = m + p * kProductPosition + (i - first_in) * kGroup + line * kLine;
        tiles.multiply[true][width - 1][rows - 1](count, v, d, g.line(), to, kGroup, false);
        i += rows;
      }
    }
  }
  const auto collect = winograd_kernels().filter_gradient;
  for (int64_t i = first_in; i < last_in; ++i) {
    for (int64_t line = 0; line < lines; ++line) {
      const float* from = m + (i - first_in) * kGroup + line * kLine;
      const int64_t first_out = (out_line + line) * kLine, width = out - first_out;
      float* to = g.result + i * out + first_out;
      if (width >= kLine) {
        collect(from, kProductPosition, to, in * out, accumulate);
        continue;
      }
      float taps[9 * kLine];
      collect(from, kProductPosition, taps, kLine, false);
      for (int64_t tap = 0; tap < 9; ++tap) {
        for (int64_t j = 0; j < width; ++j) {
          float& sum = to[tap * in * out + j];
          sum = accumulate ? sum + taps[tap * kLine + j] : taps[tap * kLine + j];
        }
      }
    }
  }
}

}  // namespace

at::Tensor winograd_filter_gradient(const at::Tensor& x, const at::Tensor& dy, int64_t padding) {
  TORCH_CHECK(x.dim() == 4 && dy.dim() == 4 && x.size(0) == dy.size(0) &&
                  dy.size(1) == x.size(1) + 2 * padding - 2 && dy.size(2) == x.size(2) + 2 * padding - 2,
              "gradient of a convolution: images of ", x.sizes(), " and dy of ", dy.sizes(), " do not fit");
  at::Tensor result = at::empty({3, 3, x.size(3), dy.size(3)}, x.options());
  Gradient g{{x.data_ptr<float>(), x.size(1), x.size(2), x.size(3)},
             {dy.data_ptr<float>(), dy.size(1), dy.size(2), dy.size(3)},
             padding,
             result.data_ptr<float>(),
             Tiling(dy.size(0), dy.size(1), dy.size(2)),
             0,
             nullptr,
             nullptr};
  const int64_t tiles = g.tiling.count;
  if (tiles == 0 || result.numel() == 0) return result.zero_();
  const int64_t fitting = kBlockFloats / (kPositions * (g.x.lines() + g.dy.lines()) * kLine);
  const int64_t blocks = divide_up(tiles, std::clamp(fitting, kLeastTiles, kMostTiles));
  g.block_tiles = divide_up(tiles, blocks);

  const int64_t in_groups = divide_up(g.x.lines(), kGroupLines),
                out_groups = divide_up(g.dy.lines(), kGroupLines);
  const int64_t worker_floats = std::max(kPositions * kProductPosition, g.patch());
  const int64_t v_floats = kPositions * g.v_position(), d_floats = kPositions * g.d_position();
  const at::Tensor scratch = at::empty({v_floats + d_floats + workers() * worker_floats}, x.options());
  g.v = scratch.data_ptr<float>();
  g.d = g.v + v_floats;
  float* const own = g.d + d_floats;
  for (int64_t first = 0; first < tiles; first += g.block_tiles) {
    const int64_t last = std::min(first + g.block_tiles, tiles);
    for_each_unit(divide_up(last - first, kPieceTiles), [&](int64_t unit, int64_t worker) {
      const int64_t begin = first + unit * kPieceTiles;
      transform_tiles(g, first, begin, std::min(begin + kPieceTiles, last), own + worker * worker_floats);
    });
    for_each_unit(in_groups * out_groups, [&](int64_t unit, int64_t worker) {
      add_products(g, last - first, unit / out_groups * kGroupLines, unit % out_groups * kGroupLines,
                   first > 0, own + worker * worker_floats);
    });
  }
  return result;
}

}  // namespace sf
