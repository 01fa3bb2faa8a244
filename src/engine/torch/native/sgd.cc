// The SGD step and the norm of gradients on the CPU, for one tensor or for all of a model in one call, and
// their launch on CUDA.
#include "sgd.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "families.h"
#include "parts.h"
#include "vectors.h"

namespace sf {
namespace {

// Sums that run beside one another, in double.
constexpr int64_t kLanes = 32;

SF_INLINE void step_loop(SgdTensors of, float clip, int64_t first, int64_t last) {
  const float* __restrict parameter = of.parameter;
  const float* __restrict gradient = of.gradient;
  const float* __restrict velocity = of.velocity;
  float* __restrict next_parameter = of.next_parameter;
  float* __restrict next_velocity = of.next_velocity;
  for (int64_t i = first; i < last; ++i) {
    const SgdState next = sgd_step(of.rates, clip, parameter[i], gradient[i], velocity[i]);
    next_parameter[i] = next.parameter;
    next_velocity[i] = next.velocity;
  }
}

SF_INLINE double squares_loop(const float* x, int64_t size) {
  double totals[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const double value = x[i + lane];
      totals[lane] += value * value;
    }
  }
  double total = 0;
  for (; i < size; ++i) total += double{x[i]} * double{x[i]};
  for (const double lane : totals) total += lane;
  return total;
}

// A part of a tensor of many: units of work that the threads share, whatever the sizes of the tensors.
struct Part {
  size_t tensor;
  int64_t first;
  int64_t last;
};

template <typename Tensor>
std::vector<Part> parts_of_all(const std::vector<Tensor>& tensors) {
  std::vector<Part> parts;
  for (size_t i = 0; i < tensors.size(); ++i) {
    for (int64_t first = 0; first < tensors[i].size; first += kElementsOfPart) {
      parts.push_back({i, first, std::min(tensors[i].size, first + kElementsOfPart)});
    }
  }
  return parts;
}

void step(const std::vector<SgdTensors>& tensors, const at::Tensor& any, const at::Tensor* clip) {
  const float* factor = clip == nullptr ? nullptr : clip->data_ptr<float>();
#ifdef SF_CUDA
  if (any.is_cuda()) {
    launch_sgd(tensors.data(), static_cast<int64_t>(tensors.size()), factor, current_stream());
    return;
  }
#else
  (void)any;
#endif
  const float scale = factor == nullptr ? 1.0f : *factor;
  const auto parts = parts_of_all(tensors);
  for_each_unit(static_cast<int64_t>(parts.size()), [&](int64_t i, int64_t) {
    widest<step_loop>(tensors[parts[i].tensor], scale, parts[i].first, parts[i].last);
  });
}

// The sum of squares of all values, or its root.
at::Tensor norm(const std::vector<at::Tensor>& tensors, bool root) {
  std::vector<Values> values;
  values.reserve(tensors.size());
  for (const auto& tensor : tensors) values.push_back({tensor.data_ptr<float>(), tensor.numel()});
  at::Tensor result = at::empty({}, tensors.at(0).options());
#ifdef SF_CUDA
  if (result.is_cuda()) {
    const auto count = static_cast<int64_t>(values.size());
    const at::Tensor scratch = at::empty({norm_scratch(count)}, result.options().dtype(at::kDouble));
    launch_norm(values.data(), count, root, scratch.data_ptr<double>(), result.data_ptr<float>(),
                current_stream());
    return result;
  }
#endif
  const auto parts = parts_of_all(values);
  std::vector<double> sums(parts.size());
  for_each_unit(static_cast<int64_t>(parts.size()), [&](int64_t i, int64_t) {
    const Part& part = parts[i];
    sums[i] = widest<squares_loop>(values[part.tensor].data + part.first, part.last - part.first);
  });
  double sum = 0;
  for (const double value : sums) sum += value;
  *result.data_ptr<float>() = static_cast<float>(root ? std::sqrt(sum) : sum);
  return result;
}

at::Tensor squared_norm(const at::Tensor& x) { return norm({x}, false); }

at::Tensor global_norm(const std::vector<at::Tensor>& tensors) { return norm(tensors, true); }

SgdTensors tensors_of(const at::Tensor& parameter, const at::Tensor& gradient, const at::Tensor& velocity,
                      const at::Tensor& next_parameter, const at::Tensor& next_velocity,
                      const SgdRates& rates) {
  if (gradient.numel() != parameter.numel() || velocity.numel() != parameter.numel()) {
    throw std::invalid_argument("a parameter, its gradient and its velocity must have one shape");
  }
  return {parameter.data_ptr<float>(),
          gradient.data_ptr<float>(),
          velocity.data_ptr<float>(),
          next_parameter.data_ptr<float>(),
          next_velocity.data_ptr<float>(),
          parameter.numel(),
          rates};
}

SgdRates rates_of(double lr, double momentum, double decay) {
  return {static_cast<float>(lr), static_cast<float>(momentum), static_cast<float>(decay)};
}

// The next parameter and velocity.
std::vector<at::Tensor> sgd_update(const at::Tensor& parameter, const at::Tensor& gradient,
                                   const at::Tensor& velocity, double lr, double momentum, double decay) {
  std::vector<at::Tensor> next{at::empty_like(parameter), at::empty_like(parameter)};
  step({tensors_of(parameter, gradient, velocity, next[0], next[1], rates_of(lr, momentum, decay))},
       parameter, nullptr);
  return next;
}

// `tensors` are n parameters, n gradients and n velocities; lrs and decays have n numbers; clip is a scalar
// that multiplies the gradients. Gives n next parameters and n next velocities.
std::vector<at::Tensor> sgd_update_all(const std::vector<at::Tensor>& tensors,
                                       const c10::optional<at::Tensor>& clip, const std::vector<double>& lrs,
                                       const std::vector<double>& decays, double momentum) {
  const size_t n = lrs.size();
  if (n == 0) return {};
  if (tensors.size() != 3 * n || decays.size() != n) throw std::invalid_argument("there must be one of each");
  std::vector<at::Tensor> next(2 * n);
  std::vector<SgdTensors> steps;
  steps.reserve(n);
  for (size_t i = 0; i < n; ++i) {
    next[i] = at::empty_like(tensors[i]);
    next[n + i] = at::empty_like(tensors[i]);
    steps.push_back(tensors_of(tensors[i], tensors[n + i], tensors[2 * n + i], next[i], next[n + i],
                               rates_of(lrs[i], momentum, decays[i])));
  }
  step(steps, tensors[0], clip.has_value() ? &*clip : nullptr);
  return next;
}

}  // namespace

void export_sgd(Exports& exports) {
  exports.add("sfSquaredNorm", &squared_norm);
  exports.add("sfGlobalNorm", &global_norm);
  exports.add("sfSgdUpdate", &sgd_update);
  exports.add("sfSgdUpdateAll", &sgd_update_all);
}

}  // namespace sf
