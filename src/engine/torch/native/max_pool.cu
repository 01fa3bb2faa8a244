// Maximum pooling on CUDA: a thread for every output value, and for every input value of the gradient, which
// looks whether it is the first maximum of each window that holds it. Nothing is added to memory, so a sum
// has one order.
#include "cuda_maps.h"
#include "max_pool.h"

namespace sf {
namespace {

struct Value {
  PoolShape shape;
  const float* x;

  __device__ float operator()(int64_t i) const {
    const int64_t c = i % shape.channels;
    i /= shape.channels;
    const auto columns = shape.window(i % shape.out_width, shape.width);
    i /= shape.out_width;
    const auto rows = shape.window(i % shape.out_height, shape.height);
    const float* image = x + (i / shape.out_height) * shape.height * shape.width * shape.channels + c;
    float most = -INFINITY;
    for (int64_t row = rows.first; row < rows.last; ++row) {
      for (int64_t column = columns.first; column < columns.last; ++column) {
        most = larger(most, image[(row * shape.width + column) * shape.channels]);
      }
    }
    return most;
  }
};

struct Gradient {
  PoolShape shape;
  const float* dy;
  const float* x;
  const float* y;

  // Whether no pixel of the window before (row, column) has the value.
  __device__ bool is_first(const float* image, PoolShape::Range rows, PoolShape::Range columns, int64_t row,
                           int64_t column, float value) const {
    for (int64_t r = rows.first; r <= row; ++r) {
      const int64_t last = r < row ? columns.last : column;
      for (int64_t s = columns.first; s < last; ++s) {
        if (image[(r * shape.width + s) * shape.channels] == value) return false;
      }
    }
    return true;
  }

  __device__ float operator()(int64_t i) const {
    const float value = x[i];
    const int64_t c = i % shape.channels;
    i /= shape.channels;
    const int64_t column = i % shape.width;
    i /= shape.width;
    const int64_t row = i % shape.height;
    const int64_t b = i / shape.height;
    const float* image = x + b * shape.height * shape.width * shape.channels + c;
    const auto over_rows = shape.windows_over(row, shape.out_height);
    const auto over_columns = shape.windows_over(column, shape.out_width);
    float sum = 0;
    for (int64_t p = over_rows.first; p < over_rows.last; ++p) {
      const auto rows = shape.window(p, shape.height);
      for (int64_t q = over_columns.first; q < over_columns.last; ++q) {
        const int64_t out = ((b * shape.out_height + p) * shape.out_width + q) * shape.channels + c;
        if (y[out] != value) continue;
        if (is_first(image, rows, shape.window(q, shape.width), row, column, value)) sum += dy[out];
      }
    }
    return sum;
  }
};

}  // namespace

void launch_max_pool(const PoolShape& shape, const float* x, float* y, cudaStream_t stream) {
  const int64_t size = shape.batch * shape.out_height * shape.out_width * shape.channels;
  launch_map(size, Value{shape, x}, y, stream);
}

void launch_max_pool_gradient(const PoolShape& shape, const float* dy, const float* x, const float* y,
                              float* dx, cudaStream_t stream) {
  const int64_t size = shape.batch * shape.height * shape.width * shape.channels;
  launch_map(size, Gradient{shape, dy, x, y}, dx, stream);
}

}  // namespace sf
