// Matrix products of tfjs: either side transposed, batches that broadcast, a bias and an activation after it.
#include <ATen/Context.h>
#include <ATen/ops/matmul.h>
#include <c10/util/Exception.h>

#include "device.h"
#include "families.h"
#include "gemm.h"

namespace sf {
namespace {

// gemm.h takes batches of equal sizes, or one matrix on one side.
bool is_plain_batch(at::IntArrayRef a, at::IntArrayRef b) {
  if (a.size() != b.size()) return false;
  const auto batch_a = a.slice(0, a.size() - 2), batch_b = b.slice(0, b.size() - 2);
  return batch_a == batch_b || c10::multiply_integers(batch_a) == 1 || c10::multiply_integers(batch_b) == 1;
}

at::Tensor transposed_if(const at::Tensor& x, bool transposed) {
  return transposed ? x.transpose(-1, -2) : x;
}

// a [..., M, K], with transpose_a [..., K, M]; b [..., K, N], with transpose_b [..., N, K]. Returns
// [..., M, N] of their type, float32 or int32.
at::Tensor mat_mul(const at::Tensor& a, const at::Tensor& b, bool transpose_a, bool transpose_b) {
  const bool floats = a.scalar_type() == at::kFloat && b.scalar_type() == at::kFloat;
  if (floats && a.is_cpu() && precision() == Precision::FP32 && is_plain_batch(a.sizes(), b.sizes()))
    return matrix_product(a, b, transpose_a, transpose_b);
  at::Tensor left = transposed_if(a, transpose_a), right = transposed_if(b, transpose_b);
  if (!floats && a.is_cpu()) return at::matmul(left.to(at::kInt), right.to(at::kInt));
  // Libraries multiply no integers on the GPU; up to 2^53 float64 is exact.
  if (!floats) return at::matmul(left.to(at::kDouble), right.to(at::kDouble)).to(at::kInt);
  if (precision() == Precision::BF16)
    return at::matmul(left.to(at::kBFloat16), right.to(at::kBFloat16)).to(at::kFloat);
  return at::matmul(left, right);
}

}  // namespace

void export_mat_mul(Exports& exports) { exports.add("matMul", &mat_mul); }

}  // namespace sf
