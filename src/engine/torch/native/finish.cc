#include "finish.h"

#include <ATen/ops/add.h>
#include <ATen/ops/relu.h>
#include <c10/util/Exception.h>

#include <algorithm>

#include "parts.h"
#include "relu.h"
#include "vectors.h"

namespace sf {
namespace {

// One row of channels at a time; bias and residual may be null.
SF_INLINE void finish_loop(float* __restrict y, const float* __restrict bias,
                           const float* __restrict residual, bool cut, int64_t rows, int64_t channels) {
  for (int64_t r = 0; r < rows; ++r, y += channels) {
    if (bias != nullptr) {
      for (int64_t c = 0; c < channels; ++c) y[c] += bias[c];
    }
    if (residual != nullptr) {
      for (int64_t c = 0; c < channels; ++c) y[c] += residual[c];
      residual += channels;
    }
    if (cut) {
      for (int64_t c = 0; c < channels; ++c) y[c] = relu(y[c]);
    }
  }
}

}  // namespace

void check_finish(const Finish& finish, const at::Tensor& y) {
  const auto& [bias, residual, relu] = finish;
  TORCH_CHECK(!bias || bias->numel() == y.size(-1), bias->sizes(), " biases for ", y.size(-1), " channels");
  TORCH_CHECK(!residual || residual->sizes() == y.sizes(), "a residual of ", residual->sizes(),
              " for a result of ", y.sizes());
}

at::Tensor finished(at::Tensor y, const Finish& finish) {
  const auto& [bias, residual, cut] = finish;
  if ((!bias && !residual && !cut) || y.numel() == 0) return y;
  check_finish(finish, y);
  if (!y.is_cpu()) {
    if (bias) y.add_(*bias);
    if (residual) y.add_(*residual);
    if (cut) y.relu_();
    return y;
  }
  const int64_t channels = y.size(-1), rows = y.numel() / channels;
  float* const to = y.data_ptr<float>();
  const float* const biases = bias ? bias->data_ptr<float>() : nullptr;
  const float* const added = residual ? residual->data_ptr<float>() : nullptr;
  for_parts(rows, std::max<int64_t>(1, kElementsOfPart / channels),
            [&, relu = cut](int64_t first, int64_t last) {
              widest<finish_loop>(to + first * channels, biases,
                                  added == nullptr ? nullptr : added + first * channels, relu, last - first,
                                  channels);
            });
  return y;
}

}  // namespace sf
