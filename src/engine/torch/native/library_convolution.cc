#include "library_convolution.h"

#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <vector>

#include "device.h"
#include "padding.h"

namespace sf {
namespace {

// [B, H, W, C] as ATen's [B, C, H, W].
at::Tensor channels_first(const at::Tensor& x) { return x.movedim(-1, 1); }
at::Tensor channels_last(const at::Tensor& x) { return x.movedim(1, -1); }

// [H, W, in, out] as ATen's [out, in, H, W], and back.
at::Tensor library_filter(const at::Tensor& filter) { return filter.movedim({-1, -2}, {0, 1}); }
at::Tensor engine_filter(const at::Tensor& filter) { return filter.movedim({0, 1}, {-1, -2}); }

std::vector<int64_t> library_filter_shape(at::IntArrayRef filter) {
  std::vector<int64_t> shape{filter[filter.size() - 1], filter[filter.size() - 2]};
  shape.insert(shape.end(), filter.begin(), filter.end() - 2);
  return shape;
}

// In the type that the library multiplies in.
at::Tensor operand(const at::Tensor& x) { return precision() == Precision::BF16 ? x.to(at::kBFloat16) : x; }

// Only lends its shape.
at::Tensor shape_only(at::IntArrayRef shape, const at::Tensor& like) {
  return at::empty(shape, like.options());
}

// Symmetric padding is the library's own; any other is done first.
struct Prepared {
  Padding padding;
  bool is_explicit;
  std::vector<int64_t> symmetric;

  Prepared(at::IntArrayRef x, at::IntArrayRef filter, const Window& window)
      : padding(x, filter.slice(0, window.stride.size()), window),
        is_explicit(!padding.is_symmetric(window)),
        symmetric(window.padding) {
    if (is_explicit) std::fill(symmetric.begin(), symmetric.end(), 0);
  }
  at::Tensor pad(const at::Tensor& x) const { return is_explicit ? padding.pad(x, 0) : x; }
};

std::vector<int64_t> zeros_of(const Window& window) { return std::vector<int64_t>(window.stride.size(), 0); }

std::tuple<at::Tensor, at::Tensor, at::Tensor> gradients(const at::Tensor& dy, const at::Tensor& x,
                                                         const at::Tensor& filter, const Window& window,
                                                         const Prepared& prepared,
                                                         std::array<bool, 3> wanted) {
  return at::convolution_backward(channels_first(operand(dy)), channels_first(x), filter, c10::nullopt,
                                  window.stride, prepared.symmetric, window.dilation, false, zeros_of(window),
                                  window.groups, wanted);
}

}  // namespace

at::Tensor library_convolution(const at::Tensor& x, const at::Tensor& filter, const Window& window,
                               const c10::optional<at::Tensor>& bias) {
  if (x.size(0) == 0) {
    // For no images ATen takes a flat view of the filter, which ours, in another order, does not have.
    std::vector<int64_t> shape = window.out;
    shape.insert(shape.begin(), 0);
    shape.push_back(filter.size(-1));
    return at::empty(shape, x.options());
  }
  const Prepared prepared(x.sizes(), filter.sizes(), window);
  c10::optional<at::Tensor> added;
  if (bias) added = operand(*bias);
  const at::Tensor y = at::convolution(
      channels_first(operand(prepared.pad(x))), library_filter(operand(filter)), added, window.stride,
      prepared.symmetric, window.dilation, false, zeros_of(window), window.groups);
  return channels_last(y).to(at::kFloat).contiguous();
}

at::Tensor library_input_gradient(const at::Tensor& dy, const at::Tensor& filter, at::IntArrayRef shape,
                                  const Window& window) {
  const Prepared prepared(shape, filter.sizes(), window);
  const at::Tensor weights = operand(filter);
  const at::Tensor x =
      prepared.is_explicit ? shape_only(prepared.padding.padded(shape), weights) : shape_only(shape, weights);
  const auto results = gradients(dy, x, library_filter(weights), window, prepared, {true, false, false});
  const at::Tensor dx = channels_last(std::get<0>(results)).to(at::kFloat);
  return prepared.is_explicit ? prepared.padding.unpad(dx.contiguous()) : dx.contiguous();
}

at::Tensor library_filter_gradient(const at::Tensor& x, const at::Tensor& dy, at::IntArrayRef shape,
                                   const Window& window) {
  const Prepared prepared(x.sizes(), shape, window);
  const at::Tensor images = operand(prepared.pad(x));
  // In the library's own order: its slow path wants that.
  const at::Tensor filter = shape_only(library_filter_shape(shape), images);
  const auto results = gradients(dy, images, filter, window, prepared, {false, true, false});
  return engine_filter(std::get<1>(results)).to(at::kFloat).contiguous();
}

}  // namespace sf
