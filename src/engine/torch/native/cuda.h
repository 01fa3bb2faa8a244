// What a kernel needs to be written once for the CPU and for CUDA, and to be launched. A .cu file includes no
// header of libtorch: it gets plain pointers, sizes and a stream. The .cc file beside it takes those from
// tensors, under SF_CUDA.
#pragma once

#if defined(__CUDACC__)
#define SF_HOST_DEVICE __host__ __device__
#else
#define SF_HOST_DEVICE
#endif

#if defined(SF_CUDA) || defined(__CUDACC__)
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace sf {

constexpr int kThreadsOfBlock = 256;
// Enough blocks to fill any GPU; a thread of a larger problem takes several elements, in steps of the whole
// grid.
constexpr int64_t kMostBlocks = 4096;

// Blocks for that many elements, one thread each as long as there are blocks. Depends on nothing else, so
// that a sum over the grid is the same on every GPU. A launch needs a block even where there are no elements.
inline unsigned blocks_for(int64_t elements) {
  const int64_t wanted = (elements + kThreadsOfBlock - 1) / kThreadsOfBlock;
  return static_cast<unsigned>(std::min(std::max<int64_t>(wanted, 1), kMostBlocks));
}

// Throws std::runtime_error when the launch before was refused. What goes wrong while a kernel runs is
// reported by the next call that waits for it.
inline void check_launch(const char* kernel) {
  const cudaError_t status = cudaGetLastError();
  if (status == cudaSuccess) return;
  throw std::runtime_error(std::string("CUDA kernel ") + kernel + ": " + cudaGetErrorString(status));
}

}  // namespace sf
#endif

#if defined(__CUDACC__)
namespace sf {

// The elements of a thread are first, first + step, ... below the size.
__device__ inline int64_t first_element() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline int64_t element_step() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }

}  // namespace sf
#elif defined(SF_CUDA)
#include <ATen/cuda/CUDAContext.h>

namespace sf {

// The stream that libtorch's own kernels are in.
inline cudaStream_t current_stream() { return at::cuda::getCurrentCUDAStream().stream(); }

}  // namespace sf
#endif
