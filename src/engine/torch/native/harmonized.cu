// Harmonized losses on CUDA; what they compute is in harmonized.h.
#include "cuda_maps.h"
#include "harmonized.h"

namespace sf {
namespace {

// What counts of an element: its level (-1: it does not count), the size of its gradient, its loss and the
// derivative of it.
struct Term {
  int64_t level;
  float size;
  float value;
  float slope;
};

__device__ int64_t elements_of(const HarmonizedLogits& examples) {
  return examples.of.examples * examples.of.classes;
}
__device__ int64_t columns_of(const HarmonizedLogits& examples) { return examples.of.classes; }
__device__ Term term_at(const HarmonizedLogits& examples, const MatrixPosition& at) {
  const SigmoidExamples& of = examples.of;
  const int32_t label = of.labels[at.row];
  if (weight_of(label, of.weights[at.row]) == 0.0f) return {-1, 0.0f, 0.0f, 0.0f};
  const LevelEnds& levels = examples.levels;
  const int64_t in_image = at.row % levels.examples();
  int64_t level = 0;
  while (in_image >= levels.end[level]) ++level;
  const float z = of.logits[at.row * of.classes + at.column];
  const bool hit = is_class(label, at.column);
  const float v = hit ? -z : z;
  const float e = exponential_of_size(v);
  const float p = sigmoid(v, e);
  return {level, p, softplus(v, e), hit ? -p : p};
}

__device__ int64_t elements_of(const HarmonizedDistances& of) { return of.rows * of.columns; }
__device__ int64_t columns_of(const HarmonizedDistances& of) { return of.columns; }
__device__ Term term_at(const HarmonizedDistances& of, const MatrixPosition& at) {
  const int64_t i = at.row * of.columns + at.column;
  const float difference = of.predicted[i] - of.target[i];
  const float length = of.distance.length(difference);
  return {of.level[at.row], of.distance.size(difference, length), length - of.distance.mu,
          difference / length};
}

// Calls use(element, its term) for the elements of a thread.
template <typename Examples, typename Use>
__device__ void for_terms(const Examples& examples, const Use& use) {
  const int64_t columns = columns_of(examples);
  const MatrixPosition step(element_step(), columns);
  MatrixPosition at(first_element(), columns);
  for (int64_t i = first_element(); i < elements_of(examples); i += element_step()) {
    use(i, term_at(examples, at));
    at.advance(step, columns);
  }
}

__device__ int64_t place_of(const Term& term, int64_t bins) {
  return term.level * bins + bin_of(term.size, static_cast<float>(bins), static_cast<float>(bins - 1));
}

// Counts of a block, in shared memory, are added to those of all. Whole numbers: in any order the same.
template <typename Examples>
__global__ void count_bins(Examples examples, HarmonizedBins of, unsigned long long* counts) {
  extern __shared__ unsigned int found[];
  const int64_t size = of.levels * of.bins;
  for (int64_t i = threadIdx.x; i < size; i += blockDim.x) found[i] = 0;
  __syncthreads();
  for_terms(examples, [&](int64_t, const Term& term) {
    if (term.level >= 0) atomicAdd(&found[place_of(term, of.bins)], 1u);
  });
  __syncthreads();
  for (int64_t i = threadIdx.x; i < size; i += blockDim.x) {
    if (found[i] > 0) atomicAdd(&counts[i], static_cast<unsigned long long>(found[i]));
  }
}

__global__ void weigh(const unsigned long long* counts, HarmonizedBins of, float* sums, float* weights) {
  weigh_bins(counts, of.bins, of.levels, of.bins, of.momentum, sums, weights);
}

template <typename Examples>
__global__ void sum_terms(Examples examples, HarmonizedBins of, const float* weights, double* partials) {
  double total = 0;
  for_terms(examples, [&](int64_t, const Term& term) {
    if (term.level >= 0) total += double{weights[place_of(term, of.bins)]} * double{term.value};
  });
  total = block_sum(total);
  if (threadIdx.x == 0) partials[blockIdx.x] = total;
}

template <typename Examples>
__global__ void write_slopes(Examples examples, HarmonizedBins of, const float* weights, const float* dy,
                             float* gradient) {
  const float factor = *dy;
  for_terms(examples, [&](int64_t i, const Term& term) {
    gradient[i] = term.level >= 0 ? factor * weights[place_of(term, of.bins)] * term.slope : 0.0f;
  });
}

int64_t size_of(const HarmonizedLogits& examples) { return examples.of.examples * examples.of.classes; }
int64_t size_of(const HarmonizedDistances& examples) { return examples.rows * examples.columns; }

}  // namespace

template <typename Examples>
void launch_harmonized(const Examples& examples, HarmonizedBins bins, unsigned long long* counts,
                       double* partials, float* loss, float* sums, float* weights, cudaStream_t stream) {
  const unsigned blocks = blocks_for(size_of(examples));
  const auto shared = static_cast<size_t>(bins.levels * bins.bins) * sizeof(unsigned int);
  count_bins<<<blocks, kThreadsOfBlock, shared, stream>>>(examples, bins, counts);
  check_launch("harmonized counts");
  weigh<<<1, 1, 0, stream>>>(counts, bins, sums, weights);
  sum_terms<<<blocks, kThreadsOfBlock, 0, stream>>>(examples, bins, weights, partials);
  sum_partials<<<1, kThreadsOfBlock, 0, stream>>>(partials, blocks, Identity{}, loss);
  check_launch("harmonized loss");
}

template <typename Examples>
void launch_harmonized_gradient(const Examples& examples, HarmonizedBins bins, const float* weights,
                                const float* dy, float* gradient, cudaStream_t stream) {
  const unsigned blocks = blocks_for(size_of(examples));
  write_slopes<<<blocks, kThreadsOfBlock, 0, stream>>>(examples, bins, weights, dy, gradient);
  check_launch("harmonized gradient");
}

template void launch_harmonized(const HarmonizedLogits&, HarmonizedBins, unsigned long long*, double*, float*,
                                float*, float*, cudaStream_t);
template void launch_harmonized(const HarmonizedDistances&, HarmonizedBins, unsigned long long*, double*,
                                float*, float*, float*, cudaStream_t);
template void launch_harmonized_gradient(const HarmonizedLogits&, HarmonizedBins, const float*, const float*,
                                         float*, cudaStream_t);
template void launch_harmonized_gradient(const HarmonizedDistances&, HarmonizedBins, const float*,
                                         const float*, float*, cudaStream_t);

}  // namespace sf
