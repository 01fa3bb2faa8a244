#include "simd.h"

#include <cstdlib>
#include <string>

namespace sf {
namespace {

Simd detect() {
#if defined(__x86_64__)
  const char* set = std::getenv("ATEN_CPU_CAPABILITY");
  const std::string most = set == nullptr ? "" : set;
  if (most == "default" || !__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    return Simd::kPortable;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq");
  return avx512 && most != "avx2" ? Simd::kAvx512 : Simd::kAvx2;
#else
  return Simd::kPortable;
#endif
}

}  // namespace

Simd simd() {
  static const Simd found = detect();
  return found;
}

}  // namespace sf
