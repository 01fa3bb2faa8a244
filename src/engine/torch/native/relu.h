// The join of a residual block, relu(a + b), and the gradient of y = relu(z) from y alone. NaN stays NaN.
#pragma once

#include <cstdint>

#include "cuda.h"

namespace sf {

SF_HOST_DEVICE inline float relu(float z) { return z < 0.0f ? 0.0f : z; }

SF_HOST_DEVICE inline float relu_gradient(float dy, float y) { return y > 0.0f ? dy : 0.0f; }

#if defined(SF_CUDA) || defined(__CUDACC__)
void launch_add_relu(const float* a, const float* b, int64_t size, float* y, cudaStream_t stream);
void launch_relu_gradient(const float* dy, const float* y, int64_t size, float* dx, cudaStream_t stream);
#endif

}  // namespace sf
