// Leaky ReLU: z above zero, slope z below. At slope 0 it is ReLU, at slope 1 nothing happens. Its gradient
// from y alone, and the join of a residual block, leaky ReLU of a + b. NaN stays NaN.
#pragma once

#include <cstdint>

#include "cuda.h"

namespace sf {

SF_HOST_DEVICE inline float relu(float z) { return z < 0.0f ? 0.0f : z; }

// Without a product behind a condition, so that a compiler makes vectors of a loop; ReLU of -inf is 0.
SF_HOST_DEVICE inline float leaky_relu(float z, float slope) {
  const float above = relu(z), below = z < 0.0f ? z : 0.0f;
  return slope == 0.0f ? above : above + slope * below;
}

SF_HOST_DEVICE inline float leaky_relu_gradient(float dy, float y, float slope) {
  const float factor = y > 0.0f ? 1.0f : slope;
  return factor * dy;
}

#if defined(SF_CUDA) || defined(__CUDACC__)
void launch_add_relu(const float* a, const float* b, float slope, int64_t size, float* y,
                     cudaStream_t stream);
void launch_relu_gradient(const float* dy, const float* y, float slope, int64_t size, float* dx,
                          cudaStream_t stream);
#endif

}  // namespace sf
