// Rows of a matrix by index, and the sum of rows back into a matrix, on the CPU; their launch on CUDA. The
// rows are the foreground of a batch, few of them: one thread, so that equal indices are added in their
// order.
#include "rows.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#ifdef SF_CUDA
#include <ATen/ops/sort.h>
#endif

#include <algorithm>
#include <stdexcept>
#include <string>

#include "families.h"

namespace sf {
namespace {

bool is_row(int32_t index, int64_t rows) { return index >= 0 && index < rows; }

// x [N, D] at indices int32 [P]: [P, D].
at::Tensor gather_rows(const at::Tensor& x, const at::Tensor& indices) {
  const int64_t rows = x.size(0), columns = x.size(1), count = indices.numel();
  at::Tensor y = at::empty({count, columns}, x.options());
  const float* from = x.data_ptr<float>();
  const int32_t* index = indices.data_ptr<int32_t>();
  float* to = y.data_ptr<float>();
#ifdef SF_CUDA
  if (x.is_cuda()) {
    if (y.numel() > 0) launch_gather_rows(from, index, count, rows, columns, to, current_stream());
    return y;
  }
#endif
  for (int64_t i = 0; i < count; ++i) {
    if (!is_row(index[i], rows)) {
      throw std::invalid_argument("the index at " + std::to_string(i) + " is not a row of 0 .. " +
                                  std::to_string(rows - 1));
    }
    std::copy_n(from + index[i] * columns, columns, to + i * columns);
  }
  return y;
}

// The sums of the rows of dy [P, D] at their indices int32 [P]: [rows, D]. Indices that are no row are left
// out.
at::Tensor scatter_rows(const at::Tensor& dy, const at::Tensor& indices, int64_t rows) {
  const int64_t count = dy.size(0), columns = dy.size(1);
  at::Tensor dx = at::zeros({rows, columns}, dy.options());
  const float* from = dy.data_ptr<float>();
  float* to = dx.data_ptr<float>();
#ifdef SF_CUDA
  if (dy.is_cuda()) {
    if (dy.numel() == 0) return dx;
    const auto [sorted, order] = at::sort(indices, /*stable=*/true, /*dim=*/0, /*descending=*/false);
    launch_scatter_rows(from, sorted.data_ptr<int32_t>(), order.data_ptr<int64_t>(), count, rows, columns, to,
                        current_stream());
    return dx;
  }
#endif
  const int32_t* index = indices.data_ptr<int32_t>();
  for (int64_t i = 0; i < count; ++i) {
    if (!is_row(index[i], rows)) continue;
    for (int64_t c = 0; c < columns; ++c) to[index[i] * columns + c] += from[i * columns + c];
  }
  return dx;
}

}  // namespace

void export_rows(Exports& exports) {
  exports.add("sfGatherRows", &gather_rows);
  exports.add("sfScatterRows", &scatter_rows);
}

}  // namespace sf
