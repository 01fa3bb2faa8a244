// Which vector instructions the engine's own CPU kernels use, and the layout that they share.
#pragma once

#include <cstdint>

namespace sf {

// Packed operands are made of lines: 16 floats, one cache line, one AVX-512 register.
constexpr int64_t kLine = 16;

constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

enum class Simd { kPortable, kAvx2, kAvx512 };

// The widest that this processor has; ATEN_CPU_CAPABILITY=default or avx2 lowers it as it lowers ATen's own.
Simd simd();

}  // namespace sf

// What follows SF_TARGET(...) up to SF_TARGET_END is compiled for these instruction sets. Only functions that
// simd() leads to may be called there, and no header may be included: its inline functions would be compiled
// for them too.
#if defined(__x86_64__) && defined(__clang__)
#define SF_PRAGMA(text) _Pragma(#text)
#define SF_TARGET(features) \
  SF_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define SF_TARGET_END _Pragma("clang attribute pop")
#elif defined(__x86_64__) && defined(__GNUC__)
#define SF_PRAGMA(text) _Pragma(#text)
#define SF_TARGET(features) _Pragma("GCC push_options") SF_PRAGMA(GCC target(features))
#define SF_TARGET_END _Pragma("GCC pop_options")
#endif
