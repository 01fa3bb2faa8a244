// Plain loops on the CPU, compiled for AVX-512, for AVX2 and for the processor that the compiler assumes; the
// widest one that the machine has (simd.h) is called. A loop is an SF_INLINE function, called as
// `widest<loop>(arguments...)`.
#pragma once

#include "simd.h"

// Inlined whatever its size: into each of the compilations below. A lambda in a loop has SF_INLINED after its
// parameters.
#define SF_INLINED __attribute__((always_inline))
#define SF_INLINE inline SF_INLINED

namespace sf {

template <auto loop>
struct Compilations;

template <typename Result, typename... Arguments, Result (*loop)(Arguments...)>
struct Compilations<loop> {
#if defined(__x86_64__)
  __attribute__((target("avx2,fma,avx512f,avx512dq,avx512vl,prefer-vector-width=512"), flatten)) static Result
  avx512(Arguments... arguments) {
    return loop(arguments...);
  }
  __attribute__((target("avx2,fma"), flatten)) static Result avx2(Arguments... arguments) {
    return loop(arguments...);
  }
#endif
  __attribute__((flatten)) static Result portable(Arguments... arguments) { return loop(arguments...); }
};

template <auto loop, typename... Arguments>
inline auto widest(Arguments... arguments) {
#if defined(__x86_64__)
  switch (simd()) {
    case Simd::kAvx512:
      return Compilations<loop>::avx512(arguments...);
    case Simd::kAvx2:
      return Compilations<loop>::avx2(arguments...);
    case Simd::kPortable:
      break;
  }
#endif
  return Compilations<loop>::portable(arguments...);
}

}  // namespace sf
