#include "tensors.h"

#include <ATen/ops/empty.h>

#include <stdexcept>
#include <string>

namespace sf {
namespace {

std::vector<at::Tensor>& slots() {
  // Never destroyed: static destructors run after libtorch has torn down what a tensor needs to be freed.
  static auto* table = new std::vector<at::Tensor>();
  return *table;
}

std::vector<Handle>& free_handles() {
  static auto* handles = new std::vector<Handle>();
  return *handles;
}

int32_t results[RESULTS_CAPACITY];
size_t results_used = 1;

// A tensor may keep up to this many times its own bytes alive.
constexpr size_t SHARED_WASTE = 2;

at::Tensor normalised(at::Tensor tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
    case at::kInt:
    case at::kBool:
      break;
    case at::kLong:
    case at::kShort:
    case at::kByte:
    case at::kChar:
      tensor = tensor.to(at::kInt);
      break;
    case at::kDouble:
    case at::kHalf:
    case at::kBFloat16:
      tensor = tensor.to(at::kFloat);
      break;
    default:
      throw std::invalid_argument(std::string("no tensor of tfjs has the type ") +
                                  toString(tensor.scalar_type()));
  }
  if (!tensor.is_contiguous()) return tensor.contiguous();
  const size_t held = tensor.storage().nbytes();
  const size_t needed = tensor.numel() * tensor.element_size();
  return held > SHARED_WASTE * needed ? tensor.clone() : tensor;
}

DtypeCode dtype_code(at::ScalarType type) {
  if (type == at::kFloat) return DTYPE_FLOAT32;
  return type == at::kInt ? DTYPE_INT32 : DTYPE_BOOL;
}

void append_result(Handle handle, const at::Tensor& tensor) {
  const auto sizes = tensor.sizes();
  if (results_used + 3 + sizes.size() > RESULTS_CAPACITY)
    throw std::length_error("a kernel made too many tensors");
  results[results_used++] = static_cast<int32_t>(handle);
  results[results_used++] = dtype_code(tensor.scalar_type());
  results[results_used++] = static_cast<int32_t>(sizes.size());
  for (const int64_t size : sizes) results[results_used++] = static_cast<int32_t>(size);
  results[0]++;
}

}  // namespace

const at::Tensor& tensor_of(Handle handle) {
  const auto& table = slots();
  if (C10_UNLIKELY(handle >= table.size() || !table[handle].defined())) {
    throw std::invalid_argument("there is no tensor with handle " + std::to_string(handle));
  }
  return table[handle];
}

Handle store(at::Tensor tensor) {
  tensor = normalised(std::move(tensor));
  auto& table = slots();
  auto& unused = free_handles();
  Handle handle;
  if (unused.empty()) {
    handle = static_cast<Handle>(table.size());
    table.push_back(std::move(tensor));
  } else {
    handle = unused.back();
    unused.pop_back();
    table[handle] = std::move(tensor);
  }
  append_result(handle, table[handle]);
  return handle;
}

void clear_results() {
  results[0] = 0;
  results_used = 1;
}

int32_t* results_buffer() { return results; }

void release(Handle handle) {
  tensor_of(handle);
  slots()[handle] = at::Tensor();
  free_handles().push_back(handle);
}

void release_all() {
  slots().clear();
  free_handles().clear();
}

size_t tensor_count() { return slots().size() - free_handles().size(); }

at::ScalarType scalar_type_of(int64_t dtype_code) {
  switch (dtype_code) {
    case DTYPE_FLOAT32:
      return at::kFloat;
    case DTYPE_INT32:
      return at::kInt;
    case DTYPE_BOOL:
      return at::kBool;
    default:
      throw std::invalid_argument("there is no dtype " + std::to_string(dtype_code));
  }
}

}  // namespace sf
