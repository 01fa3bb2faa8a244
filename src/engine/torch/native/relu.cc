// Leaky ReLU of a sum, and its gradient, on the CPU, and their launch on CUDA.
#include "relu.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>

#include "families.h"
#include "parts.h"
#include "vectors.h"

namespace sf {
namespace {

SF_INLINE void add_relu_loop(const float* __restrict a, const float* __restrict b, float slope,
                             float* __restrict y, int64_t size) {
  for (int64_t i = 0; i < size; ++i) y[i] = leaky_relu(a[i] + b[i], slope);
}

SF_INLINE void gradient_loop(const float* __restrict dy, const float* __restrict y, float slope,
                             float* __restrict dx, int64_t size) {
  for (int64_t i = 0; i < size; ++i) dx[i] = leaky_relu_gradient(dy[i], y[i], slope);
}

at::Tensor add_relu(const at::Tensor& a, const at::Tensor& b, double negative_slope) {
  const auto slope = static_cast<float>(negative_slope);
  at::Tensor result = at::empty_like(a);
  const float* x = a.data_ptr<float>();
  const float* z = b.data_ptr<float>();
  float* y = result.data_ptr<float>();
#ifdef SF_CUDA
  if (a.is_cuda()) {
    launch_add_relu(x, z, slope, a.numel(), y, current_stream());
    return result;
  }
#endif
  for_parts(a.numel(), kElementsOfPart, [&](int64_t first, int64_t last) {
    widest<add_relu_loop>(x + first, z + first, slope, y + first, last - first);
  });
  return result;
}

at::Tensor gradient(const at::Tensor& dy, const at::Tensor& y, double negative_slope) {
  const auto slope = static_cast<float>(negative_slope);
  at::Tensor dx = at::empty_like(dy);
  const float* from = dy.data_ptr<float>();
  const float* out = y.data_ptr<float>();
  float* to = dx.data_ptr<float>();
#ifdef SF_CUDA
  if (dy.is_cuda()) {
    launch_relu_gradient(from, out, slope, dy.numel(), to, current_stream());
    return dx;
  }
#endif
  for_parts(dy.numel(), kElementsOfPart, [&](int64_t first, int64_t last) {
    widest<gradient_loop>(from + first, out + first, slope, to + first, last - first);
  });
  return dx;
}

}  // namespace

// Tensors of one shape.
void export_relu(Exports& exports) {
  exports.add("sfAddRelu", &add_relu);
  exports.add("sfReluGrad", &gradient);
}

}  // namespace sf
