// Nearest-neighbour upsampling by two of NHWC tensors, the top-down path of a feature pyramid (Lin et al.,
// "Feature pyramid networks", section 3), its sum with another map, and its gradient.
#pragma once

#include <cstdint>

#include "cuda.h"

namespace sf {

// The smaller map, [B, H, W, C]; rows of all images follow one another, in it and, doubled, in the larger
// one.
struct CoarseShape {
  int64_t rows;  // B H
  int64_t width;
  int64_t channels;

  SF_HOST_DEVICE int64_t size() const { return rows * width * channels; }
};

// Of the four copies of a pixel, in row-major order.
SF_HOST_DEVICE inline float sum_of_copies(float a, float b, float c, float d) { return (a + b) + (c + d); }

#if defined(SF_CUDA) || defined(__CUDACC__)
// y = upsampled x, plus `lateral` unless that is null.
void launch_upsample(const CoarseShape& shape, const float* x, const float* lateral, float* y,
                     cudaStream_t stream);
void launch_upsample_gradient(const CoarseShape& shape, const float* dy, float* dx, cudaStream_t stream);
#endif

}  // namespace sf
