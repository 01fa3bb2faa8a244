// Tensors made of nothing: constants and progressions.
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros_like.h>

#include "convert.h"
#include "device.h"
#include "families.h"

namespace sf {
namespace {

at::TensorOptions options_of(int64_t dtype) {
  return at::TensorOptions().dtype(scalar_type_of(dtype)).device(device());
}

at::Tensor fill(const std::vector<int64_t>& shape, double value, int64_t dtype) {
  return at::full(shape, value, options_of(dtype));
}

at::Tensor ones_like(const at::Tensor& x) { return at::ones_like(x); }
at::Tensor zeros_like(const at::Tensor& x) { return at::zeros_like(x); }

// start + i * step for i in 0 .. count - 1.
at::Tensor range(double start, double step, int64_t count, int64_t dtype) {
  auto values = at::arange(count, options_of(DTYPE_FLOAT32).dtype(at::kDouble));
  values.mul_(step).add_(start);
  return converted(values, scalar_type_of(dtype));
}

at::Tensor linspace(double start, double stop, int64_t count) {
  return at::linspace(start, stop, count, options_of(DTYPE_FLOAT32));
}

}  // namespace

void export_fill(Exports& exports) {
  exports.add("fill", &fill);
  exports.add("linspace", &linspace);
  exports.add("OnesLike", &ones_like);
  exports.add("range", &range);
  exports.add("ZerosLike", &zeros_like);
}

}  // namespace sf
