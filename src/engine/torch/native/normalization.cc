// Batch normalisation with given statistics (Ioffe and Szegedy, 2015) and local response normalisation
// across channels (Krizhevsky et al., 2012, section 3.3) with its gradient.
#include <ATen/core/Tensor.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/constant_pad_nd.h>

#include "families.h"

namespace sf {
namespace {

// offset + (x - mean) scale / sqrt(variance + epsilon), all but x broadcast.
at::Tensor batch_norm(const at::Tensor& x, const at::Tensor& mean, const at::Tensor& variance,
                      const c10::optional<at::Tensor>& offset, const c10::optional<at::Tensor>& scale,
                      double epsilon) {
  at::Tensor factor = variance.add(epsilon).rsqrt_();
  if (scale) factor = factor.mul(*scale);
  const at::Tensor centred = x.sub(mean);
  return offset ? at::addcmul(*offset, centred, factor) : centred.mul(factor);
}

// For each channel, the sum over the channels at most `radius` away.
at::Tensor window_sum(const at::Tensor& x, int64_t radius) {
  return at::constant_pad_nd(x, {radius, radius}).unfold(-1, 2 * radius + 1, 1).sum(-1);
}

// What a channel is divided by, before it is raised to beta.
at::Tensor response(const at::Tensor& x, int64_t radius, double bias, double alpha) {
  return window_sum(x.square(), radius).mul_(alpha).add_(bias);
}

at::Tensor local_response(const at::Tensor& x, int64_t radius, double bias, double alpha, double beta) {
  return response(x, radius, bias, alpha).pow_(-beta).mul_(x);
}

// y = x s^-beta, s = bias + alpha sum x^2:  dx = dy s^-beta - 2 alpha beta x sum(dy y / s).
at::Tensor local_response_gradient(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& y,
                                   int64_t radius, double bias, double alpha, double beta) {
  const at::Tensor s = response(x, radius, bias, alpha);
  const at::Tensor shared = window_sum(dy.mul(y).div_(s), radius);
  return at::addcmul(dy.mul(s.pow(-beta)), x, shared, -2 * alpha * beta);
}

}  // namespace

void export_normalization(Exports& exports) {
  exports.add("batchNorm", &batch_norm);
  exports.add("lrn", &local_response);
  exports.add("lrnGrad", &local_response_gradient);
}

}  // namespace sf
