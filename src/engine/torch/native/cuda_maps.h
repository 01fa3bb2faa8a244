// Element-wise maps, and sums in double precision over a grid of CUDA threads. A sum is the same in every
// run: each thread adds its elements in order, each block its threads as a tree, and one block all blocks.
// For .cu files.
#pragma once

#include "cuda.h"

namespace sf {

// The row and the column of a thread's element, kept up without a division for every element.
struct MatrixPosition {
  int64_t row;
  int64_t column;

  __device__ MatrixPosition(int64_t element, int64_t columns)
      : row(element / columns), column(element % columns) {}
  __device__ void advance(const MatrixPosition& step, int64_t columns) {
    row += step.row;
    column += step.column;
    if (column >= columns) {
      column -= columns;
      row++;
    }
  }
};

// The sum of the threads' values, in thread 0 of the block. All kThreadsOfBlock threads must call it.
__device__ inline double block_sum(double value) {
  __shared__ double sums[kThreadsOfBlock];
  __syncthreads();  // Of the call before.
  sums[threadIdx.x] = value;
  __syncthreads();
  for (int half = kThreadsOfBlock / 2; half > 0; half /= 2) {
    if (static_cast<int>(threadIdx.x) < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    __syncthreads();
  }
  return sums[0];
}

struct Identity {
  __device__ double operator()(double x) const { return x; }
};

// *sum = finish(sum of the partials), by one block.
template <typename Finish>
__global__ void sum_partials(const double* partials, unsigned count, Finish finish, float* sum) {
  double total = 0;
  for (unsigned i = threadIdx.x; i < count; i += kThreadsOfBlock) total += partials[i];
  total = block_sum(total);
  if (threadIdx.x == 0) *sum = static_cast<float>(finish(total));
}

// A block's part of the sum of value(i) over [0, size).
template <typename Value>
__global__ void sum_values(int64_t size, Value value, double* partials) {
  double total = 0;
  for (int64_t i = first_element(); i < size; i += element_step()) total += value(i);
  total = block_sum(total);
  if (threadIdx.x == 0) partials[blockIdx.x] = total;
}

// *sum = the sum of value(i) over [0, size); `partials` has a double for each of blocks_for(size).
template <typename Value>
void launch_sum(int64_t size, Value value, double* partials, float* sum, cudaStream_t stream) {
  const unsigned blocks = blocks_for(size);
  sum_values<<<blocks, kThreadsOfBlock, 0, stream>>>(size, value, partials);
  sum_partials<<<1, kThreadsOfBlock, 0, stream>>>(partials, blocks, Identity{}, sum);
  check_launch("sum");
}

// Writes value(i) to y[i] over [0, size).
template <typename Value>
__global__ void map_values(int64_t size, Value value, float* y) {
  for (int64_t i = first_element(); i < size; i += element_step()) y[i] = value(i);
}

template <typename Value>
void launch_map(int64_t size, Value value, float* y, cudaStream_t stream) {
  map_values<<<blocks_for(size), kThreadsOfBlock, 0, stream>>>(size, value, y);
  check_launch("map");
}

}  // namespace sf
