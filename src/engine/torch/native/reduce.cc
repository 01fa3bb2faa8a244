// Reductions over axes, and the softmax, with tfjs's dtypes: sums and products of bool are int32, of int32
// they wrap around.
#include <ATen/ops/all.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <ATen/ops/any.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/argmin.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/prod.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/where.h>

#include <limits>

#include "families.h"

namespace sf {
namespace {

using Axes = std::vector<int64_t>;

at::ScalarType summed_type(const at::Tensor& x) {
  return x.scalar_type() == at::kFloat ? at::kFloat : at::kInt;
}

// ATen reduces over all axes when it is given none.
at::Tensor sum(const at::Tensor& x, const Axes& axes, bool keep) {
  const auto type = summed_type(x);
  if (axes.empty()) return x.to(type);
  return at::sum(x, axes, keep, type);
}

at::Tensor mean(const at::Tensor& x, const Axes& axes, bool keep) {
  return axes.empty() ? x.to(at::kFloat) : at::mean(x, axes, keep, at::kFloat);
}

// The shape of a result, and x with the reduced axes as one, the last: what ATen can only reduce over one
// axis.
struct Reduction {
  Reduction(const at::Tensor& x, const Axes& axes, bool keep) {
    std::vector<bool> reduced(x.dim(), false);
    for (const int64_t axis : axes) reduced[axis] = true;
    std::vector<int64_t> order;
    for (int64_t axis = 0; axis < x.dim(); ++axis) {
      if (!reduced[axis]) order.push_back(axis);
    }
    order.insert(order.end(), axes.begin(), axes.end());
    int64_t reduced_size = 1;
    int64_t kept_size = 1;
    for (int64_t axis = 0; axis < x.dim(); ++axis) {
      (reduced[axis] ? reduced_size : kept_size) *= x.size(axis);
      if (!reduced[axis]) shape.push_back(x.size(axis));
      if (reduced[axis] && keep) shape.push_back(1);
    }
    rows = x.permute(order).reshape({kept_size, reduced_size});
  }

  at::Tensor rows;  // [kept, reduced]
  std::vector<int64_t> shape;
};

// The identity of a maximum or minimum is not defined for whole numbers; of nothing it is this one.
at::Tensor extreme_of_nothing(const Reduction& reduction, const at::Tensor& x, double value) {
  return at::full(reduction.shape, x.scalar_type() == at::kFloat ? value : 0.0, x.options());
}

at::Tensor max(const at::Tensor& x, const Axes& axes, bool keep) {
  if (axes.empty()) return x;
  if (x.numel() == 0) return extreme_of_nothing({x, axes, keep}, x, -std::numeric_limits<double>::infinity());
  return at::amax(x, axes, keep);
}

at::Tensor min(const at::Tensor& x, const Axes& axes, bool keep) {
  if (axes.empty()) return x;
  if (x.numel() == 0) return extreme_of_nothing({x, axes, keep}, x, std::numeric_limits<double>::infinity());
  return at::amin(x, axes, keep);
}

at::Tensor prod(const at::Tensor& x, const Axes& axes, bool keep) {
  const Reduction reduction(x, axes, keep);
  return at::prod(reduction.rows, 1, false, summed_type(x)).view(reduction.shape);
}

at::Tensor all(const at::Tensor& x, const Axes& axes, bool keep) {
  const Reduction reduction(x, axes, keep);
  return at::all(reduction.rows, 1).view(reduction.shape);
}

at::Tensor any(const at::Tensor& x, const Axes& axes, bool keep) {
  const Reduction reduction(x, axes, keep);
  return at::any(reduction.rows, 1).view(reduction.shape);
}

// Over the last axis.
at::Tensor softmax(const at::Tensor& x) { return at::softmax(x.to(at::kFloat), -1); }

// The place of the first of the largest along an axis; NaN is passed over.
at::Tensor arg_max(const at::Tensor& x, int64_t axis) {
  if (x.scalar_type() == at::kBool) return at::argmax(x.to(at::kInt), axis);
  if (x.scalar_type() != at::kFloat) return at::argmax(x, axis);
  return at::argmax(at::where(x.isnan(), -std::numeric_limits<double>::infinity(), x), axis);
}

at::Tensor arg_min(const at::Tensor& x, int64_t axis) {
  if (x.scalar_type() == at::kBool) return at::argmin(x.to(at::kInt), axis);
  if (x.scalar_type() != at::kFloat) return at::argmin(x, axis);
  return at::argmin(at::where(x.isnan(), std::numeric_limits<double>::infinity(), x), axis);
}

}  // namespace

void export_reduce(Exports& exports) {
  exports.add("All", &all);
  exports.add("Any", &any);
  exports.add("Max", &max);
  exports.add("Mean", &mean);
  exports.add("Min", &min);
  exports.add("Prod", &prod);
  exports.add("Sum", &sum);

  exports.add("softmax", &softmax);
  exports.add("ArgMax", &arg_max);
  exports.add("ArgMin", &arg_min);
}

}  // namespace sf
