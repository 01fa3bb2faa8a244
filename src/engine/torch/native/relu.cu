// Leaky ReLU of a sum, and its gradient, on CUDA.
#include "cuda_maps.h"
#include "relu.h"

namespace sf {
namespace {

struct AddRelu {
  const float* a;
  const float* b;
  float slope;

  __device__ float operator()(int64_t i) const { return leaky_relu(a[i] + b[i], slope); }
};

struct Gradient {
  const float* dy;
  const float* y;
  float slope;

  __device__ float operator()(int64_t i) const { return leaky_relu_gradient(dy[i], y[i], slope); }
};

}  // namespace

void launch_add_relu(const float* a, const float* b, float slope, int64_t size, float* y,
                     cudaStream_t stream) {
  launch_map(size, AddRelu{a, b, slope}, y, stream);
}

void launch_relu_gradient(const float* dy, const float* y, float slope, int64_t size, float* dx,
                          cudaStream_t stream) {
  launch_map(size, Gradient{dy, y, slope}, dx, stream);
}

}  // namespace sf
