// Maximum pooling of NHWC tensors with explicit symmetric padding that never wins, as torch.nn.MaxPool2d. A
// NaN wins over every number. The gradient of a window goes to its first maximum in row-major order; to
// nobody where the maximum is NaN.
#pragma once

#include <cstdint>

#include "cuda.h"

namespace sf {

// The larger of two, NaN where either is.
SF_HOST_DEVICE inline float larger(float a, float b) { return b > a || b != b ? b : a; }

struct PoolShape {
  int64_t batch;
  int64_t height;
  int64_t width;
  int64_t channels;
  int64_t out_height;
  int64_t out_width;
  int64_t size;
  int64_t stride;
  int64_t padding;

  // The rows (or columns) [first, last) of a window within `length` of them.
  struct Range {
    int64_t first;
    int64_t last;
  };
  SF_HOST_DEVICE Range window(int64_t out, int64_t length) const {
    const int64_t first = out * stride - padding;
    return {first < 0 ? 0 : first, first + size > length ? length : first + size};
  }
  // The windows [first, last), of `count`, that hold a row (or column): those from ceil((at + padding - size
  // + 1) / stride) on.
  SF_HOST_DEVICE Range windows_over(int64_t at, int64_t count) const {
    const int64_t end = at + padding;
    const int64_t first = end < size ? 0 : (end - size) / stride + 1;
    const int64_t last = end / stride + 1;
    return {first, last < count ? last : count};
  }
};

#if defined(SF_CUDA) || defined(__CUDACC__)
void launch_max_pool(const PoolShape& shape, const float* x, float* y, cudaStream_t stream);
void launch_max_pool_gradient(const PoolShape& shape, const float* dy, const float* x, const float* y,
                              float* dx, cudaStream_t stream);
#endif

}  // namespace sf
