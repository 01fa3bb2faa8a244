// One step of stochastic gradient descent with momentum and weight decay, as PyTorch and maskrcnn-benchmark
// have it, for one or for all parameters of a model, and the norm of all gradients together:
//
//     v' = momentum v + (clip g + decay p),  p' = p - lr v'
#pragma once

#include <cstdint>

#include "cuda.h"

namespace sf {

struct SgdRates {
  float lr;
  float momentum;
  float decay;
};

struct SgdState {
  float parameter;
  float velocity;
};

SF_HOST_DEVICE inline SgdState sgd_step(const SgdRates& rates, float clip, float parameter, float gradient,
                                        float velocity) {
  const float next = rates.momentum * velocity + (clip * gradient + rates.decay * parameter);
  return {parameter - rates.lr * next, next};
}

// A parameter and what belongs to it.
struct SgdTensors {
  const float* parameter;
  const float* gradient;
  const float* velocity;
  float* next_parameter;
  float* next_velocity;
  int64_t size;
  SgdRates rates;
};

struct Values {
  const float* data;
  int64_t size;
};

#if defined(SF_CUDA) || defined(__CUDACC__)
// Steps `count` parameters; clip is a scalar on the device, or null for 1.
void launch_sgd(const SgdTensors* tensors, int64_t count, const float* clip, cudaStream_t stream);

// Doubles of scratch for the norm of `count` tensors.
int64_t norm_scratch(int64_t count);

// Writes the sum of squares of all values of `count` tensors, or its root.
void launch_norm(const Values* tensors, int64_t count, bool root, double* scratch, float* norm,
                 cudaStream_t stream);
#endif

}  // namespace sf
