// Binds C++ functions over at::Tensor to JavaScript. A function keeps its natural signature; its arguments
// and its result are converted by type:
//
//   const at::Tensor&                      handle (number)
//   const c10::optional<at::Tensor>&       handle or undefined
//   const std::vector<at::Tensor>&         array of handles
//   double, int64_t, bool                  number, whole number, boolean
//   const std::string&                     string
//   const std::vector<int64_t>&, <double>  array of numbers
//   -> at::Tensor                          handle; its dtype and shape are in the results (tensors.h)
//   -> std::vector<at::Tensor>             number of tensors; they are in the results, in order
//   -> double, int64_t, bool, void         itself
//
// A C++ exception becomes a JavaScript Error with one line; its `code` is 'OUT_OF_MEMORY' where memory ran
// out. Small kernels are called thousands of times a step, so calls go through plain Node-API.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Optional.h>
#include <napi.h>

#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "tensors.h"

namespace sf {

// Node-API's answer to a conversion: an argument of another type is refused.
inline void expect(napi_status status, const char* what) {
  if (status != napi_ok) throw std::invalid_argument(std::string("an argument is not ") + what);
}

// The conversion of one argument.
template <typename T>
struct Argument;

template <>
struct Argument<at::Tensor> {
  // Stays where it is until the call is over: results are stored after the function returned.
  static const at::Tensor& from(napi_env env, napi_value value) {
    uint32_t handle;
    expect(napi_get_value_uint32(env, value, &handle), "a tensor's handle");
    return tensor_of(handle);
  }
};

template <>
struct Argument<c10::optional<at::Tensor>> {
  static c10::optional<at::Tensor> from(napi_env env, napi_value value) {
    napi_valuetype type;
    expect(napi_typeof(env, value, &type), "a value");
    if (type == napi_undefined || type == napi_null) return c10::nullopt;
    return Argument<at::Tensor>::from(env, value);
  }
};

template <>
struct Argument<double> {
  static double from(napi_env env, napi_value value) {
    double number;
    expect(napi_get_value_double(env, value, &number), "a number");
    return number;
  }
};

template <>
struct Argument<int64_t> {
  static int64_t from(napi_env env, napi_value value) {
    int64_t number;
    expect(napi_get_value_int64(env, value, &number), "a number");
    return number;
  }
};

template <>
struct Argument<bool> {
  static bool from(napi_env env, napi_value value) {
    bool truth;
    expect(napi_get_value_bool(env, value, &truth), "a boolean");
    return truth;
  }
};

template <>
struct Argument<std::string> {
  static std::string from(napi_env env, napi_value value) {
    size_t length;
    expect(napi_get_value_string_utf8(env, value, nullptr, 0, &length), "a string");
    std::string text(length, '\0');
    expect(napi_get_value_string_utf8(env, value, text.data(), length + 1, &length), "a string");
    return text;
  }
};

template <typename T>
struct Argument<std::vector<T>> {
  static std::vector<T> from(napi_env env, napi_value value) {
    uint32_t length;
    expect(napi_get_array_length(env, value, &length), "an array");
    std::vector<T> items;
    items.reserve(length);
    for (uint32_t i = 0; i < length; i++) {
      napi_value item;
      expect(napi_get_element(env, value, i, &item), "an array");
      items.push_back(Argument<T>::from(env, item));
    }
    return items;
  }
};

inline napi_value number(napi_env env, uint32_t value) {
  napi_value result;
  expect(napi_create_uint32(env, value, &result), "a number");
  return result;
}

inline napi_value number(napi_env env, double value) {
  napi_value result;
  expect(napi_create_double(env, value, &result), "a number");
  return result;
}

inline napi_value to_javascript(napi_env env, at::Tensor result) {
  return number(env, store(std::move(result)));
}

inline napi_value to_javascript(napi_env env, std::vector<at::Tensor> results) {
  for (auto& result : results) store(std::move(result));
  return number(env, static_cast<uint32_t>(results.size()));
}

inline napi_value to_javascript(napi_env env, double value) { return number(env, value); }
inline napi_value to_javascript(napi_env env, int64_t value) {
  return number(env, static_cast<double>(value));
}

inline napi_value to_javascript(napi_env env, bool value) {
  napi_value result;
  expect(napi_get_boolean(env, value, &result), "a boolean");
  return result;
}

// The JavaScript Error of the C++ exception being handled. Defined in addon.cc.
Napi::Error current_exception_as_error(Napi::Env env);

// What families add their functions to: the `exports` object of the addon.
class Exports {
 public:
  Exports(Napi::Env env, Napi::Object target) : env_(env), target_(target) {}

  template <typename Result, typename... Parameters>
  void add(const char* name, Result (*function)(Parameters...)) {
    napi_value callable;
    expect(napi_create_function(env_, name, NAPI_AUTO_LENGTH, &call<Result, Parameters...>,
                                reinterpret_cast<void*>(function), &callable),
           "a function");
    target_.Set(name, Napi::Value(env_, callable));
  }

  // For functions that deal with JavaScript values themselves (typed arrays, objects).
  void add_raw(const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    target_.Set(name, Napi::Function::New(
                          env_,
                          [function](const Napi::CallbackInfo& info) -> Napi::Value {
                            try {
                              const c10::InferenceMode guard;
                              return function(info);
                            } catch (const Napi::Error&) {
                              throw;
                            } catch (...) {
                              throw current_exception_as_error(info.Env());
                            }
                          },
                          name));
  }

 private:
  template <typename Result, typename... Parameters>
  static napi_value call(napi_env env, napi_callback_info info) {
    try {
      // Arguments that were not given are undefined.
      napi_value arguments[sizeof...(Parameters) + 1];
      size_t count = sizeof...(Parameters);
      void* data;
      expect(napi_get_cb_info(env, info, &count, arguments, nullptr, &data), "there");
      const c10::InferenceMode guard;
      clear_results();
      return convert_and_call(env, arguments, reinterpret_cast<Result (*)(Parameters...)>(data),
                              std::index_sequence_for<Parameters...>());
    } catch (...) {
      throw_as_javascript(env);
      return nullptr;
    }
  }

  template <typename Result, typename... Parameters, size_t... I>
  static napi_value convert_and_call(napi_env env, [[maybe_unused]] const napi_value* arguments,
                                     Result (*function)(Parameters...), std::index_sequence<I...>) {
    // Braces: converted from left to right.
    const std::tuple<decltype(Argument<std::decay_t<Parameters>>::from(env, arguments[I]))...> converted{
        Argument<std::decay_t<Parameters>>::from(env, arguments[I])...};
    if constexpr (std::is_void_v<Result>) {
      function(std::get<I>(converted)...);
      return nullptr;
    } else {
      return to_javascript(env, function(std::get<I>(converted)...));
    }
  }

  // The exception being handled.
  static void throw_as_javascript(napi_env env) {
    try {
      throw;
    } catch (const Napi::Error& error) {
      error.ThrowAsJavaScriptException();
    } catch (...) {
      current_exception_as_error(env).ThrowAsJavaScriptException();
    }
  }

  Napi::Env env_;
  Napi::Object target_;
};

}  // namespace sf
