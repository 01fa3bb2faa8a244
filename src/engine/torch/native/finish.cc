#include "finish.h"

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <algorithm>

#include "convolution.h"
#include "parts.h"
#include "vectors.h"

namespace sf {
namespace {

SF_INLINE void finish_rows(const FinishPass* pass, int64_t first, int64_t last) {
  const FinishPass p = *pass;
  for (int64_t row = first; row < last; ++row) {
    for (int64_t c = 0; c < p.channels; ++c) p.element(row * p.channels + c, c);
  }
}

const float* data_or_null(const c10::optional<at::Tensor>& x) { return x ? x->data_ptr<float>() : nullptr; }

}  // namespace

void check_finish(const Finish& finish, at::IntArrayRef result) {
  const auto& [bias, residual, slope] = finish;
  TORCH_CHECK(!bias || bias->numel() == result.back(), bias->sizes(), " biases for ", result.back(),
              " channels");
  TORCH_CHECK(!residual || residual->sizes() == result, "a residual of ", residual->sizes(),
              " for a result of ", result);
}

at::Tensor finished(at::Tensor y, const Finish& finish) {
  const auto& [bias, residual, slope] = finish;
  if ((!bias && !residual && slope == 1.0F) || y.numel() == 0) return y;
  const FinishPass pass{y.data_ptr<float>(), data_or_null(bias), data_or_null(residual), slope, y.size(-1)};
#ifdef SF_CUDA
  if (y.is_cuda()) {
    launch_finish(pass, y.numel(), current_stream());
    return y;
  }
#endif
  for_parts(y.numel() / pass.channels, std::max<int64_t>(1, kElementsOfPart / pass.channels),
            [&](int64_t first, int64_t last) { widest<finish_rows>(&pass, first, last); });
  return y;
}

}  // namespace sf
