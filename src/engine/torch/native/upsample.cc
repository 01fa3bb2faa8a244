// Nearest-neighbour upsampling on the CPU, and its launch on CUDA.
#include "upsample.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>

#include "families.h"
#include "parts.h"
#include "vectors.h"

namespace sf {
namespace {

// Two rows of y from one of x.
SF_INLINE void copy_row(const CoarseShape& shape, const float* __restrict x, float* __restrict y) {
  const int64_t channels = shape.channels, row = 2 * shape.width * channels;
  float* at = y;
  for (int64_t column = 0; column < shape.width; ++column, x += channels, at += 2 * channels) {
    for (int64_t c = 0; c < channels; ++c) at[c] = at[channels + c] = x[c];
  }
  std::copy(y, y + row, y + row);
}

SF_INLINE void add_row(const CoarseShape& shape, const float* __restrict x, const float* __restrict lateral,
                       float* __restrict y) {
  const int64_t channels = shape.channels, row = 2 * shape.width * channels;
  for (int64_t column = 0; column < shape.width; ++column) {
    for (int64_t c = 0; c < channels; ++c) {
      const float value = x[c];
      y[c] = lateral[c] + value;
      y[channels + c] = lateral[channels + c] + value;
      y[row + c] = lateral[row + c] + value;
      y[row + channels + c] = lateral[row + channels + c] + value;
    }
    x += channels;
    lateral += 2 * channels;
    y += 2 * channels;
  }
}

SF_INLINE void upsample_loop(const CoarseShape* shape, const float* x, const float* lateral, float* y,
                             int64_t first, int64_t last) {
  const int64_t row = shape->width * shape->channels;
  for (int64_t i = first; i < last; ++i) {
    if (lateral == nullptr) {
      copy_row(*shape, x + i * row, y + i * 4 * row);
    } else {
      add_row(*shape, x + i * row, lateral + i * 4 * row, y + i * 4 * row);
    }
  }
}

SF_INLINE void gradient_loop(const CoarseShape* shape, const float* dy, float* dx, int64_t first,
                             int64_t last) {
  const int64_t channels = shape->channels, row = 2 * shape->width * channels;
  for (int64_t i = first; i < last; ++i) {
    const float* __restrict from = dy + i * 2 * row;
    float* __restrict to = dx + i * shape->width * channels;
    for (int64_t column = 0; column < shape->width; ++column, from += 2 * channels, to += channels) {
      for (int64_t c = 0; c < channels; ++c) {
        to[c] = sum_of_copies(from[c], from[channels + c], from[row + c], from[row + channels + c]);
      }
    }
  }
}

int64_t rows_of_part(const CoarseShape& shape) {
  return std::max<int64_t>(1, kElementsOfPart / std::max<int64_t>(1, 4 * shape.width * shape.channels));
}

at::Tensor upsampled(const at::Tensor& x, const at::Tensor* lateral) {
  const CoarseShape shape{x.size(0) * x.size(1), x.size(2), x.size(3)};
  at::Tensor y = at::empty({x.size(0), 2 * x.size(1), 2 * x.size(2), x.size(3)}, x.options());
  const float* from = x.data_ptr<float>();
  const float* more = lateral == nullptr ? nullptr : lateral->data_ptr<float>();
  float* to = y.data_ptr<float>();
#ifdef SF_CUDA
  if (x.is_cuda()) {
    launch_upsample(shape, from, more, to, current_stream());
    return y;
  }
#endif
  for_parts(shape.rows, rows_of_part(shape),
            [&](int64_t first, int64_t last) { widest<upsample_loop>(&shape, from, more, to, first, last); });
  return y;
}

at::Tensor upsample(const at::Tensor& x) { return upsampled(x, nullptr); }

at::Tensor upsample_add(const at::Tensor& lateral, const at::Tensor& coarse) {
  return upsampled(coarse, &lateral);
}

at::Tensor upsample_gradient(const at::Tensor& dy) {
  at::Tensor dx = at::empty({dy.size(0), dy.size(1) / 2, dy.size(2) / 2, dy.size(3)}, dy.options());
  const CoarseShape shape{dx.size(0) * dx.size(1), dx.size(2), dx.size(3)};
  const float* from = dy.data_ptr<float>();
  float* to = dx.data_ptr<float>();
#ifdef SF_CUDA
  if (dy.is_cuda()) {
    launch_upsample_gradient(shape, from, to, current_stream());
    return dx;
  }
#endif
  for_parts(shape.rows, rows_of_part(shape),
            [&](int64_t first, int64_t last) { widest<gradient_loop>(&shape, from, to, first, last); });
  return dx;
}

}  // namespace

// x, coarse, dx [B, H, W, C]; y, lateral, dy [B, 2H, 2W, C].
void export_upsample(Exports& exports) {
  exports.add("sfUpsample2x", &upsample);
  exports.add("sfUpsampleAdd", &upsample_add);
  exports.add("sfUpsample2xGrad", &upsample_gradient);
}

}  // namespace sf
