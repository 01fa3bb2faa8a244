#include "winograd_tile.h"

namespace sf {
namespace {

constexpr float kA = 0.625F, kB = 1.5F;
constexpr float kA2 = kA * kA, kB2 = kB * kB;
// 1 / f'(0), 1 / f'(a) = 1 / f'(-a), 1 / f'(b) = 1 / f'(-b)
constexpr float kG0 = 1 / (kA2 * kB2), kGA = 1 / (2 * kA2 * (kA2 - kB2)), kGB = 1 / (2 * kB2 * (kB2 - kA2));

}  // namespace

#define SF_ALWAYS __attribute__((always_inline))

namespace portable {
#define SF_LANES 4
#include "winograd_kernel.h"
#undef SF_LANES
}  // namespace portable

#if defined(SF_TARGET)
SF_TARGET("avx2,fma")
namespace avx2 {
#define SF_LANES 8
#include "winograd_kernel.h"
#undef SF_LANES
}  // namespace avx2
SF_TARGET_END

SF_TARGET("avx512f,avx512vl,avx512dq,avx2,fma")
namespace avx512 {
#define SF_LANES 16
#include "winograd_kernel.h"
#undef SF_LANES
}  // namespace avx512
SF_TARGET_END
#endif

const WinogradKernels& winograd_kernels() {
#if defined(SF_TARGET)
  if (simd() == Simd::kAvx512) {
    static const WinogradKernels kernels = avx512::winograd_kernels();
    return kernels;
  }
  if (simd() == Simd::kAvx2) {
    static const WinogradKernels kernels = avx2::winograd_kernels();
    return kernels;
  }
#endif
  static const WinogradKernels kernels = portable::winograd_kernels();
  return kernels;
}

}  // namespace sf
