// Blocking and packing of the matrix product. C is cut into blocks, a block is a unit of work for one thread;
// over pieces of the depth, the unit packs its part of B (to stay in the second-level cache) and, panel by
// panel, of A (first level), and multiplies them by the tiles of gemm_tile.h. An element of C is summed in
// the same order however C is cut, so its value does not depend on the number of threads.

#include "gemm.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <vector>

#include "gemm_tile.h"
#include "pack.h"
#include "relu.h"
#include "units.h"
#include "vectors.h"

namespace sf {
namespace {

constexpr int64_t kMostDepth = 256;    // of a packed piece
constexpr int64_t kMostRows = 504;     // of a block of C
constexpr int64_t kMostColumns = 512;  // so that a packed piece of B has at most 512 kB
constexpr int64_t kPackedA = kMostDepth * kLine;
constexpr int64_t kPackedB = kMostDepth * kMostColumns;
constexpr int64_t kEdge = kMostTileRows * kMostTileLines * kLine;
constexpr int64_t kScratch = kPackedA + kPackedB + kEdge;  // floats a worker needs
// Below this many multiplications, waking other threads takes longer than computing.
constexpr int64_t kSmall = 1 << 17;
// A product with a C below kFewElements is cut along its depth, into at most kMostSegments of at least
// kLeastSegment.
constexpr int64_t kMostPartial = 1 << 19;  // floats of partial sums
constexpr int64_t kMostSegments = 16;
constexpr int64_t kLeastSegment = 1024;

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

SF_INLINE void end_rows(float* __restrict c, int64_t c_stride, const float* __restrict bias,
                        const float* __restrict added, float slope, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r, c += c_stride) {
    for (int64_t j = 0; j < columns; ++j) {
      float value = c[j];
      if (bias != nullptr) value += bias[j];
      if (added != nullptr) value += added[j];
      c[j] = leaky_relu(value, slope);
    }
    if (added != nullptr) added += c_stride;
  }
}

// The product's ending for `rows` rows from `row` on, and those columns.
void end_block(const Product& p, int64_t row, int64_t rows, Range columns) {
  if (!p.ending.any()) return;
  const auto& [bias, added, slope] = p.ending;
  const int64_t place = row * p.c_stride + columns.begin;
  widest<end_rows>(p.c + place, p.c_stride, bias == nullptr ? nullptr : bias + columns.begin,
                   added == nullptr ? nullptr : added + place, slope, rows, columns.size());
}

// One block of C, from one piece of the depth; the last piece brings the ending.
void multiply_piece(const Product& p, Range rows, Range columns, Range depth, bool last, float* scratch) {
  const TileKernels& kernels = tile_kernels();
  float* const packed_a = scratch;
  float* const packed_b = packed_a + kPackedA;
  float* const edge = packed_b + kPackedB;
  const int64_t k = depth.size();
  const int64_t b_stride = k * kLine;
  for (int64_t j = columns.begin; j < columns.end; j += kLine) {
    const int64_t width = std::min(kLine, columns.end - j);
    float* to = packed_b + (j - columns.begin) * k;
    if (p.b.transposed) {
      pack_transposed(p.b.data + j * p.b.stride + depth.begin, p.b.stride, width, k, to);
    } else {
      pack_by_column(p.b.data + depth.begin * p.b.stride + j, p.b.stride, width, k, to);
    }
  }
  const int64_t tile_columns = kernels.lines * kLine;
  const int64_t panel = kernels.panel_rows(rows.size());
  for (int64_t i = rows.begin; i < rows.end; i += panel) {
    const int64_t height = std::min(panel, rows.end - i);
    if (p.a.transposed) {
      pack_by_column(p.a.data + depth.begin * p.a.stride + i, p.a.stride, p.rows - i, k, packed_a);
    } else {
      pack_by_row(p.a.data + i * p.a.stride + depth.begin, p.a.stride, height, k, packed_a);
    }
    for (int64_t j = columns.begin; j < columns.end; j += tile_columns) {
      const int64_t width = std::min(tile_columns, columns.end - j);
      const int64_t lines = divide_up(width, kLine);
      const auto tile = kernels.multiply[p.a.transposed][lines - 1][height - 1];
      const float* line = packed_b + (j - columns.begin) * k;
      float* to = p.c + i * p.c_stride + j;
      if (width == lines * kLine) {
        tile(k, packed_a, line, b_stride, to, p.c_stride, p.accumulate);
        continue;
      }
      if (p.accumulate) {
        for (int64_t r = 0; r < height; ++r) std::copy_n(to + r * p.c_stride, width, edge + r * tile_columns);
      }
      tile(k, packed_a, line, b_stride, edge, tile_columns, p.accumulate);
      for (int64_t r = 0; r < height; ++r) std::copy_n(edge + r * tile_columns, width, to + r * p.c_stride);
    }
    if (last) end_block(p, i, height, columns);
  }
}

// How a product is cut into units.
struct Plan {
  int64_t segments, segment_depth;
  int64_t block_rows, block_columns;
  int64_t row_blocks, column_blocks;
  int64_t units;
};

Plan make_plan(const Product& p) {
  Plan plan{};
  // The segments change the order of the sum, so they follow from the shape alone.
  const int64_t elements = p.rows * p.columns * p.batch;
  plan.segments = std::min({kMostPartial / elements, p.depth / kLeastSegment, kMostSegments});
  plan.segments = std::max<int64_t>(plan.segments, 1);
  plan.segment_depth = divide_up(divide_up(p.depth, plan.segments), kLine) * kLine;
  const int64_t tile_columns = tile_kernels().lines * kLine;
  plan.block_rows = std::min(p.rows, kMostRows);
  plan.block_columns = std::min(p.columns, kMostColumns);
  const int64_t wanted = workers() == 1 ? 1 : 3 * workers();
  for (;;) {
    plan.row_blocks = divide_up(p.rows, plan.block_rows);
    plan.column_blocks = divide_up(p.columns, plan.block_columns);
    plan.units = plan.row_blocks * plan.column_blocks * plan.segments * p.batch;
    if (plan.units >= wanted) return plan;
    if (plan.block_rows >= plan.block_columns && plan.block_rows > kMostTileRows) {
      plan.block_rows = divide_up(plan.block_rows, 2);
    } else if (plan.block_columns > tile_columns) {
      plan.block_columns = divide_up(divide_up(plan.block_columns, 2), tile_columns) * tile_columns;
    } else {
      return plan;
    }
  }
}

// Computes one unit; `partial` holds [segments, batch, rows, columns] where there is more than one segment.
void multiply_unit(const Product& product, const Plan& plan, int64_t unit, float* partial, float* scratch) {
  const int64_t column = unit % plan.column_blocks * plan.block_columns;
  unit /= plan.column_blocks;
  const int64_t row = unit % plan.row_blocks * plan.block_rows;
  unit /= plan.row_blocks;
  const int64_t segment = unit % plan.segments;
  const int64_t item = unit / plan.segments;
  const Range rows{row, std::min(row + plan.block_rows, product.rows)};
  const Range columns{column, std::min(column + plan.block_columns, product.columns)};
  const int64_t first = std::min(segment * plan.segment_depth, product.depth);
  const Range depth{first, std::min(first + plan.segment_depth, product.depth)};

  Product p = product;
  p.a.data += item * p.a.batch_stride;
  p.b.data += item * p.b.batch_stride;
  p.c += item * p.c_batch_stride;
  if (p.ending.added != nullptr) p.ending.added += item * p.c_batch_stride;
  if (plan.segments > 1) {
    p.c = partial + (segment * p.batch + item) * p.rows * p.columns;
    p.c_stride = p.columns;
    p.accumulate = false;
    p.ending = {};
  }
  const int64_t pieces = std::max<int64_t>(1, divide_up(depth.size(), kMostDepth));
  const int64_t piece = divide_up(divide_up(depth.size(), pieces), kLine) * kLine;
  int64_t begin = depth.begin;
  do {  // once even where there is nothing to sum: C becomes zero
    const int64_t end = std::min(begin + piece, depth.end);
    multiply_piece(p, rows, columns, {begin, end}, end >= depth.end, scratch);
    begin = end;
    p.accumulate = true;
  } while (begin < depth.end);
}

// C = the sum of the segments' products, or C += it; and the ending.
void add_segments(const Product& p, int64_t segments, const float* partial) {
  const int64_t rows = p.batch * p.rows;
  at::parallel_for(0, rows, std::max<int64_t>(1, 4096 / p.columns), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      float* to = p.c + r / p.rows * p.c_batch_stride + r % p.rows * p.c_stride;
      for (int64_t segment = 0; segment < segments; ++segment) {
        const float* from = partial + (segment * rows + r) * p.columns;
        const bool add = segment > 0 || p.accumulate;
        for (int64_t j = 0; j < p.columns; ++j) to[j] = add ? to[j] + from[j] : from[j];
      }
      Product item = p;
      item.c = to;
      if (item.ending.added != nullptr) item.ending.added += to - p.c;
      end_block(item, 0, 1, {0, p.columns});
    }
  });
}

}  // namespace

