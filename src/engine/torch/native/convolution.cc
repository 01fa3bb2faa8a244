#include "convolution.h"

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <tuple>

#include "device.h"
#include "finish.h"
#include "gemm.h"
#include "simd.h"
#include "winograd.h"

namespace sf {
namespace {

enum class Path { kWinograd, kProduct, kLibrary };

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
  if (sides_are(1) && all_are(window.padding, 0)) return Path::kProduct;
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

// --- the library

// [B, H, W, C] as ATen's [B, C, H, W].
at::Tensor channels_first(const at::Tensor& x) { return x.movedim(-1, 1); }
at::Tensor channels_last(const at::Tensor& x) { return x.movedim(1, -1); }

// [H, W, in, out] as ATen's [out, in, H, W], and back.
at::Tensor library_filter(const at::Tensor& filter) { return filter.movedim({-1, -2}, {0, 1}); }
at::Tensor engine_filter(const at::Tensor& filter) { return filter.movedim({0, 1}, {-1, -2}); }

// In the type that the library multiplies in.
at::Tensor operand(const at::Tensor& x) { return precision() == Precision::BF16 ? x.to(at::kBFloat16) : x; }

// Only lends its shape.
at::Tensor shape_only(at::IntArrayRef shape, const at::Tensor& like) {
  return at::empty(shape, like.options());
}

// Zeros after the last element, one for each dimension; negative where the image reaches beyond the last
// window.
std::vector<int64_t> padding_after(at::IntArrayRef x, at::IntArrayRef filter, const Window& window) {
  std::vector<int64_t> after;
  for (size_t d = 0; d < window.stride.size(); ++d) {
    const int64_t reach = (window.out[d] - 1) * window.stride[d] + (filter[d] - 1) * window.dilation[d] + 1;
    after.push_back(reach - x[d + 1] - window.padding[d]);
  }
  return after;
}

// Libraries take as many zeros after the last element as before the first; what they would make more of the
// result than wanted, they must not.
struct LibraryPadding {
  std::vector<int64_t> symmetric;
  // For constant_pad_nd on [B, H, W, C]; empty where symmetric padding does it all.
  std::vector<int64_t> explicit_pads;

  LibraryPadding(at::IntArrayRef x, at::IntArrayRef filter, const Window& window)
      : symmetric(window.padding) {
    const auto after = padding_after(x, filter, window);
    bool fits = true;
    for (size_t d = 0; d < after.size(); ++d) {
      const int64_t unused = window.padding[d] - after[d];
      fits = fits && unused >= 0 && unused < window.stride[d];
    }
    if (fits) return;
    symmetric.assign(after.size(), 0);
    explicit_pads = {0, 0};
    for (size_t d = after.size(); d-- > 0;) {
      explicit_pads.push_back(window.padding[d]);
      explicit_pads.push_back(after[d]);
    }
  }

