// Smooth L1 loss on CUDA.
#include "cuda_maps.h"
#include "smooth_l1.h"

namespace sf {
namespace {

struct Value {
  SmoothL1 loss;
  const float* predicted;
  const float* target;

  __device__ double operator()(int64_t i) const { return loss.value(predicted[i], target[i]); }
};

struct Gradient {
  SmoothL1 loss;
  const float* dy;
  const float* predicted;
  const float* target;

  __device__ float operator()(int64_t i) const { return *dy * loss.slope(predicted[i], target[i]); }
};

}  // namespace

void launch_smooth_l1(SmoothL1 loss, const float* predicted, const float* target, int64_t size,
                      double* partials, float* sum, cudaStream_t stream) {
  launch_sum(size, Value{loss, predicted, target}, partials, sum, stream);
}

void launch_smooth_l1_gradient(SmoothL1 loss, const float* dy, const float* predicted, const float* target,
                               int64_t size, float* gradient, cudaStream_t stream) {
  launch_map(size, Gradient{loss, dy, predicted, target}, gradient, stream);
}

}  // namespace sf
