// What follows a convolution, in one pass over the result: a bias for every channel, a tensor added, leaky
// ReLU.
#pragma once

#include <cstdint>

#include "cuda.h"
#include "relu.h"

namespace sf {

// The arguments as plain memory; bias and residual may be null.
struct FinishPass {
  float* y;
  const float* bias;
  const float* residual;
  float slope;  // of leaky ReLU, below zero
  int64_t channels;

  // Element i, of channel c.
  SF_HOST_DEVICE void element(int64_t i, int64_t c) const {
    float value = y[i];
    if (bias != nullptr) value += bias[c];
    if (residual != nullptr) value += residual[i];
    y[i] = leaky_relu(value, slope);
  }
};

#if defined(SF_CUDA) || defined(__CUDACC__)
void launch_finish(const FinishPass& pass, int64_t size, cudaStream_t stream);
#endif

}  // namespace sf
