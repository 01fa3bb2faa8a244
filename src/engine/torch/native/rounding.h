// Products that are rounded before they are added: compilers fuse a product and a sum into one instruction
// where the processor has it, which rounds once and may decide a comparison the other way.
#pragma once

#include "cuda.h"

namespace sf {

SF_HOST_DEVICE inline float rounded_product(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmul_rn(a, b);
#else
  const volatile float product = a * b;
  return product;
#endif
}

}  // namespace sf
