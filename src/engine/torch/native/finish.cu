// What follows a convolution on CUDA.
#include "cuda_maps.h"
#include "finish.h"

namespace sf {
namespace {

__global__ void finish_elements(FinishPass pass, int64_t size) {
  for (int64_t i = first_element(); i < size; i += element_step()) pass.element(i, i % pass.channels);
}

}  // namespace

void launch_finish(const FinishPass& pass, int64_t size, cudaStream_t stream) {
  finish_elements<<<blocks_for(size), kThreadsOfBlock, 0, stream>>>(pass, size);
  check_launch("finish");
}

}  // namespace sf
