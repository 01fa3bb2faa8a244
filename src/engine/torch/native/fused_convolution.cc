// The operations of src/engine/ops/convolution.ts: convolution with symmetric padding, a frozen scale of its
// output channels, bias, residual and leaky ReLU, and its gradients.
#include <ATen/ops/mul.h>
#include <ATen/ops/sum.h>
#include <c10/util/Exception.h>

#include <numeric>
#include <vector>

#include "convolution.h"
#include "families.h"

namespace sf {
namespace {

using MaybeTensor = c10::optional<at::Tensor>;

Window window_of(at::IntArrayRef x, at::IntArrayRef filter, int64_t stride, int64_t padding) {
  Window window{{stride, stride}, {padding, padding}, {1, 1}, {}};
  for (int64_t d = 0; d < 2; ++d) {
    const int64_t reach = x[d + 1] + 2 * padding - filter[d];
    TORCH_CHECK(reach >= 0, "a filter of ", filter, " does not fit into images of ", x, " padded by ",
                padding);
    window.out.push_back(reach / stride + 1);
  }
  return window;
}

at::Tensor scaled(const at::Tensor& filter, const MaybeTensor& scale) {
  return scale ? at::mul(filter, *scale) : filter;
}

at::Tensor convolution(const at::Tensor& x, const at::Tensor& filter, const MaybeTensor& scale,
                       const MaybeTensor& bias, const MaybeTensor& residual, int64_t stride, int64_t padding,
                       double slope) {
  const Window window = window_of(x.sizes(), filter.sizes(), stride, padding);
  return convolve(x, scaled(filter, scale), window, {bias, residual, static_cast<float>(slope)});
}

at::Tensor input_gradient(const at::Tensor& dy, const at::Tensor& filter, const MaybeTensor& scale,
                          const std::vector<int64_t>& shape, int64_t stride, int64_t padding) {
  const Window window = window_of(shape, filter.sizes(), stride, padding);
  return convolve_input_gradient(dy, scaled(filter, scale), shape, window);
}

at::Tensor filter_gradient(const at::Tensor& x, const at::Tensor& dy, const MaybeTensor& scale,
                           const std::vector<int64_t>& shape, int64_t stride, int64_t padding) {
  at::Tensor gradient = convolve_filter_gradient(x, dy, shape, window_of(x.sizes(), shape, stride, padding));
  return scale ? gradient.mul_(*scale) : gradient;
}

// Over all dimensions but the last.
at::Tensor bias_gradient(const at::Tensor& dy) {
  std::vector<int64_t> dims(dy.dim() - 1);
  std::iota(dims.begin(), dims.end(), 0);
  return at::sum(dy, dims);
}

}  // namespace

void export_fused_convolution(Exports& exports) {
  exports.add("sfConvolution", &convolution);
  exports.add("sfConvolutionInputGrad", &input_gradient);
  exports.add("sfConvolutionFilterGrad", &filter_gradient);
  exports.add("sfBiasGrad", &bias_gradient);
}

}  // namespace sf
