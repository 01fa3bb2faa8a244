// Element-wise functions of two tensors, broadcast to one shape, exported under the names of tfjs's kernels.
// The result has the dtype of the first input unless said otherwise. Whole numbers are computed in double
// precision, which holds every int32, where their result need not be whole.
#include <ATen/ops/add.h>
#include <ATen/ops/atan2.h>
#include <ATen/ops/bitwise_and.h>
#include <ATen/ops/div.h>
#include <ATen/ops/elu_backward.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/ge.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/le.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/logical_or.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/where.h>

#include "convert.h"
#include "families.h"

namespace sf {
namespace {

using Binary = at::Tensor (*)(const at::Tensor&, const at::Tensor&);

at::Tensor add(const at::Tensor& a, const at::Tensor& b) { return at::add(a, b); }
at::Tensor subtract(const at::Tensor& a, const at::Tensor& b) { return at::sub(a, b); }
at::Tensor quotient(const at::Tensor& a, const at::Tensor& b) { return at::div(a, b); }
at::Tensor remainder(const at::Tensor& a, const at::Tensor& b) { return at::remainder(a, b); }
at::Tensor squared_difference(const at::Tensor& a, const at::Tensor& b) { return at::sub(a, b).square_(); }

// Functions that take whole numbers to whole numbers. Sums and products of bools are those of 0 and 1, any
// but 0 being true.
template <Binary function>
at::Tensor in_own_type(const at::Tensor& a, const at::Tensor& b) {
  if (a.scalar_type() != at::kBool || b.scalar_type() != at::kBool) return function(a, b);
  return function(a.to(at::kInt), b.to(at::kInt)).to(at::kBool);
}

template <Binary function>
at::Tensor in_float(const at::Tensor& a, const at::Tensor& b) {
  if (a.scalar_type() == at::kFloat) return function(a, b);
  return converted(function(a.to(at::kDouble), b.to(at::kDouble)), a.scalar_type());
}

// The comparisons of ATen are overloaded with those to a number.
template <Binary function>
at::Tensor named(const at::Tensor& a, const at::Tensor& b) {
  return function(a, b);
}

// int32, whatever the inputs are.
at::Tensor floor_div(const at::Tensor& a, const at::Tensor& b) {
  return converted(at::div(a.to(at::kDouble), b.to(at::kDouble)).floor_(), at::kInt);
}

// x where it is not negative, else alpha x; float32.
at::Tensor prelu(const at::Tensor& x, const at::Tensor& alpha) {
  const auto values = x.to(at::kFloat);
  return at::where(at::lt(values, 0), at::mul(values, alpha), values);
}

// From y = elu(x) alone.
at::Tensor elu_gradient(const at::Tensor& dy, const at::Tensor& y) {
  return at::elu_backward(dy, 1, 1, 1, /*is_result=*/true, y);
}

// Of one shape.
at::Tensor add_n(const std::vector<at::Tensor>& tensors) {
  if (tensors.size() == 1) return tensors[0];
  auto sum = at::add(tensors[0], tensors[1]);
  for (size_t i = 2; i < tensors.size(); ++i) sum.add_(tensors[i]);
  return sum;
}

// t where the condition holds, else e. A condition of rank 1 chooses whole rows of tensors of a higher rank.
at::Tensor select(const at::Tensor& condition, const at::Tensor& t, const at::Tensor& e) {
  if (condition.dim() != 1 || t.dim() <= 1) return at::where(condition, t, e);
  std::vector<int64_t> rows(t.dim(), 1);
  rows[0] = condition.size(0);
  return at::where(condition.view(rows), t, e);
}

}  // namespace

void export_binary(Exports& exports) {
  exports.add("Add", &in_own_type<add>);
  exports.add("Atan2", &in_float<at::atan2>);
  exports.add("BitwiseAnd", &named<at::bitwise_and>);
  exports.add("Equal", &named<at::eq>);
  exports.add("FloorDiv", &floor_div);
  exports.add("Greater", &named<at::gt>);
  exports.add("GreaterEqual", &named<at::ge>);
  exports.add("Less", &named<at::lt>);
  exports.add("LessEqual", &named<at::le>);
  exports.add("LogicalAnd", &at::logical_and);
  exports.add("LogicalOr", &at::logical_or);
  exports.add("Maximum", &at::maximum);
  exports.add("Minimum", &at::minimum);
  exports.add("Mod", &in_float<remainder>);
  exports.add("Multiply", &named<at::mul>);
  exports.add("NotEqual", &named<at::ne>);
  exports.add("Pow", &in_float<at::pow>);
  exports.add("RealDiv", &in_float<quotient>);
  exports.add("SquaredDifference", &in_own_type<squared_difference>);
  exports.add("Sub", &in_own_type<subtract>);

  exports.add("AddN", &add_n);
  exports.add("EluGrad", &elu_gradient);
  exports.add("Prelu", &prelu);
  exports.add("Select", &select);
}

}  // namespace sf
