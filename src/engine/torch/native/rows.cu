// Rows by index on CUDA.
#include "cuda_maps.h"
#include "rows.h"

namespace sf {
namespace {

struct Gather {
  const float* x;
  const int32_t* indices;
  int64_t rows;
  int64_t columns;

  __device__ float operator()(int64_t i) const {
    const int64_t row = indices[i / columns];
    return row < 0 || row >= rows ? NAN : x[row * columns + i % columns];
  }
};

// A thread for every column of every run of equal indices.
__global__ void scatter(const float* dy, const int32_t* sorted, const int64_t* order, int64_t count,
                        int64_t rows, int64_t columns, float* dx) {
  for (int64_t i = first_element(); i < count * columns; i += element_step()) {
    const int64_t first = i / columns, column = i % columns;
    const int32_t row = sorted[first];
    if (row < 0 || row >= rows || (first > 0 && sorted[first - 1] == row)) continue;
    float sum = 0;
    for (int64_t k = first; k < count && sorted[k] == row; ++k) sum += dy[order[k] * columns + column];
    dx[row * columns + column] = sum;
  }
}

}  // namespace

void launch_gather_rows(const float* x, const int32_t* indices, int64_t count, int64_t rows, int64_t columns,
                        float* y, cudaStream_t stream) {
  launch_map(count * columns, Gather{x, indices, rows, columns}, y, stream);
}

void launch_scatter_rows(const float* dy, const int32_t* sorted, const int64_t* order, int64_t count,
                         int64_t rows, int64_t columns, float* dx, cudaStream_t stream) {
  scatter<<<blocks_for(count * columns), kThreadsOfBlock, 0, stream>>>(dy, sorted, order, count, rows,
                                                                       columns, dx);
  check_launch("scatter rows");
}

}  // namespace sf
