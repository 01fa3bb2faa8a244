// The loops of group normalisation over some pixels of one image; `bent`: leaky ReLU follows. They run along
// the channels, which lie side by side; the formulas are in group_norm.h.
#pragma once

#include <algorithm>
#include <cstdint>

#include "group_norm.h"
#include "relu.h"
#include "vectors.h"

namespace sf {

// The affine maps of an image's channels.
struct AffineRows {
  const float* __restrict mean;
  const float* __restrict scale;
  const float* __restrict beta;

  SF_INLINE Affine of(int64_t c) const { return {mean[c], scale[c], beta[c]}; }
};

// Pixels that are summed in float32 before the sums go to a double.
constexpr int64_t kBlockPixels = 64;

SF_INLINE void add_to_doubles(const float* block, double* sums, int64_t size) {
  for (int64_t i = 0; i < size; ++i) sums[i] += block[i];
}

// The sums of x - x0 and of its square; `block` is scratch for [2, C].
SF_INLINE void moments_loop(const float* __restrict x, const float* __restrict x0, int64_t pixels,
                            int64_t channels, float* __restrict block, double* __restrict sums) {
  for (int64_t first = 0; first < pixels; first += kBlockPixels) {
    const int64_t last = first + kBlockPixels < pixels ? first + kBlockPixels : pixels;
    std::fill(block, block + 2 * channels, 0.0f);
    int64_t pixel = first;
    for (; pixel + 4 <= last; pixel += 4) {
      const float* row = x + pixel * channels;
      for (int64_t c = 0; c < channels; ++c) {
        const float a = row[c] - x0[c], b = row[channels + c] - x0[c];
        const float d = row[2 * channels + c] - x0[c], e = row[3 * channels + c] - x0[c];
        block[c] += (a + b) + (d + e);
        block[channels + c] += (a * a + b * b) + (d * d + e * e);
      }
    }
    for (; pixel < last; ++pixel) {
      for (int64_t c = 0; c < channels; ++c) {
        const float a = x[pixel * channels + c] - x0[c];
        block[c] += a;
        block[channels + c] += a * a;
      }
    }
    add_to_doubles(block, sums, 2 * channels);
  }
}

template <bool bent>
SF_INLINE void normalise_loop(const float* __restrict x, AffineRows affine, float slope, float* __restrict y,
                              int64_t pixels, int64_t channels) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel, x += channels, y += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const float value = affine.of(c)(x[c]);
      y[c] = bent ? leaky_relu(value, slope) : value;
    }
  }
}

// The sums of dz and of dz (x - mean); `block` is scratch for [2, C].
template <bool bent>
SF_INLINE void gradient_sums_loop(const float* __restrict dy, const float* __restrict x, AffineRows affine,
                                  float slope, int64_t pixels, int64_t channels, float* __restrict block,
                                  double* __restrict sums) {
  for (int64_t first = 0; first < pixels; first += kBlockPixels) {
    const int64_t last = first + kBlockPixels < pixels ? first + kBlockPixels : pixels;
    std::fill(block, block + 2 * channels, 0.0f);
    int64_t pixel = first;
    for (; pixel + 2 <= last; pixel += 2) {
      const float* value = x + pixel * channels;
      const float* gradient = dy + pixel * channels;
      for (int64_t c = 0; c < channels; ++c) {
        const Affine map = affine.of(c);
        const float v = value[c], w = value[channels + c];
        const float d = bent ? leaky_relu_gradient(gradient[c], map(v), slope) : gradient[c];
        const float e =
            bent ? leaky_relu_gradient(gradient[channels + c], map(w), slope) : gradient[channels + c];
        block[c] += d + e;
        block[channels + c] += d * (v - map.mean) + e * (w - map.mean);
      }
    }
    for (; pixel < last; ++pixel) {
      for (int64_t c = 0; c < channels; ++c) {
        const float v = x[pixel * channels + c];
        const float g = dy[pixel * channels + c];
        const float d = bent ? leaky_relu_gradient(g, affine.of(c)(v), slope) : g;
        block[c] += d;
        block[channels + c] += d * (v - affine.mean[c]);
      }
    }
    add_to_doubles(block, sums, 2 * channels);
  }
}

template <bool bent>
SF_INLINE void input_gradient_loop(const float* __restrict dy, const float* __restrict x, AffineRows affine,
                                   float slope, const float* __restrict pull, const float* __restrict offset,
                                   float* __restrict dx, int64_t pixels, int64_t channels) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel, dy += channels, x += channels, dx += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const float dz = bent ? leaky_relu_gradient(dy[c], affine.of(c)(x[c]), slope) : dy[c];
      dx[c] = affine.scale[c] * dz + (pull[c] * (x[c] - affine.mean[c]) + offset[c]);
    }
  }
}

}  // namespace sf
