// Slices of a tensor by the coordinates of each, read and written; and tensors made of indices. Coordinates
// without a place are an error on every device; on CUDA that means to wait for them.
#include <ATen/core/Tensor.h>
#include <ATen/ops/aminmax.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/diag.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "device.h"
#include "families.h"

namespace sf {
namespace {

// A tensor seen as slices one behind the other: how many, of what size, and how many of them one step along
// each coordinate passes over.
struct Slices {
  int64_t count;
  int64_t size;
  std::vector<int64_t> strides;

  Slices(int64_t elements, int64_t slice_size, const std::vector<int64_t>& slice_strides)
      : count(slice_size == 0 ? 0 : elements / slice_size), size(slice_size), strides(slice_strides) {}
};

// The slice, int64 [N], that each row of coordinates [..., rank] leads to.
at::Tensor places_of(const at::Tensor& coordinates, const Slices& slices) {
  const auto rank = static_cast<int64_t>(slices.strides.size());
  const at::Tensor rows = coordinates.to(at::kLong).view({rank == 0 ? 1 : coordinates.numel() / rank, rank});
  const at::Tensor places = rows.mul(at::tensor(slices.strides, at::kLong).to(rows.device())).sum(1);
  if (places.numel() == 0) return places;
  const auto [low, high] = at::aminmax(places);
  if (low.item<int64_t>() < 0 || high.item<int64_t>() >= slices.count) {
    throw std::invalid_argument("Invalid indices: they lead to the slices " +
                                std::to_string(low.item<int64_t>()) + " to " +
                                std::to_string(high.item<int64_t>()) + " of " + std::to_string(slices.count));
  }
  return places;
}

// The slices at the coordinates, as a tensor of this shape.
at::Tensor gather_nd(const at::Tensor& x, const at::Tensor& coordinates, int64_t slice_size,
                     const std::vector<int64_t>& strides, const std::vector<int64_t>& shape) {
  const Slices slices(x.numel(), slice_size, strides);
  const at::Tensor places = places_of(coordinates, slices);
  return x.view({slices.count, slices.size}).index_select(0, places).view(shape);
}

// y.numel() / size slices, of which those at the places become, or grow by, the slices of `updates`, in
// order.
template <typename Element>
void write_slices(at::Tensor& y, const at::Tensor& places, const at::Tensor& updates, int64_t size,
                  bool add) {
  auto* to = static_cast<Element*>(y.data_ptr());
  const auto* from = static_cast<const Element*>(updates.data_ptr());
  const auto* place = places.data_ptr<int64_t>();
  for (int64_t i = 0; i < places.numel(); ++i, from += size) {
    Element* slice = to + place[i] * size;
    if (add) {
      for (int64_t k = 0; k < size; ++k) slice[k] = static_cast<Element>(slice[k] + from[k]);
    } else {
      std::copy_n(from, size, slice);
    }
  }
}

// Writes into y, which nobody else holds.
at::Tensor scattered(at::Tensor y, const at::Tensor& coordinates, const at::Tensor& updates,
                     const Slices& slices, bool add) {
  if (y.numel() == 0) return y;
  const at::Tensor places = places_of(coordinates, slices);
  const std::vector<int64_t> shape = {places.numel(), slices.size};
  const at::Tensor rows = updates.dim() == 0 ? updates.expand(shape).contiguous() : updates.view(shape);
  if (!y.is_cpu()) {
    at::Tensor matrix = y.view({slices.count, slices.size});
    if (add) {
      matrix.index_add_(0, places, rows);
    } else {
      matrix.index_put_({places}, rows);
    }
  } else if (y.scalar_type() == at::kFloat) {
    write_slices<float>(y, places, rows, slices.size, add);
  } else if (y.scalar_type() == at::kInt) {
    write_slices<int32_t>(y, places, rows, slices.size, add);
  } else {
    write_slices<bool>(y, places, rows, slices.size, add);
  }
  return y;
}

// Zeros of this shape, to whose slices at the coordinates those of `updates` are added.
at::Tensor scatter_nd(const at::Tensor& coordinates, const at::Tensor& updates, int64_t slice_size,
                      const std::vector<int64_t>& strides, const std::vector<int64_t>& shape) {
  at::Tensor y = at::zeros(shape, updates.options());
  return scattered(y, coordinates, updates, Slices(y.numel(), slice_size, strides), /*add=*/true);
}

// x, but for its slices at the coordinates, which are those of `updates`; of two for one place the later.
at::Tensor tensor_scatter_update(const at::Tensor& x, const at::Tensor& coordinates,
                                 const at::Tensor& updates, int64_t slice_size,
                                 const std::vector<int64_t>& strides) {
  return scattered(x.clone(), coordinates, updates.to(x.scalar_type()),
                   Slices(x.numel(), slice_size, strides), /*add=*/false);
}

// indices [...] -> [..., depth]: `on` at each index, `off` elsewhere; an index without a place has no `on`.
at::Tensor one_hot(const at::Tensor& indices, int64_t depth, double on, double off, int64_t dtype) {
  auto shape = indices.sizes().vec();
  shape.push_back(depth);
  const auto options = indices.options().dtype(scalar_type_of(dtype));
  const at::Tensor places = at::arange(depth, indices.options());
  return at::full(shape, off, options).masked_fill_(indices.unsqueeze(-1).eq(places), on);
}

// x [shape] -> [shape, shape] with x on its diagonal.
at::Tensor diagonal(const at::Tensor& x) {
  auto shape = x.sizes().vec();
  shape.insert(shape.end(), x.sizes().begin(), x.sizes().end());
  return at::diag(x.view({x.numel()})).view(shape);
}

}  // namespace

void export_scatter(Exports& exports) {
  exports.add("gatherNd", &gather_nd);
  exports.add("scatterNd", &scatter_nd);
  exports.add("tensorScatterUpdate", &tensor_scatter_update);
  exports.add("oneHot", &one_hot);
  exports.add("diag", &diagonal);
}

}  // namespace sf
