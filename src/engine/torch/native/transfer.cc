// Values in and out of tensors, and the tensors' lives.
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <cstring>
#include <stdexcept>

#include "device.h"
#include "families.h"

namespace sf {
namespace {

// Node holds typed arrays of these three kinds; their bytes are what a tensor of the same dtype holds.
at::ScalarType scalar_type_of_array(const Napi::TypedArray& values) {
  switch (values.TypedArrayType()) {
    case napi_float32_array:
      return at::kFloat;
    case napi_int32_array:
      return at::kInt;
    case napi_uint8_array:
      return at::kBool;
    default:
      throw std::invalid_argument("a tensor is made of a Float32Array, an Int32Array or a Uint8Array");
  }
}

at::Tensor view_of(const Napi::TypedArray& values, at::IntArrayRef shape) {
  auto* bytes = static_cast<uint8_t*>(values.ArrayBuffer().Data()) + values.ByteOffset();
  return at::from_blob(bytes, shape, scalar_type_of_array(values));
}

// fromValues(values, shape) -> handle: copies a typed array.
Napi::Value from_values(const Napi::CallbackInfo& info) {
  clear_results();
  const auto values = info[0].As<Napi::TypedArray>();
  const auto shape = Argument<std::vector<int64_t>>::from(info[1]);
  int64_t elements = 1;
  for (const int64_t size : shape) elements *= size;
  if (static_cast<int64_t>(values.ElementLength()) < elements) {
    throw std::invalid_argument("a tensor of " + std::to_string(elements) + " elements was given " +
                                std::to_string(values.ElementLength()) + " values");
  }
  const auto options = at::TensorOptions().dtype(scalar_type_of_array(values)).device(device());
  auto tensor = at::empty(shape, options);
  if (elements > 0) tensor.copy_(view_of(values, shape));
  return to_javascript(info.Env(), std::move(tensor));
}

// read(handle, into): copies a tensor's values into a typed array of its dtype and size.
Napi::Value read(const Napi::CallbackInfo& info) {
  const auto& tensor = tensor_of(info[0].As<Napi::Number>().Uint32Value());
  const auto into = info[1].As<Napi::TypedArray>();
  if (scalar_type_of_array(into) != tensor.scalar_type() ||
      static_cast<int64_t>(into.ElementLength()) != tensor.numel()) {
    throw std::invalid_argument("the array to read into has another type or size than the tensor");
  }
  if (tensor.numel() == 0) return info.Env().Undefined();
  if (tensor.device().is_cpu()) {
    auto* bytes = static_cast<uint8_t*>(into.ArrayBuffer().Data()) + into.ByteOffset();
    std::memcpy(bytes, tensor.data_ptr(), tensor.numel() * tensor.element_size());
  } else {
    view_of(into, tensor.sizes()).copy_(tensor);
  }
  return info.Env().Undefined();
}

Napi::Value results(const Napi::CallbackInfo& info) {
  return Napi::Int32Array::New(
      info.Env(), RESULTS_CAPACITY,
      Napi::ArrayBuffer::New(info.Env(), results_buffer(), RESULTS_CAPACITY * sizeof(int32_t)), 0);
}

void release_handle(int64_t handle) { release(static_cast<Handle>(handle)); }

int64_t count_tensors() { return static_cast<int64_t>(tensor_count()); }

// A second name for the same values.
at::Tensor alias(const at::Tensor& x) { return x; }

at::Tensor reshape(const at::Tensor& x, const std::vector<int64_t>& shape) { return x.view(shape); }

}  // namespace

void export_tensors(Exports& exports) {
  exports.add_raw("fromValues", &from_values);
  exports.add_raw("read", &read);
  exports.add_raw("results", &results);
  exports.add("release", &release_handle);
  exports.add("tensorCount", &count_tensors);
  exports.add("alias", &alias);
  exports.add("reshape", &reshape);
}

}  // namespace sf
