#include "convolution.h"

#include <c10/util/Exception.h>

#include <algorithm>

#include "device.h"
#include "library_convolution.h"
#include "product_convolution.h"
#include "simd.h"
#include "winograd.h"

namespace sf {
namespace {

enum class Path { kWinograd, kPointwise, kLibrary };

bool all_are(const std::vector<int64_t>& values, int64_t value) {
  return std::all_of(values.begin(), values.end(), [&](int64_t v) { return v == value; });
}

// x and filter by their shapes: which code computes the convolution, and its gradients.
Path path_of(const at::Device& where, at::IntArrayRef x, at::IntArrayRef filter, const Window& window) {
  const size_t spatial = window.stride.size();
  if (!where.is_cpu() || precision() != Precision::FP32 || simd() == Simd::kPortable || window.groups != 1)
    return Path::kLibrary;
  const auto sides = filter.slice(0, spatial);
  const auto sides_are = [&](int64_t side) {
    return std::all_of(sides.begin(), sides.end(), [&](int64_t s) { return s == side; });
  };
  if (sides_are(1) && all_are(window.padding, 0)) return Path::kPointwise;
  const bool symmetric = spatial == 2 && window.padding[0] == window.padding[1] && window.padding[0] <= 2 &&
                         window.out[0] == x[1] + 2 * window.padding[0] - 2 &&
                         window.out[1] == x[2] + 2 * window.padding[1] - 2;
  if (symmetric && sides_are(3) && all_are(window.stride, 1) && all_are(window.dilation, 1) &&
      winograd_suits(filter[2], filter[3], x[1], x[2], x[0]))
    return Path::kWinograd;
  return Path::kLibrary;
}

void check_shapes(at::IntArrayRef x, at::IntArrayRef filter, const Window& window) {
  const size_t rank = window.stride.size() + 2;
  TORCH_CHECK(x.size() == rank && filter.size() == rank, "images of ", x, " and a filter of ", filter,
              " must have ", rank, " dimensions");
  TORCH_CHECK(x[rank - 1] == filter[rank - 2] * window.groups, "input has ", x[rank - 1],
              " channels, filter expects ", filter[rank - 2] * window.groups);
}

// Whether a filter gradient that is left to the library is better computed tap by tap: oneDNN 2.6 has a third
// of its forward speed there at a stride, the product two thirds. Small ones lose more to waking threads.
bool taps_suit(at::IntArrayRef filter, const at::Tensor& dy, const Window& window) {
  constexpr int64_t least_channels = 16, least_work = 1 << 22;
  if (!dy.is_cpu() || precision() != Precision::FP32 || simd() == Simd::kPortable || window.groups != 1 ||
      filter.size() != 4 || std::min(filter[2], filter[3]) < least_channels)
    return false;
  return filter[2] * dy.numel() >= least_work;
}

}  // namespace

at::Tensor convolve(const at::Tensor& x, const at::Tensor& filter, const Window& window,
                    const Finish& finish) {
  check_shapes(x.sizes(), filter.sizes(), window);
  std::vector<int64_t> result = window.out;
  result.insert(result.begin(), x.size(0));
  result.push_back(filter.size(-1));
  check_finish(finish, result);
  switch (path_of(x.device(), x.sizes(), filter.sizes(), window)) {
    case Path::kWinograd:
      return winograd_convolution(x, filter, finish.bias, finish.slope, window.padding[0], finish.residual);
    case Path::kPointwise:
      return pointwise_convolution(x, filter, window, finish);
    case Path::kLibrary:
      break;
  }
  const bool on_cpu = x.is_cpu();
  // oneDNN adds the bias itself; on CUDA ATen adds it in a pass of its own.
  const at::Tensor y = library_convolution(x, filter, window, on_cpu ? finish.bias : c10::nullopt);
  return finished(y, {on_cpu ? c10::nullopt : finish.bias, finish.residual, finish.slope});
}

at::Tensor convolve_input_gradient(const at::Tensor& dy, const at::Tensor& filter, at::IntArrayRef shape,
                                   const Window& window) {
  check_shapes(shape, filter.sizes(), window);
  switch (path_of(dy.device(), shape, filter.sizes(), window)) {
    case Path::kWinograd:
      return winograd_input_gradient(dy, filter, window.padding[0], shape[1], shape[2]);
    case Path::kPointwise:
      return pointwise_input_gradient(dy, filter, shape, window);
    case Path::kLibrary:
      break;
  }
  return library_input_gradient(dy, filter, shape, window);
}

at::Tensor convolve_filter_gradient(const at::Tensor& x, const at::Tensor& dy, at::IntArrayRef shape,
                                    const Window& window) {
  check_shapes(x.sizes(), shape, window);
  switch (path_of(dy.device(), x.sizes(), shape, window)) {
    case Path::kWinograd:
      return winograd_filter_gradient(x, dy, window.padding[0]);
    case Path::kPointwise:
      return pointwise_filter_gradient(x, dy, shape, window);
    case Path::kLibrary:
      break;
  }
  if (taps_suit(shape, dy, window)) return tap_filter_gradient(x, dy, shape, window);
  return library_filter_gradient(x, dy, shape, window);
}

}  // namespace sf
