#include "convert.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/nan_to_num.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/trunc.h>

#include <cmath>

#include "families.h"

namespace sf {
namespace {

constexpr double kTwoTo32 = 4294967296.0;
constexpr int64_t kGrain = 32768;

template <typename T>
int32_t to_int32(T x) {
  if (x > T(-2147483648.0) && x < T(2147483648.0)) return static_cast<int32_t>(x);
  if (!std::isfinite(x)) return 0;
  return static_cast<int32_t>(
      static_cast<uint32_t>(static_cast<int64_t>(std::fmod(std::trunc(static_cast<double>(x)), kTwoTo32))));
}

template <typename T>
at::Tensor as_int32(const at::Tensor& x) {
  auto result = at::empty(x.sizes(), x.options().dtype(at::kInt));
  const auto values = x.contiguous();
  const T* const from = values.data_ptr<T>();
  int32_t* const to = result.data_ptr<int32_t>();
  at::parallel_for(0, x.numel(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] = to_int32(from[i]);
  });
  return result;
}

at::Tensor as_int32_on_gpu(const at::Tensor& x) {
  const auto whole = at::nan_to_num(at::trunc(x), 0.0, 0.0, 0.0).to(at::kDouble);
  return at::remainder(whole, kTwoTo32).to(at::kLong).to(at::kInt);
}

at::Tensor cast(const at::Tensor& x, int64_t dtype) { return converted(x, scalar_type_of(dtype)); }

}  // namespace

at::Tensor converted(const at::Tensor& x, at::ScalarType type) {
  if (x.scalar_type() == type) return x;
  if (type != at::kInt || !x.is_floating_point()) return x.to(type);
  if (!x.device().is_cpu()) return as_int32_on_gpu(x);
  return x.scalar_type() == at::kDouble ? as_int32<double>(x) : as_int32<float>(x);
}

void export_convert(Exports& exports) { exports.add("cast", &cast); }

}  // namespace sf
