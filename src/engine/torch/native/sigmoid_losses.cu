// Sigmoid losses on CUDA; what they compute is in sigmoid_losses.h.
#include "cuda_maps.h"
#include "sigmoid_losses.h"

namespace sf {
namespace {

// Calls use(element, whether the element is of the example's class, weight) for the elements of a thread;
// what has weight 0 is not read.
template <typename Use>
__device__ void for_elements(const SigmoidExamples& of, const Use& use) {
  const MatrixPosition step(element_step(), of.classes);
  MatrixPosition at(first_element(), of.classes);
  for (int64_t i = first_element(); i < of.examples * of.classes; i += element_step()) {
    const int32_t label = of.labels[at.row];
    use(i, is_class(label, at.column), weight_of(label, of.weights[at.row]));
    at.advance(step, of.classes);
  }
}

template <typename Loss>
__global__ void sum_losses(Loss loss, SigmoidExamples of, double* partials) {
  double total = 0;
  for_elements(of, [&](int64_t i, bool hit, float weight) {
    if (weight == 0.0f) return;
    const float value = loss.scale(hit) * loss.value(hit ? -of.logits[i] : of.logits[i]);
    total += double{weight} * double{value};
  });
  total = block_sum(total);
  if (threadIdx.x == 0) partials[blockIdx.x] = total;
}

template <typename Loss>
__global__ void write_gradient(Loss loss, SigmoidExamples of, const float* dy, float* dlogits) {
  const float factor = *dy;
  for_elements(of, [&](int64_t i, bool hit, float weight) {
    float gradient = 0.0f;
    if (weight != 0.0f) {
      const float slope = weight * factor * loss.scale(hit) * loss.slope(hit ? -of.logits[i] : of.logits[i]);
      gradient = hit ? -slope : slope;
    }
    dlogits[i] = gradient;
  });
}

}  // namespace

template <typename Loss>
void launch_loss(Loss loss, SigmoidExamples examples, double* partials, float* sum, cudaStream_t stream) {
  const unsigned blocks = blocks_for(examples.examples * examples.classes);
  sum_losses<<<blocks, kThreadsOfBlock, 0, stream>>>(loss, examples, partials);
  sum_partials<<<1, kThreadsOfBlock, 0, stream>>>(partials, blocks, Identity{}, sum);
  check_launch("sigmoid loss");
}

template <typename Loss>
void launch_loss_gradient(Loss loss, SigmoidExamples examples, const float* dy, float* dlogits,
                          cudaStream_t stream) {
  const unsigned blocks = blocks_for(examples.examples * examples.classes);
  write_gradient<<<blocks, kThreadsOfBlock, 0, stream>>>(loss, examples, dy, dlogits);
  check_launch("sigmoid loss gradient");
}

template void launch_loss(CrossEntropy, SigmoidExamples, double*, float*, cudaStream_t);
template void launch_loss(Focal<true>, SigmoidExamples, double*, float*, cudaStream_t);
template void launch_loss(Focal<false>, SigmoidExamples, double*, float*, cudaStream_t);
template void launch_loss_gradient(CrossEntropy, SigmoidExamples, const float*, float*, cudaStream_t);
template void launch_loss_gradient(Focal<true>, SigmoidExamples, const float*, float*, cudaStream_t);
template void launch_loss_gradient(Focal<false>, SigmoidExamples, const float*, float*, cudaStream_t);

}  // namespace sf
