// The SGD step and the norm of gradients on CUDA: a launch takes as many tensors as fit into the parameters
// of a kernel (4 KB), a column of blocks each.
#include "cuda_maps.h"
#include "sgd.h"

namespace sf {
namespace {

// Blocks of a tensor. Few enough that small tensors do not cost much, enough for the large ones to fill a GPU
// together.
constexpr int kBlocksOfTensor = 64;

template <typename Tensor>
struct Batch {
  static constexpr int64_t kCapacity = 3968 / sizeof(Tensor);
  Tensor tensors[kCapacity];
};

// Calls launch(batch, first tensor, tensors) over all tensors.
template <typename Tensor, typename Launch>
void for_batches(const Tensor* tensors, int64_t count, const Launch& launch) {
  using B = Batch<Tensor>;
  for (int64_t first = 0; first < count; first += B::kCapacity) {
    const int64_t size = std::min(B::kCapacity, count - first);
    B batch;
    std::copy_n(tensors + first, size, batch.tensors);
    launch(batch, first, dim3(kBlocksOfTensor, static_cast<unsigned>(size)));
  }
}

__global__ void step(Batch<SgdTensors> batch, const float* clip) {
  const SgdTensors& of = batch.tensors[blockIdx.y];
  const float factor = clip == nullptr ? 1.0f : *clip;
  for (int64_t i = first_element(); i < of.size; i += element_step()) {
    const SgdState next = sgd_step(of.rates, factor, of.parameter[i], of.gradient[i], of.velocity[i]);
    of.next_parameter[i] = next.parameter;
    of.next_velocity[i] = next.velocity;
  }
}

__global__ void squares(Batch<Values> batch, double* partials) {
  const Values& of = batch.tensors[blockIdx.y];
  double total = 0;
  for (int64_t i = first_element(); i < of.size; i += element_step()) {
    const double value = of.data[i];
    total += value * value;
  }
  total = block_sum(total);
  if (threadIdx.x == 0) partials[blockIdx.y * kBlocksOfTensor + blockIdx.x] = total;
}

struct Root {
  bool root;

  __device__ double operator()(double sum) const { return root ? sqrt(sum) : sum; }
};

}  // namespace

void launch_sgd(const SgdTensors* tensors, int64_t count, const float* clip, cudaStream_t stream) {
  for_batches(tensors, count, [&](const Batch<SgdTensors>& batch, int64_t, dim3 blocks) {
    step<<<blocks, kThreadsOfBlock, 0, stream>>>(batch, clip);
    check_launch("SGD step");
  });
}

int64_t norm_scratch(int64_t count) { return count * kBlocksOfTensor; }

void launch_norm(const Values* tensors, int64_t count, bool root, double* scratch, float* norm,
                 cudaStream_t stream) {
  for_batches(tensors, count, [&](const Batch<Values>& batch, int64_t first, dim3 blocks) {
    squares<<<blocks, kThreadsOfBlock, 0, stream>>>(batch, scratch + first * kBlocksOfTensor);
  });
  sum_partials<<<1, kThreadsOfBlock, 0, stream>>>(scratch, static_cast<unsigned>(norm_scratch(count)),
                                                  Root{root}, norm);
  check_launch("norm");
}

}  // namespace sf
