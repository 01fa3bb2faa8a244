// The addon: every family under one `exports` object, and C++ exceptions as JavaScript errors.
#include <c10/util/Exception.h>
#include <napi.h>

#include <new>
#include <string>

#include "families.h"
#include "memory.h"
#include "sources.h"

namespace sf {
namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// libtorch's own allocators say so only in their message.
bool tells_of_memory(const std::string& message) {
  return message.find("can't allocate memory") != std::string::npos ||
         message.find("out of memory") != std::string::npos;
}

Napi::Error error_with_code(Napi::Env env, const std::string& message, const char* code) {
  auto error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

}  // namespace

Napi::Error current_exception_as_error(Napi::Env env) {
  try {
    throw;
  } catch (const c10::OutOfMemoryError& error) {
    return error_with_code(env, out_of_memory_message(error), "OUT_OF_MEMORY");
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    if (tells_of_memory(message))
      return error_with_code(env, "out of memory: " + first_line(message), "OUT_OF_MEMORY");
    return error_with_code(env, first_line(message), "NATIVE");
  } catch (const std::bad_alloc&) {
    return error_with_code(env, "out of memory", "OUT_OF_MEMORY");
  } catch (const std::exception& error) {
    return error_with_code(env, first_line(error.what()), "NATIVE");
  } catch (...) {
    return error_with_code(env, "unknown C++ exception", "NATIVE");
  }
}

Napi::Object initialise(Napi::Env env, Napi::Object target) {
  target.Set("sources", sources_digest);
  Exports exports(env, target);
  // First: what is allocated before it is not its own to free.
  export_memory(exports);
  export_binary(exports);
  export_blocks(exports);
  export_convert(exports);
  export_cpu_products(exports);
  export_crop(exports);
  export_device(exports);
  export_dilation(exports);
  export_einsum(exports);
  export_fill(exports);
  export_fused_convolution(exports);
  export_gather(exports);
  export_group_norm(exports);
  export_harmonized(exports);
  export_joins(exports);
  export_mat_mul(exports);
  export_max_pool(exports);
  export_nms(exports);
  export_normalization(exports);
  export_reduce(exports);
  export_pool(exports);
  export_relu(exports);
  export_resize(exports);
  export_roi_align(exports);
  export_rows(exports);
  export_sample(exports);
  export_scan(exports);
  export_scatter(exports);
  export_segments(exports);
  export_sgd(exports);
  export_sigmoid_losses(exports);
  export_slices(exports);
  export_smooth_l1(exports);
  export_sort(exports);
  export_sparse(exports);
  export_stock_convolution(exports);
  export_tensors(exports);
  export_top_k(exports);
  export_transpose(exports);
  export_unary(exports);
  export_upsample(exports);
  export_warp(exports);
  return target;
}

NODE_API_MODULE(sf_torch, initialise)

}  // namespace sf
