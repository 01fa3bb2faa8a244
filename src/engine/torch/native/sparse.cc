// A dense tensor of sparse values.
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <stdexcept>

#include "families.h"

namespace sf {
namespace {

// `shape`, everywhere `otherwise` (a scalar) but at the indices [n, rank] or [n], where the values [n] or []
// are. Of equal indices the last one counts on the CPU.
at::Tensor sparse_to_dense(const at::Tensor& indices, const at::Tensor& values, const at::Tensor& otherwise,
                           const std::vector<int64_t>& shape) {
  auto dense = otherwise.to(values.scalar_type()).expand(shape).clone(at::MemoryFormat::Contiguous);
  const auto rank = static_cast<int64_t>(shape.size());
  const auto places = indices.view({-1, rank}).to(at::kLong);
  const auto sizes = at::tensor(shape, places.options());
  if (places.lt(0).logical_or_(places.ge(sizes)).any().item<bool>()) {
    throw std::invalid_argument("an index is outside of the shape");
  }
  const auto strides = at::tensor(dense.strides().vec(), places.options());
  const auto flat = places.mul(strides).sum(1);
  dense.view(-1).index_copy_(0, flat, values.expand(flat.sizes()).contiguous());
  return dense;
}

}  // namespace

void export_sparse(Exports& exports) { exports.add("sparseToDense", &sparse_to_dense); }

}  // namespace sf
