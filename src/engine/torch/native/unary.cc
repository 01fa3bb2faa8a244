// Element-wise functions of one tensor, exported under the names of tfjs's kernels. The result has the dtype
// of the input unless said otherwise: of int32 and bool it is computed in double precision where it need not
// be whole, and cut off.
#include <ATen/ops/abs.h>
#include <ATen/ops/acos.h>
#include <ATen/ops/acosh.h>
#include <ATen/ops/asin.h>
#include <ATen/ops/asinh.h>
#include <ATen/ops/atan.h>
#include <ATen/ops/atanh.h>
#include <ATen/ops/ceil.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/clamp_min.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/cosh.h>
#include <ATen/ops/elu.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/erf.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/expm1.h>
#include <ATen/ops/floor.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/isinf.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/log.h>
#include <ATen/ops/log1p.h>
#include <ATen/ops/logical_not.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/round.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/selu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/sign.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/sinh.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/square.h>
#include <ATen/ops/tan.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/where.h>

#include "convert.h"
#include "families.h"
#include "parts.h"
#include "vectors.h"

namespace sf {
namespace {

using Unary = at::Tensor (*)(const at::Tensor&);

at::Tensor elu(const at::Tensor& x) { return at::elu(x); }
at::Tensor relu6(const at::Tensor& x) { return at::clamp(x, 0, 6); }
at::Tensor softplus(const at::Tensor& x) { return at::softplus(x); }
at::Tensor round_half_to_even(const at::Tensor& x) { return at::round(x); }

// Real functions.
template <Unary function>
at::Tensor in_float(const at::Tensor& x) {
  if (x.scalar_type() == at::kFloat) return function(x);
  return converted(converted(function(x.to(at::kDouble)), at::kInt), x.scalar_type());
}

// Functions that take whole numbers to whole numbers; ATen lacks many of them for bool.
template <Unary function>
at::Tensor in_own_type(const at::Tensor& x) {
  if (x.scalar_type() != at::kBool) return function(x);
  return function(x.to(at::kInt)).to(at::kBool);
}

at::Tensor exp_as_float(const at::Tensor& x) { return at::exp(x.to(at::kFloat)); }

at::Tensor leaky_relu(const at::Tensor& x, double alpha) { return at::leaky_relu(x.to(at::kFloat), alpha); }

// NaN stays NaN. Whole numbers are clipped in double precision, which holds every int32, for the limits need
// not be whole.
at::Tensor clip_by_value(const at::Tensor& x, double low, double high) {
  if (x.scalar_type() == at::kFloat) return at::clamp(x, low, high);
  return converted(at::clamp(x.to(at::kDouble), low, high), x.scalar_type());
}

SF_INLINE void step_loop(const float* __restrict x, float* __restrict y, int64_t size, float below) {
  for (int64_t i = 0; i < size; ++i) {
    const float value = x[i] > 0 ? 1.0F : below;
    y[i] = x[i] == x[i] ? value : x[i];
  }
}

// 1 above zero, else alpha; NaN stays NaN.
at::Tensor step(const at::Tensor& x, double alpha) {
  if (x.scalar_type() != at::kFloat) return converted(step(x.to(at::kFloat), alpha), x.scalar_type());
  if (!x.device().is_cpu()) {
    return at::where(at::isnan(x), x, at::where(at::gt(x, 0), at::ones_like(x), at::full_like(x, alpha)));
  }
  auto result = at::empty_like(x);
  const float* const from = x.data_ptr<float>();
  float* const to = result.data_ptr<float>();
  for_parts(x.numel(), kElementsOfPart, [&](int64_t first, int64_t last) {
    widest<step_loop>(from + first, to + first, last - first, static_cast<float>(alpha));
  });
  return result;
}

}  // namespace

void export_unary(Exports& exports) {
  exports.add("Abs", &in_own_type<at::abs>);
  exports.add("Acos", &in_float<at::acos>);
  exports.add("Acosh", &in_float<at::acosh>);
  exports.add("Asin", &in_float<at::asin>);
  exports.add("Asinh", &in_float<at::asinh>);
  exports.add("Atan", &in_float<at::atan>);
  exports.add("Atanh", &in_float<at::atanh>);
  exports.add("Ceil", &in_own_type<at::ceil>);
  exports.add("Cos", &in_float<at::cos>);
  exports.add("Cosh", &in_float<at::cosh>);
  exports.add("Elu", &in_float<elu>);
  exports.add("Erf", &in_float<at::erf>);
  exports.add("Exp", &exp_as_float);
  exports.add("Expm1", &in_float<at::expm1>);
  exports.add("Floor", &in_own_type<at::floor>);
  exports.add("IsFinite", &at::isfinite);
  exports.add("IsInf", &at::isinf);
  exports.add("IsNan", &at::isnan);
  exports.add("Log", &in_float<at::log>);
  exports.add("Log1p", &in_float<at::log1p>);
  exports.add("LogicalNot", &at::logical_not);
  exports.add("Neg", &in_own_type<at::neg>);
  exports.add("Reciprocal", &in_float<at::reciprocal>);
  exports.add("Relu", &in_own_type<at::relu>);
  exports.add("Relu6", &in_own_type<relu6>);
  exports.add("Round", &in_own_type<round_half_to_even>);
  exports.add("Rsqrt", &in_float<at::rsqrt>);
  exports.add("Selu", &in_float<at::selu>);
  exports.add("Sigmoid", &in_float<at::sigmoid>);
  exports.add("Sign", &in_own_type<at::sign>);
  exports.add("Sin", &in_float<at::sin>);
  exports.add("Sinh", &in_float<at::sinh>);
  exports.add("Softplus", &in_float<softplus>);
  exports.add("Sqrt", &in_float<at::sqrt>);
  exports.add("Square", &in_own_type<at::square>);
  exports.add("Tan", &in_float<at::tan>);
  exports.add("Tanh", &in_float<at::tanh>);

  exports.add("ClipByValue", &clip_by_value);
  exports.add("LeakyRelu", &leaky_relu);
  exports.add("Step", &step);
}

}  // namespace sf
