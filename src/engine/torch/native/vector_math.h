// e^x and log(1 + x) in float32, for the CPU and for CUDA. Straight-line code without calls or branches, so
// that a compiler makes vectors of a loop over them. Polynomials are minimax fits of the relative error on
// the stated interval (weighted least squares, reweighted until the error levels out); the stated errors were
// measured over every seventh float32.
#pragma once

#include <cstdint>
#include <cstring>

#include "cuda.h"

namespace sf {

SF_HOST_DEVICE inline int32_t bits_of(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof(bits));
  return bits;
}

SF_HOST_DEVICE inline float float_of(int32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof(x));
  return x;
}

// x, or 0 where it is not to be kept. Of `keep ? *x : 0.0f` a compiler makes a branch around the load, and no
// vectors of a loop with a branch.
SF_HOST_DEVICE inline float kept(bool keep, float x) {
  return float_of(bits_of(x) & -static_cast<int32_t>(keep));
}

// e^x for x <= 0, within 1.1 units in the last place; x below -87 counts as -87 (1.6e-38). NaN stays NaN.
//
// x = n ln 2 + r with |r| <= ln 2 / 2, ln 2 in two parts so that n times the first is exact. e^r = 1 + r +
// r^2 q(r), where q leaves 3e-9. Adding 1.5 * 2^23 rounds to a whole number n and leaves it in the last bits
// of the sum.
SF_HOST_DEVICE inline float exponential(float x) {
  constexpr float kRound = 12582912.0f;
  x = x < -87.0f ? -87.0f : x;
  const float rounded = x * 1.44269504f + kRound;
  const float n = rounded - kRound;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float q = 0.0013814540579915047f;
  q = q * r + 0.00836874544620514f;
  q = q * r + 0.04166838899254799f;
  q = q * r + 0.1666652113199234f;
  q = q * r + 0.4999999403953552f;
  const float p = 1.0f + (r + r * r * q);
  const uint32_t power = (static_cast<uint32_t>(bits_of(rounded)) + 127u) << 23;
  return p * float_of(static_cast<int32_t>(power));
}

// log(1 + x) for 0 <= x <= 1, within 1.8 units in the last place: x + x^2 q(x), where q leaves 3e-8.
SF_HOST_DEVICE inline float log_one_plus_fraction(float x) {
  float q = 0.005364824552088976f;
  q = q * x - 0.030065791681408882f;
  q = q * x + 0.07920453697443008f;
  q = q * x - 0.13753803074359894f;
  q = q * x + 0.191536545753479f;
  q = q * x - 0.24857163429260254f;
  q = q * x + 0.3332132399082184f;
  q = q * x - 0.49999648332595825f;
  return x + x * x * q;
}

// log(1 + x) for 0 <= x <= 2^64, within 1.6 units in the last place: exact for tiny x, where log(1 + x) = x.
//
// 1 + x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), f = x 2^-k + (2^-k - 1) rounded once.
// log(1 + f) = f - f^2 / 2 + f^3 q(f), where q leaves 6e-9.
SF_HOST_DEVICE inline float log_one_plus(float x) {
  constexpr int32_t kRootOfHalf = 0x3F3504F3;
  const int32_t k = (bits_of(1.0f + x) - kRootOfHalf) >> 23;
  const float scale = float_of(static_cast<int32_t>(static_cast<uint32_t>(127 - k) << 23));  // 2^-k
  const float f = x * scale + (scale - 1.0f);
  float q = -0.07635659724473953f;
  q = q * f + 0.12763331830501556f;
  q = q * f - 0.1316058337688446f;
  q = q * f + 0.14201553165912628f;
  q = q * f - 0.16623298823833466f;
  q = q * f + 0.20001234114170074f;
  q = q * f - 0.250008225440979f;
  q = q * f + 0.3333333134651184f;
  const float square = f * f;
  const float n = static_cast<float>(k);
  return n * 0.693359375f + (f + (square * (f * q - 0.5f) - n * 2.12194440e-4f));
}

}  // namespace sf
