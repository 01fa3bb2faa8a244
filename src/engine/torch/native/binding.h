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
// out.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Optional.h>
#include <napi.h>

#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "tensors.h"

namespace sf {

// The conversion of one argument.
template <typename T>
struct Argument;

template <>
struct Argument<at::Tensor> {
  static at::Tensor from(const Napi::Value& value) {
    return tensor_of(value.As<Napi::Number>().Uint32Value());
  }
};

template <>
struct Argument<c10::optional<at::Tensor>> {
  static c10::optional<at::Tensor> from(const Napi::Value& value) {
    if (value.IsUndefined() || value.IsNull()) return c10::nullopt;
    return Argument<at::Tensor>::from(value);
  }
};

template <>
struct Argument<double> {
  static double from(const Napi::Value& value) { return value.As<Napi::Number>().DoubleValue(); }
};

template <>
struct Argument<int64_t> {
  static int64_t from(const Napi::Value& value) { return value.As<Napi::Number>().Int64Value(); }
};

template <>
struct Argument<bool> {
  static bool from(const Napi::Value& value) { return value.As<Napi::Boolean>().Value(); }
};

template <>
struct Argument<std::string> {
  static std::string from(const Napi::Value& value) { return value.As<Napi::String>().Utf8Value(); }
};

template <typename T>
struct Argument<std::vector<T>> {
  static std::vector<T> from(const Napi::Value& value) {
    const auto array = value.As<Napi::Array>();
    std::vector<T> items;
    const uint32_t length = array.Length();
    items.reserve(length);
    for (uint32_t i = 0; i < length; i++) items.push_back(Argument<T>::from(array.Get(i)));
    return items;
  }
};

inline Napi::Value to_javascript(Napi::Env env, at::Tensor result) {
  return Napi::Number::New(env, store(std::move(result)));
}

inline Napi::Value to_javascript(Napi::Env env, std::vector<at::Tensor> results) {
  for (auto& result : results) store(std::move(result));
  return Napi::Number::New(env, static_cast<double>(results.size()));
}

inline Napi::Value to_javascript(Napi::Env env, double value) { return Napi::Number::New(env, value); }
inline Napi::Value to_javascript(Napi::Env env, int64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}
inline Napi::Value to_javascript(Napi::Env env, bool value) { return Napi::Boolean::New(env, value); }

// The JavaScript Error of the C++ exception being handled. Defined in addon.cc.
Napi::Error current_exception_as_error(Napi::Env env);

// What families add their functions to: the `exports` object of the addon.
class Exports {
 public:
  Exports(Napi::Env env, Napi::Object target) : env_(env), target_(target) {}

  template <typename Result, typename... Parameters>
  void add(const char* name, Result (*function)(Parameters...)) {
    target_.Set(name, Napi::Function::New(
                          env_,
                          [function](const Napi::CallbackInfo& info) {
                            return call(info, function, std::index_sequence_for<Parameters...>());
                          },
                          name));
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
  template <typename Result, typename... Parameters, size_t... I>
  static Napi::Value call(const Napi::CallbackInfo& info, Result (*function)(Parameters...),
                          std::index_sequence<I...>) {
    try {
      const c10::InferenceMode guard;
      clear_results();
      std::tuple<std::decay_t<Parameters>...> arguments{Argument<std::decay_t<Parameters>>::from(info[I])...};
      if constexpr (std::is_void_v<Result>) {
        function(std::get<I>(arguments)...);
        return info.Env().Undefined();
      } else {
        return to_javascript(info.Env(), function(std::get<I>(arguments)...));
      }
    } catch (const Napi::Error&) {
      throw;
    } catch (...) {
      throw current_exception_as_error(info.Env());
    }
  }

  Napi::Env env_;
  Napi::Object target_;
};

}  // namespace sf
