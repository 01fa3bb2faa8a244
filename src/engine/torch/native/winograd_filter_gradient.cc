// The gradient of a 3x3 convolution by its filter with Winograd's transforms: the adjoint of the forward
// pass, so
//
//     dg[in, out] = G^T (sum over tiles of V[in] . (A dy[out] A^T)) G,    V = B^T d B as in the forward pass,
//
// and the sum is, for each of the 36 positions, a product of matrices [in, tiles] [tiles, out]. As many tiles
// are taken at a time, a block, as have room in the cache when transformed; then units of work each compute
// all positions of some input and output channels, transform them back and add them to the result. While they
// do, the next block is transformed.

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <vector>

#include "gemm_tile.h"
#include "units.h"
#include "winograd.h"
#include "winograd_patches.h"

namespace sf {
namespace {

// A block is of kLeastTiles to kMostTiles, between which its transformed patches take at most kBlockFloats.
// Every block costs a transform of all products and an addition to the whole result, which 32 tiles do not
// outweigh: at 256 channels 128 tiles are 1.5 times, 256 tiles 1.8 times as fast beside other work, which
// leaves less of the caches, and 1.1 times alone. Where few units multiply a block, there are to be many.
constexpr int64_t kBlockFloats = 1 << 22;
constexpr int64_t kGroupFloats = 1 << 19;  // of a block, for each unit that multiplies it
constexpr int64_t kLeastTiles = 128;
constexpr int64_t kMostTiles = 512;
constexpr int64_t kBuffers = 3;     // blocks in memory: one multiplied, one transformed, one waited for
constexpr int64_t kPieceTiles = 8;  // of a unit of the transforms
constexpr int64_t kGroupLines = 4;  // lines of input, and of output, channels of a unit of the products
constexpr int64_t kGroup = kGroupLines * kLine;
constexpr int64_t kProductPosition = position_stride(kGroup * kGroup);

struct Gradient {
  Images x, dy;
  int64_t padding;
  float* result;  // [3, 3, in, out]
  Tiling tiling;
  int64_t block_tiles;  // changes the order of the sum, so it follows from the shape alone

