// ReLU of a sum and its gradient on CUDA.
#include "cuda_maps.h"
#include "relu.h"

namespace sf {
namespace {

struct AddRelu {
  const float* a;
  const float* b;

  __device__ float operator()(int64_t i) const { return relu(a[i] + b[i]); }
};

struct Gradient {
  const float* dy;
  const float* y;

  __device__ float operator()(int64_t i) const { return relu_gradient(dy[i], y[i]); }
};

}  // namespace

void launch_add_relu(const float* a, const float* b, int64_t size, float* y, cudaStream_t stream) {
  launch_map(size, AddRelu{a, b}, y, stream);
}

void launch_relu_gradient(const float* dy, const float* y, int64_t size, float* dx, cudaStream_t stream) {
  launch_map(size, Gradient{dy, y}, dx, stream);
}

}  // namespace sf
