// Sums of rows by the segment that each belongs to: segment sums, histograms, sparse segment reductions.
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <stdexcept>

#include "convert.h"
#include "families.h"

namespace sf {
namespace {

// Columns that are worth a thread of their own, for a thread reads every segment's number.
constexpr int64_t kColumnsOfPart = 32;

// Each thread adds some of the columns of all rows, in order.
template <typename T>
void add_rows(const T* x, const int32_t* segments, int64_t rows, int64_t columns, int64_t count, T* sums) {
  at::parallel_for(0, columns, kColumnsOfPart, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t segment = segments[row];
      if (segment < 0 || segment >= count) continue;
      const T* from = x + row * columns;
      T* to = sums + segment * columns;
      for (int64_t i = begin; i < end; ++i) to[i] += from[i];
    }
  });
}

// [count, columns] of x [rows, columns] and segments [rows]; rows of segments that are not there count
// nowhere. float32 or int32.
at::Tensor sum_by_segment(const at::Tensor& x, const at::Tensor& segments, int64_t count) {
  const int64_t rows = x.size(0);
  const int64_t columns = x.size(1);
  if (!x.device().is_cpu()) {
    const auto inside = at::where(segments.lt(0).logical_or_(segments.ge(count)), count, segments);
    auto sums = at::zeros({count + 1, columns}, x.options());
    return sums.index_add_(0, inside.to(at::kLong), x).narrow(0, 0, count);
  }
  auto sums = at::zeros({count, columns}, x.options());
  const auto* ids = segments.data_ptr<int32_t>();
  AT_DISPATCH_ALL_TYPES(x.scalar_type(), "sum_by_segment", [&] {
    add_rows(x.data_ptr<scalar_t>(), ids, rows, columns, count, sums.data_ptr<scalar_t>());
  });
  return sums;
}

at::Tensor summable(const at::Tensor& x) { return x.scalar_type() == at::kBool ? x.to(at::kInt) : x; }

// x [segments' shape..., columns...] -> [count, columns...].
at::Tensor unsorted_segment_sum(const at::Tensor& x, const at::Tensor& segments, int64_t count) {
  std::vector<int64_t> shape = x.sizes().slice(segments.dim()).vec();
  const int64_t rows = segments.numel();
  const int64_t columns = rows == 0 ? 0 : x.numel() / rows;
  shape.insert(shape.begin(), count);
  if (x.numel() == 0) return at::zeros(shape, summable(x).options());
  return sum_by_segment(summable(x).view({rows, columns}), segments.view({rows}), count).view(shape);
}

void require_counts(const at::Tensor& x) {
  if (x.lt(0).any().item<bool>()) throw std::invalid_argument("Input x must be non-negative!");
}

// How often each of 0 .. size - 1 is in x, or the sum of the weights where it is; larger numbers are left
// out. x is [n] or [rows, n], then there is a histogram for each row. binary: 1 where it is at all.
at::Tensor bincount(const at::Tensor& x, const at::Tensor& weights, int64_t size, bool binary) {
  require_counts(x);
  const int64_t rows = x.dim() == 2 ? x.size(0) : 1;
  std::vector<int64_t> shape{size};
  if (x.dim() == 2) shape.insert(shape.begin(), rows);
  if (rows * size == 0) return at::zeros(shape, weights.options());
  auto bins = x.to(at::kInt);
  if (x.dim() == 2) {
    const auto first = at::arange(0, rows * size, size, bins.options()).unsqueeze(1);
    bins = at::where(bins.lt(size), bins.add(first), -1).contiguous();
  }
  const auto type = weights.scalar_type();
  const auto amounts =
      binary || weights.numel() == 0
          ? at::ones({x.numel(), 1}, weights.options().dtype(type == at::kFloat ? type : at::kInt))
          : summable(weights).view({x.numel(), 1});
  const auto sums = sum_by_segment(amounts, bins.to(at::kInt).view(-1), rows * size).view(shape);
  return (binary ? sums.gt(0) : sums).to(type);
}

// Of rows of data by index: [segments, columns...], the sum or the mean of a segment's rows, 0 where it has
// none. The last segment is the largest.
at::Tensor sparse_segment_reduction(const at::Tensor& data, const at::Tensor& indices,
                                    const at::Tensor& segments, int64_t count, bool mean) {
  const auto rows = at::index_select(data, 0, indices.to(at::kLong));
  if (!mean) return unsorted_segment_sum(rows, segments, count);
  const auto exact = unsorted_segment_sum(rows.to(at::kDouble), segments, count);
  auto sizes =
      unsorted_segment_sum(at::ones({segments.numel()}, rows.options().dtype(at::kDouble)), segments, count);
  std::vector<int64_t> broadcast(data.dim(), 1);
  broadcast[0] = count;
  return converted(exact.div(sizes.clamp_min_(1).view(broadcast)), data.scalar_type());
}

}  // namespace

void export_segments(Exports& exports) {
  exports.add("bincount", &bincount);
  exports.add("sparseSegmentReduction", &sparse_segment_reduction);
  exports.add("unsortedSegmentSum", &unsorted_segment_sum);
}

}  // namespace sf
