// Smooth L1 loss on the CPU, and its launch on CUDA.
#include "smooth_l1.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "families.h"
#include "parts.h"
#include "vectors.h"

namespace sf {
namespace {

// Sums that run beside one another, in double.
constexpr int64_t kLanes = 16;

SF_INLINE double value_loop(SmoothL1 loss, const float* predicted, const float* target, int64_t size) {
  double totals[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane)
      totals[lane] += loss.value(predicted[i + lane], target[i + lane]);
  }
  double total = 0;
  for (; i < size; ++i) total += loss.value(predicted[i], target[i]);
  for (const double lane : totals) total += lane;
  return total;
}

SF_INLINE void gradient_loop(SmoothL1 loss, float dy, const float* predicted, const float* target,
                             float* gradient, int64_t size) {
  for (int64_t i = 0; i < size; ++i) gradient[i] = dy * loss.slope(predicted[i], target[i]);
}

at::Tensor smooth_l1(const at::Tensor& predicted, const at::Tensor& target, double beta) {
  const SmoothL1 loss{static_cast<float>(beta)};
  const int64_t size = predicted.numel();
  const float* p = predicted.data_ptr<float>();
  const float* t = target.data_ptr<float>();
  at::Tensor sum = at::empty({}, predicted.options());
#ifdef SF_CUDA
  if (predicted.is_cuda()) {
    const at::Tensor partials =
        at::empty({int64_t{blocks_for(size)}}, predicted.options().dtype(at::kDouble));
    launch_smooth_l1(loss, p, t, size, partials.data_ptr<double>(), sum.data_ptr<float>(), current_stream());
    return sum;
  }
#endif
  const double total = sum_of_parts(size, kElementsOfPart, [&](int64_t first, int64_t last) {
    return widest<value_loop>(loss, p + first, t + first, last - first);
  });
  *sum.data_ptr<float>() = static_cast<float>(total);
  return sum;
}

at::Tensor smooth_l1_gradient(const at::Tensor& dy, const at::Tensor& predicted, const at::Tensor& target,
                              double beta) {
  const SmoothL1 loss{static_cast<float>(beta)};
  const int64_t size = predicted.numel();
  const float* p = predicted.data_ptr<float>();
  const float* t = target.data_ptr<float>();
  at::Tensor result = at::empty_like(predicted);
  float* gradient = result.data_ptr<float>();
#ifdef SF_CUDA
  if (predicted.is_cuda()) {
    launch_smooth_l1_gradient(loss, dy.data_ptr<float>(), p, t, size, gradient, current_stream());
    return result;
  }
#endif
  const float factor = *dy.data_ptr<float>();
  for_parts(size, kElementsOfPart, [&](int64_t first, int64_t last) {
    widest<gradient_loop>(loss, factor, p + first, t + first, gradient + first, last - first);
  });
  return result;
}

}  // namespace

// predicted and target of one shape, dy []; the sum is [], of nothing 0.
void export_smooth_l1(Exports& exports) {
  exports.add("sfSmoothL1", &smooth_l1);
  exports.add("sfSmoothL1Grad", &smooth_l1_gradient);
}

}  // namespace sf
