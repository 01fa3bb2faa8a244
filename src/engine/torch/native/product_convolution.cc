#include "product_convolution.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <vector>

#include "gemm.h"
#include "padding.h"

namespace sf {
namespace {

// Every stride-th pixel.
at::Tensor sampled(const at::Tensor& x, const Window& window) {
  at::Tensor pixels = x;
  for (size_t d = 0; d < window.stride.size(); ++d) {
    if (window.stride[d] == 1 && window.out[d] == x.size(d + 1)) continue;
    pixels = pixels.slice(d + 1, 0, (window.out[d] - 1) * window.stride[d] + 1, window.stride[d]);
  }
  return pixels;
}

const float* data_or_null(const c10::optional<at::Tensor>& x) { return x ? x->data_ptr<float>() : nullptr; }

}  // namespace

at::Tensor pointwise_convolution(const at::Tensor& x, const at::Tensor& filter, const Window& window,
                                 const Finish& finish) {
  const at::Tensor pixels = sampled(x, window).contiguous();
  std::vector<int64_t> shape = pixels.sizes().vec();
  const int64_t in = filter.size(-2), out = filter.size(-1), rows = pixels.numel() / std::max<int64_t>(in, 1);
  shape.back() = out;
  at::Tensor y = at::empty(shape, x.options());
  Product product{
      rows, out, in, {pixels.data_ptr<float>(), in}, {filter.data_ptr<float>(), out}, y.data_ptr<float>(),
      out};
  product.ending = {data_or_null(finish.bias), data_or_null(finish.residual), finish.slope};
  multiply(product);
  return y;
}

at::Tensor pointwise_input_gradient(const at::Tensor& dy, const at::Tensor& filter, at::IntArrayRef shape,
                                    const Window& window) {
  const int64_t in = filter.size(-2), out = filter.size(-1);
  const at::Tensor sum = matrix_product(dy.view({-1, out}), filter.view({in, out}), false, true);
  if (sum.numel() == c10::multiply_integers(shape)) return sum.view(shape);
  at::Tensor dx = at::zeros(shape, dy.options());
  at::Tensor pixels = sampled(dx, window);
  pixels.copy_(sum.view(pixels.sizes()));
  return dx;
}

at::Tensor pointwise_filter_gradient(const at::Tensor& x, const at::Tensor& dy, at::IntArrayRef shape,
                                     const Window& window) {
  const int64_t in = shape[shape.size() - 2], out = shape[shape.size() - 1];
  const at::Tensor pixels = sampled(x, window).contiguous();
  return matrix_product(pixels.view({-1, in}), dy.view({-1, out}), true, false).view(shape);
}

at::Tensor tap_filter_gradient(const at::Tensor& x, const at::Tensor& dy, at::IntArrayRef shape,
                               const Window& window) {
  const Padding padding(x.sizes(), shape.slice(0, 2), window);
  const at::Tensor padded = padding.is_empty() ? x : padding.pad(x, 0);
  const int64_t height = shape[0], width = shape[1], in = shape[2], out = shape[3];
  at::Tensor gradient = at::empty(shape, x.options());
  at::Tensor pixels = at::empty({dy.size(0), dy.size(1), dy.size(2), in}, x.options());
  const int64_t count = dy.numel() / out;
  const auto part = [&](const at::Tensor& images, int64_t d, int64_t tap) {
    const int64_t first = tap * window.dilation[d];
    return images.slice(d + 1, first, first + (window.out[d] - 1) * window.stride[d] + 1, window.stride[d]);
  };
  for (int64_t row = 0; row < height; ++row) {
    const at::Tensor lines = part(padded, 0, row);
    for (int64_t column = 0; column < width; ++column) {
      pixels.copy_(part(lines, 1, column));
      multiply({in,
                out,
                count,
                {pixels.data_ptr<float>(), in, true},
                {dy.data_ptr<float>(), out},
                gradient.data_ptr<float>() + (row * width + column) * in * out,
                out});
    }
  }
  return gradient;
}

}  // namespace sf