  at::Tensor pad(const at::Tensor& x) const {
    return explicit_pads.empty() ? x : at::constant_pad_nd(x, explicit_pads, 0);
  }
  at::Tensor unpad(const at::Tensor& dx) const {
    if (explicit_pads.empty()) return dx;
    std::vector<int64_t> back = explicit_pads;
    for (int64_t& pads : back) pads = -pads;
    return at::constant_pad_nd(dx, back, 0);
  }
  std::vector<int64_t> padded(at::IntArrayRef x) const {
    std::vector<int64_t> shape = x.vec();
    for (size_t i = 2; i + 1 < explicit_pads.size(); i += 2)
      shape[shape.size() - 1 - i / 2] += explicit_pads[i] + explicit_pads[i + 1];
    return shape;
  }
};

at::Tensor library_convolution(const at::Tensor& x, const at::Tensor& filter, const Window& window,
                               const c10::optional<at::Tensor>& bias) {
  const LibraryPadding padding(x.sizes(), filter.sizes(), window);
  const std::vector<int64_t> none(window.stride.size(), 0);
  c10::optional<at::Tensor> added;
  if (bias) added = operand(*bias);
  const at::Tensor y =
      at::convolution(channels_first(operand(padding.pad(x))), library_filter(operand(filter)), added,
                      window.stride, padding.symmetric, window.dilation, false, none, window.groups);
  return channels_last(y).to(at::kFloat).contiguous();
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> library_gradients(const at::Tensor& dy, const at::Tensor& x,
                                                                 const at::Tensor& filter,
                                                                 const Window& window,
                                                                 const LibraryPadding& padding,
                                                                 std::array<bool, 3> wanted) {
  const std::vector<int64_t> none(window.stride.size(), 0);
  return at::convolution_backward(channels_first(operand(dy)), channels_first(x), library_filter(filter),
                                  c10::nullopt, window.stride, padding.symmetric, window.dilation, false,
                                  none, window.groups, wanted);
}

at::Tensor library_input_gradient(const at::Tensor& dy, const at::Tensor& filter, at::IntArrayRef shape,
                                  const Window& window) {
  const LibraryPadding padding(shape, filter.sizes(), window);
  const at::Tensor weights = operand(filter);
  const at::Tensor x = shape_only(padding.padded(shape), weights);
  const auto gradients = library_gradients(dy, x, weights, window, padding, {true, false, false});
  return padding.unpad(channels_last(std::get<0>(gradients)).to(at::kFloat).contiguous());
}

at::Tensor library_filter_gradient(const at::Tensor& x, const at::Tensor& dy, at::IntArrayRef shape,
                                   const Window& window) {
  const LibraryPadding padding(x.sizes(), shape, window);
  const at::Tensor images = operand(padding.pad(x));
  const at::Tensor filter = shape_only(shape, images);
  const auto gradients = library_gradients(dy, images, filter, window, padding, {false, true, false});
  return engine_filter(std::get<1>(gradients)).to(at::kFloat).contiguous();
}

// --- 1x1 filters as matrix products: [pixels, in] times [in, out]

// Every stride-th pixel.
at::Tensor sampled(const at::Tensor& x, const Window& window) {
  at::Tensor pixels = x;
  for (size_t d = 0; d < window.stride.size(); ++d) {
    if (window.stride[d] == 1 && window.out[d] == x.size(d + 1)) continue;
    pixels = pixels.slice(d + 1, 0, (window.out[d] - 1) * window.stride[d] + 1, window.stride[d]);
  }
  return pixels;
}

at::Tensor product_convolution(const at::Tensor& x, const at::Tensor& filter, const Window& window) {
  const at::Tensor pixels = sampled(x, window).contiguous();
  std::vector<int64_t> shape = pixels.sizes().vec();
  const int64_t in = shape.back(), out = filter.size(-1);
  shape.back() = out;
  return matrix_product(pixels.view({-1, in}), filter.view({in, out}), false, false).view(shape);
}

at::Tensor product_input_gradient(const at::Tensor& dy, const at::Tensor& filter, at::IntArrayRef shape,
                                  const Window& window) {
  const int64_t in = filter.size(-2), out = filter.size(-1);
  const at::Tensor sum = matrix_product(dy.view({-1, out}), filter.view({in, out}), false, true);
  if (sum.numel() == c10::multiply_integers(shape)) return sum.view(shape);
  at::Tensor dx = at::zeros(shape, dy.options());
  at::Tensor pixels = sampled(dx, window);
  pixels.copy_(sum.view(pixels.sizes()));
  return dx;
}

at::Tensor product_filter_gradient(const at::Tensor& x, const at::Tensor& dy, at::IntArrayRef shape,
                                   const Window& window) {
  const int64_t in = shape[shape.size() - 2], out = shape[shape.size() - 1];
  const at::Tensor pixels = sampled(x, window).contiguous();
  return matrix_product(pixels.view({-1, in}), dy.view({-1, out}), true, false).view(shape);
}

}  // namespace

at::Tensor convolve(const at::Tensor& x, const at::Tensor& filter, const Window& window,
                    const Finish& finish) {
  check_shapes(x.sizes(), filter.sizes(), window);
  switch (path_of(x.device(), x.sizes(), filter.sizes(), window)) {
    case Path::kWinograd:
      return winograd_convolution(x, filter, finish.bias, finish.relu, window.padding[0], finish.residual);
    case Path::kProduct:
      return finished(product_convolution(x, filter, window), finish);
    case Path::kLibrary:
      break;
  }
  const at::Tensor y = library_convolution(x, filter, window, finish.bias);
  return finished(y, {c10::nullopt, finish.residual, finish.relu});
}

at::Tensor convolve_input_gradient(const at::Tensor& dy, const at::Tensor& filter, at::IntArrayRef shape,
                                   const Window& window) {
  check_shapes(shape, filter.sizes(), window);
  switch (path_of(dy.device(), shape, filter.sizes(), window)) {
    case Path::kWinograd:
      return winograd_input_gradient(dy, filter, window.padding[0], shape[1], shape[2]);
    case Path::kProduct:
      return product_input_gradient(dy, filter, shape, window);
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
    case Path::kProduct:
      return product_filter_gradient(x, dy, shape, window);
    case Path::kLibrary:
      break;
  }
  return library_filter_gradient(x, dy, shape, window);
}

}  // namespace sf
