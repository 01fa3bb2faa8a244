// Maximum pooling on the CPU, and its launch on CUDA.
#include "max_pool.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "families.h"
#include "parts.h"
#include "vectors.h"

namespace sf {
namespace {

SF_INLINE void raise_loop(float* __restrict most, const float* __restrict x, int64_t size) {
  for (int64_t i = 0; i < size; ++i) most[i] = larger(most[i], x[i]);
}

// One row of the output. The maximum down the rows of the window is taken over whole rows first; `rows` is
// scratch for one, image the first row of the window.
SF_INLINE void pool_row(const PoolShape& shape, const float* image, int64_t height, float* __restrict rows,
                        float* __restrict y) {
  const int64_t row = shape.width * shape.channels;
  std::copy(image, image + row, rows);
  for (int64_t r = 1; r < height; ++r) raise_loop(rows, image + r * row, row);
  for (int64_t q = 0; q < shape.out_width; ++q, y += shape.channels) {
    const auto columns = shape.window(q, shape.width);
    const float* first = rows + columns.first * shape.channels;
    std::copy(first, first + shape.channels, y);
    for (int64_t s = columns.first + 1; s < columns.last; ++s)
      raise_loop(y, rows + s * shape.channels, shape.channels);
  }
}

// What dy one row of the output gives to the input rows [first, last) of its window; `rest` is scratch for a
// pixel: the dy that has found no maximum yet.
SF_INLINE void gradient_row(const PoolShape& shape, const float* __restrict dy, const float* __restrict y,
                            const float* __restrict image, PoolShape::Range rows, PoolShape::Range mine,
                            float* __restrict rest, float* __restrict dx) {
  const int64_t channels = shape.channels;
  for (int64_t q = 0; q < shape.out_width; ++q, dy += channels, y += channels) {
    const auto columns = shape.window(q, shape.width);
    std::copy(dy, dy + channels, rest);
    for (int64_t r = rows.first; r < rows.last; ++r) {
      const bool is_mine = r >= mine.first && r < mine.last;
      for (int64_t s = columns.first; s < columns.last; ++s) {
        const float* x = image + (r * shape.width + s) * channels;
        float* to = dx + (r * shape.width + s) * channels;
        if (is_mine) {
          for (int64_t c = 0; c < channels; ++c) {
            const bool hit = x[c] == y[c];
            to[c] += hit ? rest[c] : 0.0f;
            rest[c] = hit ? 0.0f : rest[c];
          }
        } else {
          for (int64_t c = 0; c < channels; ++c) rest[c] = x[c] == y[c] ? 0.0f : rest[c];
        }
      }
    }
  }
}

SF_INLINE void pool_loop(const PoolShape* shape, const float* x, float* y, int64_t first, int64_t last,
                         float* rows) {
  const int64_t row = shape->width * shape->channels;
  for (int64_t i = first; i < last; ++i) {
    const auto window = shape->window(i % shape->out_height, shape->height);
    const float* image = x + (i / shape->out_height) * shape->height * row;
    pool_row(*shape, image + window.first * row, window.last - window.first, rows,
             y + i * shape->out_width * shape->channels);
  }
}

// dx of the rows [first, last) of one image, whose tensors the pointers begin at.
SF_INLINE void gradient_loop(const PoolShape* shape, const float* dy, const float* x, const float* y,
                             float* dx, int64_t first, int64_t last, float* rest) {
  const int64_t row = shape->width * shape->channels;
  const int64_t out_row = shape->out_width * shape->channels;
  std::fill(dx + first * row, dx + last * row, 0.0f);
  const int64_t from = shape->windows_over(first, shape->out_height).first;
  const int64_t to = shape->windows_over(last - 1, shape->out_height).last;
  for (int64_t p = from; p < to; ++p) {
    gradient_row(*shape, dy + p * out_row, y + p * out_row, x, shape->window(p, shape->height), {first, last},
                 rest, dx);
  }
}

// Rows of `elements` each that make a part of at least `least` rows.
int64_t rows_of_part(int64_t elements, int64_t least) {
  return std::max(least, divide_up(kElementsOfPart, std::max<int64_t>(elements, 1)));
}

PoolShape shape_of(const at::Tensor& x, int64_t size, int64_t stride, int64_t padding) {
  const auto out = [&](int64_t length) { return (length + 2 * padding - size) / stride + 1; };
  return {x.size(0), x.size(1), x.size(2), x.size(3), out(x.size(1)), out(x.size(2)), size, stride, padding};
}

at::Tensor max_pool(const at::Tensor& x, int64_t size, int64_t stride, int64_t padding) {
  const PoolShape shape = shape_of(x, size, stride, padding);
  at::Tensor y = at::empty({shape.batch, shape.out_height, shape.out_width, shape.channels}, x.options());
  if (y.numel() == 0) return y;
  const float* from = x.data_ptr<float>();
  float* to = y.data_ptr<float>();
#ifdef SF_CUDA
  if (x.is_cuda()) {
    launch_max_pool(shape, from, to, current_stream());
    return y;
  }
#endif
  const int64_t row = shape.width * shape.channels;
  for_parts(shape.batch * shape.out_height, rows_of_part(row, 1), [&](int64_t first, int64_t last) {
    std::vector<float> rows(row);
    widest<pool_loop>(&shape, from, to, first, last, rows.data());
  });
  return y;
}

at::Tensor max_pool_gradient(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& y, int64_t size,
                             int64_t stride, int64_t padding) {
  const PoolShape shape = shape_of(x, size, stride, padding);
  at::Tensor dx = at::empty_like(x);
  if (dx.numel() == 0) return dx;
  const float* gradient = dy.data_ptr<float>();
  const float* in = x.data_ptr<float>();
  const float* out = y.data_ptr<float>();
  float* to = dx.data_ptr<float>();
#ifdef SF_CUDA
  if (x.is_cuda()) {
    launch_max_pool_gradient(shape, gradient, in, out, to, current_stream());
    return dx;
  }
#endif
  // A part owns rows of dx; the windows across the border between two parts are looked through by both.
  const int64_t row = shape.width * shape.channels;
  const int64_t part = rows_of_part(row, 4 * size);
  const int64_t parts = divide_up(shape.height, part);
  for_each_unit(shape.batch * parts, [&](int64_t unit, int64_t) {
    const int64_t image = (unit / parts) * shape.height * row;
    const int64_t out_image = (unit / parts) * shape.out_height * shape.out_width * shape.channels;
    const int64_t first = (unit % parts) * part;
    std::vector<float> rest(shape.channels);
    widest<gradient_loop>(&shape, gradient + out_image, in + image, out + out_image, to + image, first,
                          std::min(shape.height, first + part), rest.data());
  });
  return dx;
}

}  // namespace

// x [B, H, W, C]; y, dy [B, H', W', C] with H' = floor((H + 2 padding - size) / stride) + 1.
void export_max_pool(Exports& exports) {
  exports.add("sfMaxPool", &max_pool);
  exports.add("sfMaxPoolGrad", &max_pool_gradient);
}

}  // namespace sf
