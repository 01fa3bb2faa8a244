// Running sums and products along an axis. Of int32 they wrap around, of bool they are int32.
#include <ATen/ops/cumprod.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/flip.h>

#include "families.h"

namespace sf {
namespace {

using Scan = at::Tensor (*)(const at::Tensor&, int64_t, c10::optional<at::ScalarType>);

at::Tensor sums(const at::Tensor& x, int64_t axis, c10::optional<at::ScalarType> type) {
  return at::cumsum(x, axis, type);
}
at::Tensor products(const at::Tensor& x, int64_t axis, c10::optional<at::ScalarType> type) {
  return at::cumprod(x, axis, type);
}

// exclusive: element i is that of the elements before it, `of_none` for the first.
template <Scan scan>
at::Tensor scanned(const at::Tensor& x, int64_t axis, bool exclusive, bool reverse, double of_none) {
  if (reverse) return at::flip(scanned<scan>(at::flip(x, axis), axis, exclusive, false, of_none), axis);
  const auto type = x.scalar_type() == at::kFloat ? at::kFloat : at::kInt;
  const int64_t length = x.dim() == 0 ? 1 : x.size(axis);
  if (!exclusive || length == 0) return scan(x, axis, type);
  auto result = at::empty(x.sizes(), x.options().dtype(type));
  if (x.dim() == 0) return result.fill_(of_none);
  result.narrow(axis, 0, 1).fill_(of_none);
  result.narrow(axis, 1, length - 1).copy_(scan(x.narrow(axis, 0, length - 1), axis, type));
  return result;
}

at::Tensor cumsum(const at::Tensor& x, int64_t axis, bool exclusive, bool reverse) {
  return scanned<sums>(x, axis, exclusive, reverse, 0);
}

at::Tensor cumprod(const at::Tensor& x, int64_t axis, bool exclusive, bool reverse) {
  return scanned<products>(x, axis, exclusive, reverse, 1);
}

}  // namespace

void export_scan(Exports& exports) {
  exports.add("Cumprod", &cumprod);
  exports.add("Cumsum", &cumsum);
}

}  // namespace sf
