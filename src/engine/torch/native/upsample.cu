// Nearest-neighbour upsampling on CUDA: a thread for every value of the coarse map and its four copies.
#include "cuda_maps.h"
#include "upsample.h"

namespace sf {
namespace {

// Where the first copy of a value of the coarse map is; the others are a pixel, a row, and a row and a pixel
// after it.
__device__ int64_t first_copy(const CoarseShape& shape, int64_t i) {
  const int64_t c = i % shape.channels;
  const int64_t pixel = i / shape.channels;
  const int64_t row = pixel / shape.width;
  return (4 * row * shape.width + 2 * (pixel % shape.width)) * shape.channels + c;
}

__global__ void upsample(CoarseShape shape, const float* x, const float* lateral, float* y) {
  const int64_t row = 2 * shape.width * shape.channels;
  for (int64_t i = first_element(); i < shape.size(); i += element_step()) {
    const int64_t first = first_copy(shape, i);
    for (const int64_t at : {first, first + shape.channels, first + row, first + row + shape.channels}) {
      y[at] = lateral == nullptr ? x[i] : lateral[at] + x[i];
    }
  }
}

struct Gradient {
  CoarseShape shape;
  const float* dy;

  __device__ float operator()(int64_t i) const {
    const float* first = dy + first_copy(shape, i);
    const float* below = first + 2 * shape.width * shape.channels;
    return sum_of_copies(first[0], first[shape.channels], below[0], below[shape.channels]);
  }
};

}  // namespace

void launch_upsample(const CoarseShape& shape, const float* x, const float* lateral, float* y,
                     cudaStream_t stream) {
  upsample<<<blocks_for(shape.size()), kThreadsOfBlock, 0, stream>>>(shape, x, lateral, y);
  check_launch("upsample");
}

void launch_upsample_gradient(const CoarseShape& shape, const float* dy, float* dx, cudaStream_t stream) {
  launch_map(shape.size(), Gradient{shape, dy}, dx, stream);
}

}  // namespace sf
