// The forward convolution and the gradient by its input, which is the convolution of dy with the filter
// turned around. The filter is transformed once, to one matrix [in, out] for each of the 36 positions; then
// units of work each take a block of tiles through everything while it is in the cache: patches transformed
// to V, per position M = V U, and M transformed back, with bias, residual and ReLU added on the way out.

#include "winograd.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <vector>

#include "gemm_tile.h"
#include "pack.h"
#include "units.h"
#include "winograd_patches.h"

namespace sf {
namespace {

constexpr int64_t kBlockTiles = 56;        // tiles of a unit
constexpr int64_t kLeastTiles = 28;        // below this, reading the filter costs more than multiplying
constexpr int64_t kGroupLines = 4;         // lines of outputs that are computed together
constexpr int64_t kBlockFloats = 1 << 20;  // of V, at most, where that leaves kLeastTiles

// The filters of a convolution, transformed: U[position][out / 16][in][16].
struct TransformedFilter {
  at::Tensor storage;
  const float* data;
  int64_t in, out;
  int64_t lines() const { return divide_up(out, kLine); }
  int64_t line() const { return in * kLine; }
  int64_t position() const { return position_stride(lines() * line()); }
};

// With `turned`, the filter of the input gradient: in and out exchanged, and both of the sides reversed.
TransformedFilter transform_filter(const at::Tensor& filter, bool turned) {
  constexpr int64_t piece = 16;  // input channels at a time
  const int64_t rows = filter.size(2), columns = filter.size(3);
  TransformedFilter result{{}, nullptr, turned ? columns : rows, turned ? rows : columns};
  result.storage = at::empty({kPositions * result.position()}, filter.options());
  float* const to = result.storage.data_ptr<float>();
  result.data = to;
  const float* const from = filter.data_ptr<float>();
  const int64_t pieces = divide_up(result.in, piece);
  for_each_unit(result.lines() * pieces, [&](int64_t unit, int64_t) {
    const int64_t line = unit / pieces, first = unit % pieces * piece;
    const int64_t depth = std::min(piece, result.in - first), width = result.out - line * kLine;
    alignas(64) float taps[9][piece * kLine];
    for (int64_t tap = 0; tap < 9; ++tap) {
      const float* matrix = from + (turned ? 8 - tap : tap) * rows * columns;
      if (turned) {
        pack_transposed(matrix + line * kLine * columns + first, columns, width, depth, taps[tap]);
      } else {
        pack_by_column(matrix + first * columns + line * kLine, columns, width, depth, taps[tap]);
      }
    }
    winograd_kernels().filter(taps[0], 3 * piece * kLine, piece * kLine, depth,
                              to + line * result.line() + first * kLine, kLine, result.position());
  });
  return result;
}

// How the tiles and the output channels are cut into units, and what a unit needs.
struct Plan {
  int64_t tiles;  // of a block
  int64_t blocks;
  int64_t shares;                         // of the output channels
  int64_t share_lines;                    // lines of a share
  int64_t v_position, m_position, patch;  // floats
  int64_t scratch() const { return kPositions * (v_position + m_position) + patch; }
};

Plan make_plan(int64_t tiles, int64_t in_lines, int64_t out_lines) {
  const int64_t wanted = workers();
  const int64_t fitting = kBlockFloats / (kPositions * in_lines * kLine);
  const int64_t most = std::clamp(fitting, kLeastTiles, kBlockTiles);
  Plan plan{};
  plan.blocks = divide_up(tiles, most);
  plan.shares = 1;
  if (plan.blocks < 8 * wanted) {
    // Every thread gets as many blocks; where they would become too small, threads share a block.
    plan.blocks =
        std::min(divide_up(plan.blocks, wanted) * wanted, std::max<int64_t>(1, tiles / kLeastTiles));
    plan.shares = std::min(divide_up(wanted, plan.blocks), divide_up(out_lines, 2));
  }
  plan.tiles = divide_up(tiles, plan.blocks);
  plan.blocks = divide_up(tiles, plan.tiles);
  plan.share_lines = divide_up(out_lines, plan.shares);
  plan.shares = divide_up(out_lines, plan.share_lines);
  plan.v_position = position_stride(plan.tiles * in_lines * kLine);
  plan.m_position = position_stride(plan.tiles * std::min(kGroupLines, plan.share_lines) * kLine);
  plan.patch = kPatch * kPatch * in_lines * kLine;
  return plan;
}

struct Convolution {
  Images x;
  const TransformedFilter& filter;
  int64_t padding;
  int64_t height, width;  // of the results
  float* y;
  const float* bias;  // of whole lines, or null
  const float* residual;
  float slope;
};

// Writes the results of one tile for `lines` lines of channels from `channel` on.
void write_tile(const Convolution& c, const Tiling::Place& at, const float* m, int64_t m_position,
                int64_t channel, int64_t lines) {
  const auto& kernels = winograd_kernels();
  const int64_t out = c.filter.out;
  const int64_t place = ((at.image * c.height + at.y) * c.width + at.x) * out + channel;
  OutputTile tile{c.y + place,
                  c.width * out,
                  out,
                  std::min(kTile, c.height - at.y),
                  std::min(kTile, c.width - at.x),
                  c.bias == nullptr ? nullptr : c.bias + channel,
                  c.residual == nullptr ? nullptr : c.residual + place,
                  c.slope};
  const int64_t whole = std::min(lines, (out - channel) / kLine);
  if (whole > 0) kernels.output(m, m_position, whole, tile);
  if (whole == lines) return;

  // The last line reaches over the last channel.
  alignas(64) float y[kTile * kTile * kLine], residual[kTile * kTile * kLine] = {};
  const int64_t rest = whole * kLine, width = out - channel - rest;
  const auto each_pixel = [&](const auto& copy) {
    for (int64_t i = 0; i < tile.rows; ++i) {
      for (int64_t j = 0; j < tile.columns; ++j)
        copy(i * tile.row + j * tile.pixel + rest, (i * kTile + j) * kLine);
    }
  };
  if (tile.residual != nullptr) {
    each_pixel(
        [&](int64_t there, int64_t here) { std::copy_n(tile.residual + there, width, residual + here); });
  }
  OutputTile last = tile;
  last.y = y;
  last.row = kTile * kLine;
  last.pixel = kLine;
  if (tile.bias != nullptr) last.bias += rest;
  if (tile.residual != nullptr) last.residual = residual;
  kernels.output(m + rest, m_position, 1, last);
  each_pixel([&](int64_t there, int64_t here) { std::copy_n(y + here, width, tile.y + there); });
}

void convolve_unit(const Convolution& c, const Tiling& tiling, const Plan& plan, int64_t unit,
                   float* scratch) {
  const TileKernels& tiles = tile_kernels();
  float* const v = scratch;
  float* const m = v + kPositions * plan.v_position;
  float* const patch = m + kPositions * plan.m_position;
  const int64_t share = unit % plan.shares, first = unit / plan.shares * plan.tiles;
  const int64_t count = std::min(plan.tiles, tiling.count - first);
  const int64_t in_lines = c.x.lines();

  // V[position][panel][in / 16][tile of the panel][16]
  const int64_t panel = tiles.panel_rows(count);
  for (int64_t t = 0; t < count; ++t) {
    const auto at = tiling.place(first + t);
    const int64_t begin = t / panel * panel, rows = std::min(panel, count - begin);
    float* to = v + begin * in_lines * kLine + (t - begin) * kLine;
    spread_patch(winograd_kernels().input, kPatch, c.x, at.image, at.y - c.padding, at.x - c.padding, to,
                 rows * kLine, plan.v_position, patch);
  }
  const int64_t last_line = std::min((share + 1) * plan.share_lines, c.filter.lines());
  for (int64_t group = share * plan.share_lines; group < last_line; group += kGroupLines) {
    // M[position][tile][16 * lines of the group]
    const int64_t lines = std::min(kGroupLines, last_line - group), m_row = lines * kLine;
    for (int64_t p = 0; p < kPositions; ++p) {
      for (int64_t line = 0; line < lines; line += tiles.lines) {
        const int64_t width = std::min(tiles.lines, lines - line);
        const float* u = c.filter.data + p * c.filter.position() + (group + line) * c.filter.line();
        for (int64_t begin = 0; begin < count; begin += panel) {
          const int64_t rows = std::min(panel, count - begin);
          tiles.multiply[false][width - 1][rows - 1](
              c.filter.in, v + p * plan.v_position + begin * in_lines * kLine, u, c.filter.line(),
              m + p * plan.m_position + begin * m_row + line * kLine, m_row, false);
        }
      }
    }
    for (int64_t t = 0; t < count; ++t) {
      write_tile(c, tiling.place(first + t), m + t * m_row, plan.m_position, group * kLine, lines);
    }
  }
}

void convolve(const Convolution& c, int64_t batch) {
  const Tiling tiling(batch, c.height, c.width);
  if (tiling.count == 0) return;
  const Plan plan = make_plan(tiling.count, c.x.lines(), c.filter.lines());
  const int64_t units = plan.blocks * plan.shares;
  const at::Tensor scratch =
      at::empty({std::min(workers(), units) * plan.scratch()}, at::TensorOptions(at::kFloat));
  float* const data = scratch.data_ptr<float>();
  for_each_unit(units, [&](int64_t unit, int64_t worker) {
    convolve_unit(c, tiling, plan, unit, data + worker * plan.scratch());
  });
}

void check_filter(const at::Tensor& filter, const char* what, const at::Tensor& images,
                  int64_t channels_dimension) {
  TORCH_CHECK(filter.dim() == 4 && filter.size(0) == 3 && filter.size(1) == 3, what, ": a filter of ",
              filter.sizes(), " is not 3x3");
  TORCH_CHECK(images.dim() == 4 && images.size(3) == filter.size(channels_dimension), what, ": images of ",
              images.sizes(), " do not fit a filter of ", filter.sizes());
}

}  // namespace

bool winograd_suits(int64_t in_channels, int64_t out_channels, int64_t height, int64_t width, int64_t batch) {
  if (simd() == Simd::kPortable) return false;
  // Measured against oneDNN 2.6.3 on Zen 4. Channels are computed 16 at a time, so that few of them are a
  // waste ...
  if (std::min(in_channels, out_channels) < 8 || in_channels * out_channels < 256) return false;
  // ... as are tiles that reach far over the edge: with 2.6 times the results the gain is used up. oneDNN
  // itself is slow where there is next to nothing to compute.
  const int64_t tiles = Tiling(batch, height, width).count;
  return tiles <= 4 || 10 * tiles * kTile * kTile <= 26 * batch * height * width;
}

at::Tensor winograd_convolution(const at::Tensor& x, const at::Tensor& filter,
                                const c10::optional<at::Tensor>& bias, double slope, int64_t padding,
                                const c10::optional<at::Tensor>& residual) {
  check_filter(filter, "convolution", x, 2);
  const int64_t batch = x.size(0), height = x.size(1) + 2 * padding - 2, width = x.size(2) + 2 * padding - 2;
  const int64_t out = filter.size(3);
  TORCH_CHECK(height > 0 && width > 0, "convolution: images of ", x.sizes(), " are smaller than the filter");
  TORCH_CHECK(!bias || bias->numel() == out, "convolution: ", bias->sizes(), " biases for ", out,
              " channels");
  at::Tensor y = at::empty({batch, height, width, out}, x.options());
  TORCH_CHECK(!residual || residual->sizes() == y.sizes(), "convolution: a residual of ", residual->sizes(),
              " for a result of ", y.sizes());
  const TransformedFilter transformed = transform_filter(filter, false);
  std::vector<float> biases;
  if (bias) {
    biases.assign(transformed.lines() * kLine, 0.0F);
    std::copy_n(bias->data_ptr<float>(), out, biases.begin());
  }
  convolve({{x.data_ptr<float>(), x.size(1), x.size(2), x.size(3)},
            transformed,
            padding,
            height,
            width,
            y.data_ptr<float>(),
            bias ? biases.data() : nullptr,
            residual ? residual->data_ptr<float>() : nullptr,
            static_cast<float>(slope)},
           batch);
  return y;
}

at::Tensor winograd_input_gradient(const at::Tensor& dy, const at::Tensor& filter, int64_t padding,
                                   int64_t height, int64_t width) {
  check_filter(filter, "gradient of a convolution", dy, 3);
  TORCH_CHECK(dy.size(1) == height + 2 * padding - 2 && dy.size(2) == width + 2 * padding - 2,
              "gradient of a convolution: dy of ", dy.sizes(), " for images of ", height, " x ", width);
  at::Tensor dx = at::empty({dy.size(0), height, width, filter.size(2)}, dy.options());
  const TransformedFilter transformed = transform_filter(filter, true);
  convolve({{dy.data_ptr<float>(), dy.size(1), dy.size(2), dy.size(3)},
            transformed,
            2 - padding,
            height,
            width,
            dx.data_ptr<float>(),
            nullptr,
            nullptr,
            1.0F},
           dy.size(0));
  return dx;
}

}  // namespace sf
