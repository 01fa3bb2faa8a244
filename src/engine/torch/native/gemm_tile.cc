#include "gemm_tile.h"

#include <utility>

namespace sf {

namespace portable {
#define SF_LANES 4
#include "gemm_kernel.h"
#undef SF_LANES
}  // namespace portable

#if defined(SF_TARGET)
SF_TARGET("avx2,fma")
namespace avx2 {
#define SF_LANES 8
#include "gemm_kernel.h"
#undef SF_LANES
}  // namespace avx2
SF_TARGET_END

SF_TARGET("avx512f,avx512vl,avx512dq,avx2,fma")
namespace avx512 {
#define SF_LANES 16
#include "gemm_kernel.h"
#undef SF_LANES
}  // namespace avx512
SF_TARGET_END
#endif

const TileKernels& tile_kernels() {
#if defined(SF_TARGET)
  // 28 of 32, or 12 of 16, registers are sums; the others hold two vectors of B and one or two elements of A.
  if (simd() == Simd::kAvx512) {
    static const TileKernels kernels = avx512::tile_kernels<14, 2>();
    return kernels;
  }
  if (simd() == Simd::kAvx2) {
    static const TileKernels kernels = avx2::tile_kernels<6, 1>();
    return kernels;
  }
#endif
  static const TileKernels kernels = portable::tile_kernels<4, 1>();
  return kernels;
}

}  // namespace sf
