// Smooth L1 loss (Girshick, "Fast R-CNN", Eq. 3, with the knee at beta; beta = 0 is L1) of one coordinate.
//
//     d^2 / (2 beta) below beta, d - beta / 2 above:  with d = |p - t|, m = min(d, beta):  m (d - m / 2) /
//     beta
#pragma once

#include <cstdint>

#include "cuda.h"

namespace sf {

struct SmoothL1 {
  float beta;

  SF_HOST_DEVICE float value(float predicted, float target) const {
    const float difference = predicted - target;
    const float distance = difference < 0.0f ? -difference : difference;
    if (beta == 0.0f) return distance;
    const float inner = distance > beta ? beta : distance;
    return inner * ((distance - inner * 0.5f) / beta);
  }
  // The derivative with respect to `predicted`.
  SF_HOST_DEVICE float slope(float predicted, float target) const {
    const float difference = predicted - target;
    const float sign = difference > 0.0f ? 1.0f : difference < 0.0f ? -1.0f : difference;
    if (beta == 0.0f) return sign;
    const float slope = difference / beta;
    return slope > 1.0f || slope < -1.0f ? sign : slope;
  }
};

#if defined(SF_CUDA) || defined(__CUDACC__)
// Writes the sum over `size` coordinates to `sum`; `partials` has a double for each of blocks_for(size).
void launch_smooth_l1(SmoothL1 loss, const float* predicted, const float* target, int64_t size,
                      double* partials, float* sum, cudaStream_t stream);

// Writes the gradient; dy is a scalar on the device.
void launch_smooth_l1_gradient(SmoothL1 loss, const float* dy, const float* predicted, const float* target,
                               int64_t size, float* gradient, cudaStream_t stream);
#endif

}  // namespace sf