void multiply(const Product& product) {
  if (product.rows <= 0 || product.columns <= 0 || product.batch <= 0) return;
  const Plan plan = make_plan(product);
  const bool alone = product.rows * product.columns * product.depth * product.batch < kSmall;
  const int64_t pieces = alone ? 1 : std::min(workers(), plan.units);
  const auto floats = at::TensorOptions().dtype(at::kFloat);
  const at::Tensor scratch = at::empty({pieces * kScratch}, floats);
  at::Tensor partial;
  if (plan.segments > 1) {
    partial = at::empty({plan.segments * product.batch * product.rows * product.columns}, floats);
  }
  float* const scratch_data = scratch.data_ptr<float>();
  float* const partial_data = partial.defined() ? partial.data_ptr<float>() : nullptr;
  const auto work = [&](int64_t unit, int64_t worker) {
    multiply_unit(product, plan, unit, partial_data, scratch_data + worker * kScratch);
  };
  if (alone) {
    for (int64_t unit = 0; unit < plan.units; ++unit) work(unit, 0);
  } else {
    for_each_unit(plan.units, work);
  }
  if (plan.segments > 1) add_segments(product, plan.segments, partial_data);
}

at::Tensor matrix_product(const at::Tensor& a, const at::Tensor& b, bool transpose_a, bool transpose_b) {
  const int64_t rank = a.dim();
  TORCH_CHECK(rank >= 2 && b.dim() == rank, "matMul: ranks ", rank, " and ", b.dim(),
              " must be equal and at least 2");
  const int64_t rows = a.size(transpose_a ? -1 : -2), depth = a.size(transpose_a ? -2 : -1);
  const int64_t columns = b.size(transpose_b ? -2 : -1);
  TORCH_CHECK(depth == b.size(transpose_b ? -1 : -2), "matMul: inner dimensions of ", a.sizes(),
              transpose_a ? " (transposed)" : "", " and ", b.sizes(), transpose_b ? " (transposed)" : "",
              " differ");
  int64_t a_batch = 1, b_batch = 1;
  std::vector<int64_t> shape;
  for (int64_t d = 0; d < rank - 2; ++d) {
    a_batch *= a.size(d);
    b_batch *= b.size(d);
    shape.push_back(std::max(a.size(d), b.size(d)));
  }
  const auto batch_sizes = [&](const at::Tensor& x) { return x.sizes().slice(0, rank - 2); };
  TORCH_CHECK(a_batch == 1 || b_batch == 1 || batch_sizes(a) == batch_sizes(b), "matMul: batches of ",
              a.sizes(), " and ", b.sizes(), " do not fit");
  shape.insert(shape.end(), {rows, columns});
  at::Tensor c = at::empty(shape, a.options());
  Product product{rows, columns, depth, {}, {}, c.data_ptr<float>(), columns};
  product.a = {a.data_ptr<float>(), a.size(-1), transpose_a, a_batch == 1 ? 0 : rows * depth};
  product.b = {b.data_ptr<float>(), b.size(-1), transpose_b, b_batch == 1 ? 0 : depth * columns};
  product.batch = a_batch == 0 || b_batch == 0 ? 0 : std::max(a_batch, b_batch);
  product.c_batch_stride = rows * columns;
  if (product.batch > 1 && b_batch == 1 && !transpose_a) {  // one tall product
    product.rows *= product.batch;
    product.batch = 1;
  }
  multiply(product);
  return c;
}

}  // namespace sf
