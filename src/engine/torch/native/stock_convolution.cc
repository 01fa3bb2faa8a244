// tfjs's own convolutions in two and three dimensions, plain and of each channel apart ("depthwise"), fused
// with bias and activation; and their gradients. Images come as [B, spatial..., C] or, where
// `channels_first`, as [B, C, spatial...].
#include <ATen/core/Tensor.h>
#include <ATen/ops/add.h>
#include <c10/util/Exception.h>

#include "activation.h"
#include "convolution.h"
#include "families.h"

namespace sf {
namespace {

using Sizes = std::vector<int64_t>;

at::Tensor last(const at::Tensor& x, bool channels_first) {
  return channels_first ? x.movedim(1, -1).contiguous() : x;
}

at::Tensor first(const at::Tensor& x, bool channels_first) { return channels_first ? x.movedim(-1, 1) : x; }

// [H, W, in, multiplier] of a convolution of each channel apart, as [H, W, 1, in * multiplier].
Sizes filter_shape(at::IntArrayRef filter, bool depthwise) {
  Sizes shape = filter.vec();
  if (!depthwise) return shape;
  shape[shape.size() - 1] *= shape[shape.size() - 2];
  shape[shape.size() - 2] = 1;
  return shape;
}

Window window_of(const Sizes& stride, const Sizes& padding, const Sizes& dilation, const Sizes& out,
                 int64_t groups) {
  return {stride, padding, dilation, out, groups};
}

// A vector goes with the channels wherever they are.
at::Tensor with_channels(const at::Tensor& vector, const at::Tensor& y, bool channels_first) {
  if (!channels_first || vector.dim() != 1 || vector.numel() == 1) return vector;
  Sizes shape(y.dim() - 1, 1);
  shape[0] = vector.numel();
  return vector.view(shape);
}

at::Tensor convolution(const at::Tensor& x, const at::Tensor& filter, const c10::optional<at::Tensor>& bias,
                       const Sizes& stride, const Sizes& padding, const Sizes& dilation, const Sizes& out,
                       bool depthwise, bool channels_first, const std::string& activation,
                       const c10::optional<at::Tensor>& prelu, double leaky) {
  const at::Tensor images = last(x, channels_first);
  const int64_t groups = depthwise ? images.size(-1) : 1;
  const at::Tensor weights = filter.view(filter_shape(filter.sizes(), depthwise));
  const bool relu = activation == "relu";
  Finish finish;
  if (bias && bias->dim() == 1 && bias->numel() == weights.size(-1)) finish.bias = bias;
  if (relu && (finish.bias || !bias)) finish.slope = 0;
  const Window window = window_of(stride, padding, dilation, out, groups);
  TORCH_CHECK(!window.is_empty(), "a filter of ", filter.sizes(), " does not fit into images of ", x.sizes());
  at::Tensor y = first(convolve(images, weights, window, finish), channels_first);
  if (bias && !finish.bias) y = at::add(y, with_channels(*bias, y, channels_first));
  if (finish.slope == 0) return y;
  Activation after{activation, prelu, leaky};
  if (prelu) after.prelu = with_channels(*prelu, y, channels_first);
  return activated(y, after);
}

at::Tensor input_gradient(const at::Tensor& dy, const at::Tensor& filter, const Sizes& shape,
                          const Sizes& stride, const Sizes& padding, const Sizes& dilation, const Sizes& out,
                          bool depthwise, bool channels_first) {
  Sizes images = shape;
  if (channels_first) {
    images.push_back(shape[1]);
    images.erase(images.begin() + 1);
  }
  const Window window = window_of(stride, padding, dilation, out, depthwise ? images.back() : 1);
  const at::Tensor weights = filter.view(filter_shape(filter.sizes(), depthwise));
  at::Tensor gradient = last(dy, channels_first);
  // A transposed convolution may be given more than the convolution would have made; tfjs ignores the rest.
  for (size_t d = 0; d < out.size(); ++d) gradient = gradient.narrow(d + 1, 0, out[d]);
  return first(convolve_input_gradient(gradient.contiguous(), weights, images, window), channels_first);
}

at::Tensor filter_gradient(const at::Tensor& x, const at::Tensor& dy, const Sizes& shape, const Sizes& stride,
                           const Sizes& padding, const Sizes& dilation, const Sizes& out, bool depthwise,
                           bool channels_first) {
  const at::Tensor images = last(x, channels_first);
  const Window window = window_of(stride, padding, dilation, out, depthwise ? images.size(-1) : 1);
  return convolve_filter_gradient(images, last(dy, channels_first), filter_shape(shape, depthwise), window)
      .view(shape);
}

}  // namespace

void export_stock_convolution(Exports& exports) {
  exports.add("convolution", &convolution);
  exports.add("convolutionInputGrad", &input_gradient);
  exports.add("convolutionFilterGrad", &filter_gradient);
}

}  // namespace sf
