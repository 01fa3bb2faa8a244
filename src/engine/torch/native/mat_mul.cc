// Matrix products of tfjs: either side transposed, batches that broadcast, a bias and an activation after it;
// and the fully connected layer of src/engine/ops/dense.ts.
#include <ATen/ExpandUtils.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <vector>

#include "activation.h"
#include "convolution.h"
#include "device.h"
#include "families.h"
#include "gemm.h"

namespace sf {
namespace {

at::IntArrayRef batch_of(const at::Tensor& x) { return x.sizes().slice(0, x.dim() - 2); }

// Repeated to that batch where it has another; one matrix may stay one.
at::Tensor with_batch(const at::Tensor& x, const std::vector<int64_t>& batch) {
  std::vector<int64_t> shape = batch;
  const bool single = c10::multiply_integers(batch_of(x)) == 1;
  if (single) shape.assign(batch.size(), 1);
  shape.insert(shape.end(), {x.size(-2), x.size(-1)});
  return single ? x.view(shape) : x.expand(shape).contiguous();
}

at::Tensor transposed_if(const at::Tensor& x, bool transposed) {
  return transposed ? x.transpose(-1, -2) : x;
}

// a [..., M, K], with transpose_a [..., K, M]; b [..., K, N], with transpose_b [..., N, K]. Returns
// [..., M, N] of their type, float32 or int32.
at::Tensor mat_mul(const at::Tensor& a, const at::Tensor& b, bool transpose_a, bool transpose_b) {
  const bool floats = a.scalar_type() == at::kFloat && b.scalar_type() == at::kFloat;
  if (floats && a.is_cpu() && precision() == Precision::FP32) {
    const std::vector<int64_t> batch = at::infer_size(batch_of(a), batch_of(b));
    return matrix_product(with_batch(a, batch), with_batch(b, batch), transpose_a, transpose_b);
  }
  const at::Tensor left = transposed_if(a, transpose_a), right = transposed_if(b, transpose_b);
  if (!floats && a.is_cpu()) return at::matmul(left.to(at::kInt), right.to(at::kInt));
  // Libraries multiply no integers on the GPU; sums up to 2^53 are exact in float64.
  if (!floats) return at::matmul(left.to(at::kDouble), right.to(at::kDouble)).to(at::kInt);
  if (precision() == Precision::BF16)
    return at::matmul(left.to(at::kBFloat16), right.to(at::kBFloat16)).to(at::kFloat);
  return at::matmul(left, right);
}

// max(0, x filter + bias), each part where wanted. x has rows * in elements, filter is [in, out]; the result
// has rows * out elements in that shape.
at::Tensor dense(const at::Tensor& x, const at::Tensor& filter, const c10::optional<at::Tensor>& bias,
                 bool relu, const std::vector<int64_t>& shape) {
  const int64_t in = filter.size(0), out = filter.size(1), rows = x.numel() / std::max<int64_t>(in, 1);
  TORCH_CHECK(rows * in == x.numel(), "dense: ", x.sizes(), " are no vectors of ", in);
  const Finish finish{bias, c10::nullopt, relu ? 0.0F : 1.0F};
  check_finish(finish, {rows, out});
  if (!x.is_cpu() || precision() != Precision::FP32)
    return finished(mat_mul(x.view({rows, in}), filter, false, false), finish).view(shape);
  at::Tensor y = at::empty({rows, out}, x.options());
  Product product{
      rows, out, in, {x.data_ptr<float>(), in}, {filter.data_ptr<float>(), out}, y.data_ptr<float>(), out};
  product.ending = {bias ? bias->data_ptr<float>() : nullptr, nullptr, finish.slope};
  multiply(product);
  return y.view(shape);
}

at::Tensor fused_mat_mul(const at::Tensor& a, const at::Tensor& b, const c10::optional<at::Tensor>& bias,
                         bool transpose_a, bool transpose_b, const std::string& activation,
                         const c10::optional<at::Tensor>& prelu, double leaky) {
  at::Tensor y = mat_mul(a, b, transpose_a, transpose_b);
  if (bias) y = at::add(y, *bias);
  return activated(y, {activation, prelu, leaky});
}

}  // namespace

void export_mat_mul(Exports& exports) {
  exports.add("matMul", &mat_mul);
  exports.add("fusedMatMul", &fused_mat_mul);
  exports.add("sfDense", &dense);
}

}  // namespace sf