  int64_t blocks() const { return divide_up(tiling.count, block_tiles); }
  int64_t in_groups() const { return divide_up(x.lines(), kGroupLines); }
  int64_t out_groups() const { return divide_up(dy.lines(), kGroupLines); }
  int64_t line() const { return block_tiles * kLine; }
  int64_t v_position() const { return position_stride(x.lines() * line()); }
  int64_t d_position() const { return position_stride(dy.lines() * line()); }
  int64_t buffer_floats() const { return kPositions * (v_position() + d_position()); }
  int64_t worker_floats() const {
    const int64_t patch = kPatch * kPatch * std::max(x.lines(), dy.lines()) * kLine;
    return std::max(kPositions * kProductPosition, patch);
  }
};

// Some tiles and the room for their transformed patches.
struct Block {
  int64_t first, count;
  float* v;  // [position][in / 16][block_tiles][16]
  float* d;  // [position][out / 16][block_tiles][16]
};

// Transforms the patches of kPieceTiles tiles of a block.
void transform_tiles(const Gradient& g, const Block& block, int64_t piece, float* patch) {
  const WinogradKernels& kernels = winograd_kernels();
  const int64_t end = std::min((piece + 1) * kPieceTiles, block.count);
  for (int64_t t = piece * kPieceTiles; t < end; ++t) {
    const auto at = g.tiling.place(block.first + t);
    const int64_t to = t * kLine;
    spread_patch(kernels.input, kPatch, g.x, at.image, at.y - g.padding, at.x - g.padding, block.v + to,
                 g.line(), g.v_position(), patch);
    spread_patch(kernels.output_gradient, kTile, g.dy, at.image, at.y, at.x, block.d + to, g.line(),
                 g.d_position(), patch);
  }
}

// Adds what a block gives to the filters of kGroupLines lines of input and of output channels. `m` is room
// for the products, [position][in][out].
void add_products(const Gradient& g, const Block& block, int64_t group, float* m) {
  const TileKernels& tiles = tile_kernels();
  const int64_t in = g.x.channels, out = g.dy.channels;
  const int64_t first_in = group / g.out_groups() * kGroup, last_in = std::min(first_in + kGroup, in);
  const int64_t out_line = group % g.out_groups() * kGroupLines;
  const int64_t lines = std::min(kGroupLines, g.dy.lines() - out_line);
  const int64_t height = tiles.panel_rows(kLine);
  const bool accumulate = block.first > 0;
  for (int64_t p = 0; p < kPositions; ++p) {
    for (int64_t line = 0; line < lines; line += tiles.lines) {
      const int64_t width = std::min(tiles.lines, lines - line);
      const float* d = block.d + p * g.d_position() + (out_line + line) * g.line();
      for (int64_t i = first_in; i < last_in;) {
        const int64_t lane = i % kLine, rows = std::min({height, kLine - lane, last_in - i});
        const float* v = block.v + p * g.v_position() + i / kLine * g.line() + lane;
        float* to = m + p * kProductPosition + (i - first_in) * kGroup + line * kLine;
        tiles.multiply[true][width - 1][rows - 1](block.count, v, d, g.line(), to, kGroup, false);
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

void sum_over_tiles(const Gradient& g) {
  const int64_t blocks = g.blocks(), buffers = std::min(blocks, kBuffers);
  const at::Tensor scratch =
      at::empty({buffers * g.buffer_floats() + workers() * g.worker_floats()}, at::TensorOptions(at::kFloat));
  float* const room = scratch.data_ptr<float>();
  float* const own = room + buffers * g.buffer_floats();
  const auto block_of = [&](int64_t index) -> Block {
    const int64_t first = index * g.block_tiles;
    float* const v = room + index % buffers * g.buffer_floats();
    return {first, std::min(g.block_tiles, g.tiling.count - first), v, v + kPositions * g.v_position()};
  };

  // Transform block 0, 1, multiply 0, transform 2, multiply 1, ...
  struct Step {
    bool transforms;
    int64_t block;
  };
  std::vector<Step> steps;
  std::vector<Stage> stages;
  std::vector<int64_t> transformed, multiplied;  // the stage at which each block is
  const auto multiply_block = [&](int64_t block) {
    multiplied.push_back(static_cast<int64_t>(stages.size()));
    steps.push_back({false, block});
    stages.push_back(
        {g.in_groups() * g.out_groups(), {transformed[block], block > 0 ? multiplied[block - 1] : -1}});
  };
  for (int64_t block = 0; block < blocks; ++block) {
    transformed.push_back(static_cast<int64_t>(stages.size()));
    steps.push_back({true, block});
    stages.push_back({divide_up(block_of(block).count, kPieceTiles),
                      {block >= buffers ? multiplied[block - buffers] : -1, -1}});
    if (block > 0) multiply_block(block - 1);
  }
  multiply_block(blocks - 1);

  for_each_staged_unit(stages, [&](int64_t stage, int64_t unit, int64_t worker) {
    const auto [transforms, block] = steps[stage];
    (transforms ? transform_tiles : add_products)(g, block_of(block), unit, own + worker * g.worker_floats());
  });
}

}  // namespace

at::Tensor winograd_filter_gradient(const at::Tensor& x, const at::Tensor& dy, int64_t padding) {
  TORCH_CHECK(x.dim() == 4 && dy.dim() == 4 && x.size(0) == dy.size(0) &&
                  dy.size(1) == x.size(1) + 2 * padding - 2 && dy.size(2) == x.size(2) + 2 * padding - 2,
              "gradient of a convolution: images of ", x.sizes(), " and dy of ", dy.sizes(), " do not fit");
  at::Tensor result = at::empty({3, 3, x.size(3), dy.size(3)}, x.options());
  const Tiling tiling(dy.size(0), dy.size(1), dy.size(2));
  if (tiling.count == 0 || result.numel() == 0) return result.zero_();
  Gradient g{{x.data_ptr<float>(), x.size(1), x.size(2), x.size(3)},
             {dy.data_ptr<float>(), dy.size(1), dy.size(2), dy.size(3)},
             padding,
             result.data_ptr<float>(),
             tiling,
             0};
  const int64_t room = std::min(kBlockFloats, g.in_groups() * g.out_groups() * kGroupFloats);
  const int64_t fitting = room / (kPositions * (g.x.lines() + g.dy.lines()) * kLine);
  const int64_t blocks = divide_up(tiling.count, std::clamp(fitting, kLeastTiles, kMostTiles));
  g.block_tiles = divide_up(tiling.count, blocks);
  sum_over_tiles(g);
  return result;
}

}  // namespace sf
