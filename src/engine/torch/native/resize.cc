// Images of another size: along each of their axes a place of the result lies between two of the image. What
// these are is decided by the conventions of tfjs (align corners, half-pixel centres, or neither), in double
// precision as there.
#include <ATen/core/Tensor.h>
#include <ATen/ops/lerp.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "families.h"

namespace sf {
namespace {

struct Convention {
  bool align_corners;
  bool half_pixel_centers;
};

// Steps in an image for a step in the result.
double scale_of(int64_t from, int64_t to, Convention convention) {
  const int64_t corner = convention.align_corners && to > 1 ? 1 : 0;
  return static_cast<double>(from - corner) / static_cast<double>(to - corner);
}

// For each place of the result along an axis, the places of the image on both sides of it and how far it is
// from the lower to the higher: (1 - fraction) x[low] + fraction x[high].
struct Neighbours {
  at::Tensor low;       // int64
  at::Tensor high;      // int64
  at::Tensor fraction;  // float32
};

Neighbours neighbours(int64_t from, int64_t to, Convention convention, at::Device device) {
  const double scale = scale_of(from, to, convention);
  std::vector<int64_t> low(to), high(to);
  std::vector<float> fraction(to);
  for (int64_t i = 0; i < to; ++i) {
    const double place = convention.half_pixel_centers ? scale * (i + 0.5) - 0.5 : scale * i;
    low[i] = std::min(from - 1, std::max<int64_t>(0, std::floor(place)));
    high[i] = std::min(from - 1, std::max<int64_t>(0, std::ceil(place)));
    fraction[i] = static_cast<float>(place - low[i]);
  }
  return {at::tensor(low, at::kLong).to(device), at::tensor(high, at::kLong).to(device),
          at::tensor(fraction, at::kFloat).to(device)};
}

// The place of the image that each place of the result along an axis takes its value from, int64.
at::Tensor nearest(int64_t from, int64_t to, Convention convention, at::Device device) {
  const double scale = scale_of(from, to, convention);
  std::vector<int64_t> nearest(to);
  for (int64_t i = 0; i < to; ++i) {
    const double place = scale * (convention.half_pixel_centers ? i + 0.5 : i);
    const double whole = std::floor(convention.align_corners ? place + 0.5 : place);
    nearest[i] = std::min(from - 1, static_cast<int64_t>(whole));
  }
  return at::tensor(nearest, at::kLong).to(device);
}

// `fraction` along the axis of an NHWC tensor.
at::Tensor along(const at::Tensor& fraction, int64_t axis) {
  return axis == 1 ? fraction.view({1, -1, 1, 1}) : fraction.view({1, 1, -1, 1});
}

at::Tensor interpolate(const at::Tensor& x, int64_t axis, int64_t size, Convention convention) {
  const auto [low, high, fraction] = neighbours(x.size(axis), size, convention, x.device());
  return at::lerp(x.index_select(axis, low), x.index_select(axis, high), along(fraction, axis));
}

// The adjoint of `interpolate`.
at::Tensor spread(const at::Tensor& dy, int64_t axis, int64_t size, Convention convention) {
  const auto [low, high, fraction] = neighbours(size, dy.size(axis), convention, dy.device());
  auto shape = dy.sizes().vec();
  shape[axis] = size;
  const at::Tensor higher = dy.mul(along(fraction, axis));
  return at::zeros(shape, dy.options()).index_add_(axis, low, dy.sub(higher)).index_add_(axis, high, higher);
}

// x [B, H, W, C] -> float32 [B, height, width, C].
at::Tensor resize_bilinear(const at::Tensor& x, int64_t height, int64_t width, bool align_corners,
                           bool half_pixel_centers) {
  const Convention convention{align_corners, half_pixel_centers};
  return interpolate(interpolate(x.to(at::kFloat), 2, width, convention), 1, height, convention);
}

// dy of the result -> dx [B, height, width, C].
at::Tensor resize_bilinear_gradient(const at::Tensor& dy, int64_t height, int64_t width, bool align_corners,
                                    bool half_pixel_centers) {
  const Convention convention{align_corners, half_pixel_centers};
  return spread(spread(dy, 1, height, convention), 2, width, convention);
}

at::Tensor resize_nearest(const at::Tensor& x, int64_t height, int64_t width, bool align_corners,
                          bool half_pixel_centers) {
  const Convention convention{align_corners, half_pixel_centers};
  const at::Tensor columns = nearest(x.size(2), width, convention, x.device());
  return x.index_select(1, nearest(x.size(1), height, convention, x.device())).index_select(2, columns);
}

at::Tensor resize_nearest_gradient(const at::Tensor& dy, int64_t height, int64_t width, bool align_corners,
                                   bool half_pixel_centers) {
  const Convention convention{align_corners, half_pixel_centers};
  const at::Tensor rows = nearest(height, dy.size(1), convention, dy.device());
  const at::Tensor columns = nearest(width, dy.size(2), convention, dy.device());
  const at::Tensor tall = at::zeros({dy.size(0), height, dy.size(2), dy.size(3)}, dy.options());
  const at::Tensor dx = at::zeros({dy.size(0), height, width, dy.size(3)}, dy.options());
  return dx.index_add(2, columns, tall.index_add(1, rows, dy));
}

}  // namespace

void export_resize(Exports& exports) {
  exports.add("resizeBilinear", &resize_bilinear);
  exports.add("resizeBilinearGrad", &resize_bilinear_gradient);
  exports.add("resizeNearest", &resize_nearest);
  exports.add("resizeNearestGrad", &resize_nearest_gradient);
}

}  // namespace sf
