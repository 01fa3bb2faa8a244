// Greyscale dilation of images and its gradients: y = max over the window of (x + filter). A window reads
// only the image, and of equal sums the first counts.
#include <ATen/core/Tensor.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/full.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <limits>
#include <vector>

#include "families.h"

namespace sf {
namespace {

// Numbers that tfjs calls so: heights before widths.
struct Window {
  std::vector<int64_t> size;  // filter height and width
  std::vector<int64_t> stride;
  std::vector<int64_t> dilation;
  std::vector<int64_t> padding;  // top, bottom, left, right
  std::vector<int64_t> output;   // height and width

  int64_t taps() const { return size[0] * size[1]; }

  // What of a padded NHWC image a tap of the filter sees: [B, output, C].
  at::Tensor seen(const at::Tensor& padded, int64_t tap) const {
    const int64_t top = tap / size[1] * dilation[0], left = tap % size[1] * dilation[1];
    return padded.slice(1, top, top + (output[0] - 1) * stride[0] + 1, stride[0])
        .slice(2, left, left + (output[1] - 1) * stride[1] + 1, stride[1]);
  }

  // The part of a padded image that is the image.
  at::Tensor image(const at::Tensor& padded) const {
    return padded.slice(1, padding[0], padded.size(1) - padding[1])
        .slice(2, padding[2], padded.size(2) - padding[3]);
  }

  at::Tensor pad(const at::Tensor& x, double value) const {
    return at::constant_pad_nd(x, {0, 0, padding[2], padding[3], padding[0], padding[1]}, value);
  }
};

// What tfjs begins a maximum with.
constexpr double kLeast = -9007199254740991.0;

struct Maximum {
  at::Tensor value;  // float64 [B, output, C]
  at::Tensor tap;    // int32, of the same shape
};

Maximum maximum(const at::Tensor& x, const at::Tensor& filter, const Window& window) {
  const at::Tensor padded = window.pad(x.to(at::kDouble), -std::numeric_limits<double>::infinity());
  const at::Tensor taps = filter.to(at::kDouble).view({window.taps(), -1});
  const std::vector<int64_t> shape = {x.size(0), window.output[0], window.output[1], x.size(3)};
  Maximum best{at::full(shape, kLeast, padded.options()), at::zeros(shape, x.options().dtype(at::kInt))};
  for (int64_t tap = 0; tap < window.taps(); ++tap) {
    const at::Tensor sum = window.seen(padded, tap).add(taps[tap]);
    const at::Tensor better = sum.gt(best.value);
    best = {at::where(better, sum, best.value), best.tap.masked_fill_(better, tap)};
  }
  return best;
}

at::Tensor dilation(const at::Tensor& x, const at::Tensor& filter, const std::vector<int64_t>& stride,
                    const std::vector<int64_t>& dilations, const std::vector<int64_t>& padding,
                    const std::vector<int64_t>& output) {
  const Window window{{filter.size(0), filter.size(1)}, stride, dilations, padding, output};
  return maximum(x, filter, window).value.to(x.scalar_type());
}

at::Tensor input_gradient(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& filter,
                          const std::vector<int64_t>& stride, const std::vector<int64_t>& dilations,
                          const std::vector<int64_t>& padding, const std::vector<int64_t>& output) {
  const Window window{{filter.size(0), filter.size(1)}, stride, dilations, padding, output};
  const at::Tensor winner = maximum(x, filter, window).tap;
  at::Tensor dx = window.pad(at::zeros(x.sizes(), x.options()), 0);
  for (int64_t tap = 0; tap < window.taps(); ++tap) {
    window.seen(dx, tap).add_(dy.mul(winner.eq(tap)));
  }
  return window.image(dx).to(x.scalar_type());
}

at::Tensor filter_gradient(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& filter,
                           const std::vector<int64_t>& stride, const std::vector<int64_t>& dilations,
                           const std::vector<int64_t>& padding, const std::vector<int64_t>& output) {
  const Window window{{filter.size(0), filter.size(1)}, stride, dilations, padding, output};
  const at::Tensor winner = maximum(x, filter, window).tap;
  at::Tensor gradient = at::zeros({window.taps(), filter.size(2)}, filter.options());
  for (int64_t tap = 0; tap < window.taps(); ++tap) {
    gradient[tap].copy_(dy.mul(winner.eq(tap)).sum({0, 1, 2}));
  }
  return gradient.view(filter.sizes());
}

}  // namespace

// x [B, H, W, C], filter [height, width, C], dy [B, output, C].
void export_dilation(Exports& exports) {
  exports.add("dilation2d", &dilation);
  exports.add("dilation2dInputGrad", &input_gradient);
  exports.add("dilation2dFilterGrad", &filter_gradient);
}

}  // namespace sf
