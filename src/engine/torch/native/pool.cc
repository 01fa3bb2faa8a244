// tfjs's own pooling in two and three dimensions, [B, spatial..., C], and its gradients. Padding never wins a
// maximum and does not count in an average; it is done explicitly, as ATen knows none after the last element
// that it does not put before the first.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/avg_pool2d_backward.h>
#include <ATen/ops/avg_pool3d.h>
#include <ATen/ops/avg_pool3d_backward.h>
#include <ATen/ops/div.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/max_pool2d_with_indices.h>
#include <ATen/ops/max_pool2d_with_indices_backward.h>
#include <ATen/ops/max_pool3d_with_indices.h>
#include <ATen/ops/max_pool3d_with_indices_backward.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <limits>
#include <tuple>
#include <vector>

#include "families.h"
#include "padding.h"

namespace sf {
namespace {

using Sizes = std::vector<int64_t>;
constexpr double kNever = -std::numeric_limits<double>::infinity();

struct Pool {
  Sizes size;
  Window window;
  Sizes none;  // zeros
  Sizes ones;

  Pool(const Sizes& size, const Sizes& stride, const Sizes& padding, const Sizes& out)
      : size(size), none(size.size(), 0), ones(size.size(), 1) {
    window = {stride, padding, ones, out};
  }
  bool is_planar() const { return size.size() == 2; }
  Padding padding(at::IntArrayRef x) const { return Padding(x, size, window); }
};

at::Tensor channels_first(const at::Tensor& x) { return x.movedim(-1, 1); }
at::Tensor channels_last(const at::Tensor& x) { return x.movedim(1, -1).contiguous(); }

at::Tensor empty_result(const at::Tensor& x, Sizes shape) {
  shape.insert(shape.begin(), x.size(0));
  shape.push_back(x.size(-1));
  return at::empty(shape, x.options());
}

// The maximum and its place in the padded image, both channels first.
std::tuple<at::Tensor, at::Tensor> maxima(const at::Tensor& padded, const Pool& pool) {
  const at::Tensor images = channels_first(padded);
  return pool.is_planar()
             ? at::max_pool2d_with_indices(images, pool.size, pool.window.stride, pool.none, pool.ones, false)
             : at::max_pool3d_with_indices(images, pool.size, pool.window.stride, pool.none, pool.ones,
                                           false);
}

// NaN never wins either.
at::Tensor padded_for_maximum(const at::Tensor& x, const Pool& pool) {
  const at::Tensor numbers = x.is_floating_point() ? at::where(x.isnan(), kNever, x) : x.to(at::kDouble);
  return pool.padding(x.sizes()).pad(numbers, kNever);
}

at::Tensor max_pool(const at::Tensor& x, const Sizes& size, const Sizes& stride, const Sizes& padding,
                    const Sizes& out) {
  const Pool pool(size, stride, padding, out);
  if (pool.window.is_empty()) return empty_result(x, out);
  const at::Tensor y = std::get<0>(maxima(padded_for_maximum(x, pool), pool));
  return channels_last(y).to(x.scalar_type());
}

at::Tensor max_pool_gradient(const at::Tensor& dy, const at::Tensor& x, const Sizes& size,
                             const Sizes& stride, const Sizes& padding, const Sizes& out) {
  const Pool pool(size, stride, padding, out);
  const at::Tensor padded = padded_for_maximum(x.to(at::kFloat), pool);
  const at::Tensor places = std::get<1>(maxima(padded, pool)), gradient = channels_first(dy.to(at::kFloat));
  const at::Tensor images = channels_first(padded);
  const at::Tensor dx =
      pool.is_planar() ? at::max_pool2d_with_indices_backward(gradient, images, pool.size, pool.window.stride,
                                                              pool.none, pool.ones, false, places)
                       : at::max_pool3d_with_indices_backward(gradient, images, pool.size, pool.window.stride,
                                                              pool.none, pool.ones, false, places);
  return pool.padding(x.sizes()).unpad(channels_last(dx));
}

// The maximum, and where in the flattened image of [H, W, C] it is; with_batch, in the batch of them.
std::vector<at::Tensor> max_pool_with_places(const at::Tensor& x, const Sizes& size, const Sizes& stride,
                                             const Sizes& padding, const Sizes& out, bool with_batch) {
  const Pool pool(size, stride, padding, out);
  const at::Tensor padded = padded_for_maximum(x, pool);
  const auto [y, places] = maxima(padded, pool);
  const int64_t height = x.size(1), width = x.size(2), channels = x.size(3), padded_width = padded.size(2);
  const at::Tensor place = channels_last(places);
  const auto counting = [&](int64_t count) { return at::arange(count, place.options()); };
  const at::Tensor row = at::div(place, padded_width, "floor") - padding[0];
  const at::Tensor column = at::remainder(place, padded_width) - padding[1];
  at::Tensor index = (row * width + column) * channels + counting(channels);
  if (with_batch) index = index + counting(x.size(0)).view({-1, 1, 1, 1}) * (height * width * channels);
  return {channels_last(y).to(x.scalar_type()), index.to(at::kInt)};
}

// How many elements of the image every window has, at least 1: [spatial..., 1].
at::Tensor counts(at::IntArrayRef x, const Pool& pool, const at::TensorOptions& options) {
  at::Tensor result;
  for (size_t d = 0; d < pool.size.size(); ++d) {
    std::vector<float> along;
    for (int64_t i = 0; i < pool.window.out[d]; ++i) {
      const int64_t begin = i * pool.window.stride[d] - pool.window.padding[d];
      const int64_t end = std::min(begin + pool.size[d], x[d + 1]);
      along.push_back(static_cast<float>(std::max<int64_t>(end - std::max<int64_t>(begin, 0), 1)));
    }
    const at::Tensor factor = at::tensor(along, at::kFloat).to(options.device()).unsqueeze(-1);
    result = result.defined() ? result.unsqueeze(-2) * factor : factor;
  }
  return result;
}

at::Tensor average_pool(const at::Tensor& x, const Sizes& size, const Sizes& stride, const Sizes& padding,
                        const Sizes& out) {
  const Pool pool(size, stride, padding, out);
  if (pool.window.is_empty()) return empty_result(x, out);
  const at::Tensor images = channels_first(pool.padding(x.sizes()).pad(x.to(at::kFloat), 0));
  const at::Tensor sums = pool.is_planar() ? at::avg_pool2d(images, size, stride, pool.none, false, true, 1)
                                           : at::avg_pool3d(images, size, stride, pool.none, false, true, 1);
  return channels_last(sums).div_(counts(x.sizes(), pool, sums.options()));
}

// tfjs divides by the size of the window here, also where the average was over fewer elements.
at::Tensor average_pool_gradient(const at::Tensor& dy, const Sizes& shape, const Sizes& size,
                                 const Sizes& stride, const Sizes& padding, const Sizes& out) {
  const Pool pool(size, stride, padding, out);
  const Padding around = pool.padding(shape);
  const at::Tensor share = channels_first(dy.to(at::kFloat) / c10::multiply_integers(size));
  // Only lends its shape.
  const at::Tensor images = channels_first(at::empty(around.padded(shape), share.options()));
  const at::Tensor dx = pool.is_planar()
                            ? at::avg_pool2d_backward(share, images, size, stride, pool.none, false, true, 1)
                            : at::avg_pool3d_backward(share, images, size, stride, pool.none, false, true, 1);
  return around.unpad(channels_last(dx));
}

}  // namespace

void export_pool(Exports& exports) {
  exports.add("maxPool", &max_pool);
  exports.add("maxPoolGrad", &max_pool_gradient);
  exports.add("maxPoolWithPlaces", &max_pool_with_places);
  exports.add("averagePool", &average_pool);
  exports.add("averagePoolGrad", &average_pool_gradient);
}

}  // namespace sf
