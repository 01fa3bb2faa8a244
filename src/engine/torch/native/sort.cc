// What comes first: the largest values, the different ones, and where a value would stand among sorted ones.
#include <ATen/ops/index_select.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include <limits>
#include <string_view>
#include <unordered_map>

#include "families.h"

namespace sf {
namespace {

// Values and indices of the k largest along the last axis, in descending order; equal ones in the order in
// which they are.
std::vector<at::Tensor> top_k(const at::Tensor& x, int64_t k) {
  auto [values, indices] = at::sort(x, /*stable=*/true, /*dim=*/-1, /*descending=*/true);
  return {values.narrow(-1, 0, k), indices.narrow(-1, 0, k)};
}

// Equal numbers as equal bytes: one NaN, one zero. On the CPU.
at::Tensor comparable(const at::Tensor& x) {
  if (!x.is_floating_point()) return x.cpu().contiguous();
  const auto values = x.cpu().add(0.0);  // -0 + 0 = 0
  return at::where(values.isnan(), std::numeric_limits<float>::quiet_NaN(), values)
      .to(at::kFloat)
      .contiguous();
}

// The slices of x along an axis that differ from all before them, in their order, and of each slice which of
// them it equals.
std::vector<at::Tensor> unique(const at::Tensor& x, int64_t axis) {
  const int64_t count = x.size(axis);
  const auto slices = comparable(x.movedim(axis, 0));
  const size_t bytes = count == 0 ? 0 : slices.nbytes() / count;
  const auto* data = static_cast<const char*>(slices.data_ptr());
  std::unordered_map<std::string_view, int> known;
  std::vector<int64_t> firsts;
  std::vector<int> positions;
  for (int64_t i = 0; i < count; ++i) {
    const auto found =
        known.emplace(std::string_view(data + i * bytes, bytes), static_cast<int>(firsts.size()));
    if (found.second) firsts.push_back(i);
    positions.push_back(found.first->second);
  }
  const auto to_device = [&](const at::Tensor& indices) { return indices.to(x.device()); };
  return {at::index_select(x, axis, to_device(at::tensor(firsts, at::kLong))),
          to_device(at::tensor(positions, at::kInt))};
}

// Of each value the number of elements of its row of `sorted` that are below it, with `right` those equal
// to it too. sorted [rows, n], values [rows, m].
at::Tensor search_sorted(const at::Tensor& sorted, const at::Tensor& values, bool right) {
  return at::searchsorted(sorted, values, /*out_int32=*/true, right);
}

}  // namespace

void export_sort(Exports& exports) {
  exports.add("searchSorted", &search_sorted);
  exports.add("topK", &top_k);
  exports.add("unique", &unique);
}

}  // namespace sf
