// Values in and out of tensors, and the tensors' lives.
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <cstring>
#include <stdexcept>

#include "device.h"
#include "families.h"

namespace sf {

// The values of a typed array, where JavaScript holds them; a Uint8Array holds bools.
struct TypedArray {
  void* values;
  int64_t length;
  at::ScalarType type;
};

template <>
struct Argument<TypedArray> {
  static TypedArray from(napi_env env, napi_value value) {
    napi_typedarray_type kind;
    size_t length;
    void* values;
    expect(napi_get_typedarray_info(env, value, &kind, &length, &values, nullptr, nullptr), "a typed array");
    return {values, static_cast<int64_t>(length), scalar_type_of_kind(kind)};
  }

 private:
  static at::ScalarType scalar_type_of_kind(napi_typedarray_type kind) {
    switch (kind) {
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
};

namespace {

// A copy of the array, which may be longer than the tensor.
at::Tensor from_values(const TypedArray& array, const std::vector<int64_t>& shape) {
  auto tensor = at::empty(shape, at::TensorOptions().dtype(array.type).device(device()));
  if (array.length < tensor.numel()) {
    throw std::invalid_argument("a tensor of " + std::to_string(tensor.numel()) + " elements was given " +
                                std::to_string(array.length) + " values");
  }
  if (tensor.numel() == 0) return tensor;
  if (tensor.device().is_cpu()) {
    std::memcpy(tensor.data_ptr(), array.values, tensor.nbytes());
  } else {
    tensor.copy_(at::from_blob(array.values, shape, array.type));
  }
  return tensor;
}

// A scalar: a GPU need not wait for the copy of an array.
at::Tensor from_number(double value, int64_t dtype) {
  const auto type = scalar_type_of(dtype);
  auto tensor = at::empty({}, at::TensorOptions().dtype(type).device(device()));
  if (!tensor.device().is_cpu()) return tensor.fill_(value);
  switch (dtype) {
    case DTYPE_FLOAT32:
      *tensor.data_ptr<float>() = static_cast<float>(value);
      break;
    case DTYPE_INT32:
      *tensor.data_ptr<int32_t>() = static_cast<int32_t>(value);
      break;
    default:
      *tensor.data_ptr<bool>() = value != 0;
  }
  return tensor;
}

// Copies a tensor's values into an array of its dtype and size.
void read(const at::Tensor& tensor, const TypedArray& into) {
  if (into.type != tensor.scalar_type() || into.length != tensor.numel()) {
    throw std::invalid_argument("the array to read into has another type or size than the tensor");
  }
  if (tensor.numel() == 0) return;
  if (tensor.device().is_cpu()) {
    std::memcpy(into.values, tensor.data_ptr(), tensor.nbytes());
  } else {
    at::from_blob(into.values, tensor.sizes(), into.type).copy_(tensor);
  }
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
  exports.add_raw("results", &results);
  exports.add("fromNumber", &from_number);
  exports.add("fromValues", &from_values);
  exports.add("read", &read);
  exports.add("release", &release_handle);
  exports.add("releaseAll", &release_all);
  exports.add("tensorCount", &count_tensors);
  exports.add("alias", &alias);
  exports.add("reshape", &reshape);
}

}  // namespace sf
