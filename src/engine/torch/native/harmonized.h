// Gradient harmonizing (Li et al., "Gradient Harmonized Single-stage Detector", AAAI 2019): the examples of a
// level of a pyramid are counted by the size g of their gradients, in M equal bins of [0, 1]; with R_i of
// them in bin i and running sums S that all levels share,
//
//     S_i <- m S_i + (1 - m) R_i where R_i > 0,      weight of an example in bin i = 1 / (S_i n),
//
// n being the number of bins with R_i > 0. The weights depend on the counts alone. On the CPU one pass counts
// and sums the losses by bin, and the loss is the sum of the bins times their weights; on CUDA a second pass
// sums the losses, since sums of floats by bin would depend on the order of atomic additions. The gradient
// finds the bins again.
//
//     cross-entropy (GHM-C): g = sigmoid(v), softplus(v), with v as in sigmoid_losses.h
//     distance (GHM-R):      g = |d| / sqrt(d^2 + mu^2), sqrt(d^2 + mu^2) - mu
//
// The derivation, and what the reference does, is in src/engine/ops/harmonized.ts.
#pragma once

#include <cmath>
#include <cstdint>

#include "cuda.h"
#include "sigmoid_losses.h"

namespace sf {

constexpr int kMostLevels = 16;
constexpr int kMostBins = 256;

// Where the levels of an image end, among the examples of the image.
struct LevelEnds {
  int64_t end[kMostLevels];
  int32_t count;

  SF_HOST_DEVICE int64_t examples() const { return end[count - 1]; }
};

// The bin of a size: what reaches 1 and what is not a number are in the last one. `last` is M - 1.
SF_HOST_DEVICE inline int32_t bin_of(float size, float bins, float last) {
  const float scaled = size * bins;
  return static_cast<int32_t>(scaled < last ? scaled : last);
}

// Weights of all levels, [L, M], 0 for empty bins; moves the running sums, [M]. counts has `stride` numbers a
// level, of which M are bins.
template <typename Count>
SF_HOST_DEVICE inline void weigh_bins(const Count* counts, int64_t stride, int64_t levels, int64_t bins,
                                      double momentum, float* sums, float* weights) {
  for (int64_t level = 0; level < levels; ++level) {
    const Count* found = counts + level * stride;
    int64_t filled = 0;
    for (int64_t i = 0; i < bins; ++i) filled += found[i] > 0;
    for (int64_t i = 0; i < bins; ++i) {
      float weight = 0.0f;
      if (found[i] > 0) {
        const double sum = momentum * double{sums[i]} + (1.0 - momentum) * static_cast<double>(found[i]);
        sums[i] = static_cast<float>(sum);
        weight = static_cast<float>(1.0 / (sum * static_cast<double>(filled)));
      }
      weights[level * bins + i] = weight;
    }
  }
}

// One coordinate of a distance.
struct Distance {
  float mu;

  SF_HOST_DEVICE float length(float difference) const { return sqrtf(difference * difference + mu * mu); }
  SF_HOST_DEVICE float size(float difference, float length) const { return fabsf(difference) / length; }
};

#if defined(SF_CUDA) || defined(__CUDACC__)
struct HarmonizedLogits {
  SigmoidExamples of;
  LevelEnds levels;
};

struct HarmonizedDistances {
  Distance distance;
  const float* predicted;  // [rows, columns]
  const float* target;
  const int32_t* level;  // [rows]
  int64_t rows;
  int64_t columns;
};

struct HarmonizedBins {
  int64_t levels;
  int64_t bins;
  double momentum;
};

// Writes the loss, moves `sums` [M] and writes `weights` [L, M]; `counts` has L * M zeros, `partials` a
// double for each of blocks_for(elements).
template <typename Examples>
void launch_harmonized(const Examples& examples, HarmonizedBins bins, unsigned long long* counts,
                       double* partials, float* loss, float* sums, float* weights, cudaStream_t stream);

// Writes the gradient; dy is a scalar on the device.
template <typename Examples>
void launch_harmonized_gradient(const Examples& examples, HarmonizedBins bins, const float* weights,
                                const float* dy, float* gradient, cudaStream_t stream);
#endif

}  // namespace sf
