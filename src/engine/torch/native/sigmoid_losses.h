// Sums of sigmoid losses over [examples, C] from integer labels, without one-hot targets, and their
// gradients.
//
// Both losses are functions of v = z for the classes that an example is not and v = -z for the one that it
// is:
//
//     cross-entropy = softplus(v),                       d/dv = sigmoid(v)
//     focal = alpha_t sigmoid(v)^gamma softplus(v),      d/dv = alpha_t sigmoid(v)^gamma (gamma sigmoid(-v)
//     softplus(v) + sigmoid(v))
//
// and both come from e = e^-|v| in (0, 1]: softplus(v) = max(v, 0) + log(1 + e), sigmoid(-|v|) = e / (1 + e).
// Focal loss: Lin et al., "Focal loss for dense object detection", Eq. 5; the derivation is in
// src/engine/ops/sigmoid-focal.ts.
//
// The loss reads the logits once, the gradient reads them once and is written once. Making the gradient along
// with the loss would save one reading and cost one more of the gradient, to multiply it by dy, and its
// memory from there on.
#pragma once

#include <cmath>
#include <cstdint>

#include "cuda.h"
#include "vector_math.h"

namespace sf {

// e^-|v|.
SF_HOST_DEVICE inline float exponential_of_size(float v) { return exponential(-fabsf(v)); }

SF_HOST_DEVICE inline float softplus(float v, float e) {
  return (v < 0.0f ? 0.0f : v) + log_one_plus_fraction(e);
}

// One division: a choice between two numerators would be made after two.
SF_HOST_DEVICE inline float sigmoid(float v, float e) {
  const float larger = 1.0f / (1.0f + e);
  const float smaller = e * larger;
  return v < 0.0f ? smaller : larger;
}

// A loss as a function of v, times a scale for the classes that an example is not and for the one that it is.
struct CrossEntropy {
  SF_HOST_DEVICE float scale(bool) const { return 1.0f; }
  SF_HOST_DEVICE float value(float v) const { return softplus(v, exponential_of_size(v)); }
  SF_HOST_DEVICE float slope(float v) const { return sigmoid(v, exponential_of_size(v)); }
};

// gamma = 2, the usual one, makes the power a square; any other makes it e^(-gamma softplus(-v)), without a
// logarithm of 0.
template <bool squared>
struct Focal {
  float alpha;
  float gamma;

  SF_HOST_DEVICE float modulation(float v, float e, float p) const {
    return squared ? p * p : exponential(-gamma * softplus(-v, e));
  }
  SF_HOST_DEVICE float scale(bool is_class) const { return is_class ? alpha : 1.0f - alpha; }
  SF_HOST_DEVICE float value(float v) const {
    const float e = exponential_of_size(v);
    return modulation(v, e, sigmoid(v, e)) * softplus(v, e);
  }
  SF_HOST_DEVICE float slope(float v) const {
    const float e = exponential_of_size(v);
    const float p = sigmoid(v, e);
    const float rest = gamma * (sigmoid(-v, e) * softplus(v, e));
    return modulation(v, e, p) * (rest + p);
  }
};

// The weight with ignored examples (label -1) at 0; what has weight 0 contributes 0 whatever its logits.
SF_HOST_DEVICE inline float weight_of(int32_t label, float weight) { return kept(label >= 0, weight); }

// Label 0 is background, 1 .. C a class.
SF_HOST_DEVICE inline bool is_class(int32_t label, int64_t c) { return label - 1 == c; }

#if defined(SF_CUDA) || defined(__CUDACC__)
struct SigmoidExamples {
  const float* logits;    // [examples, classes]
  const int32_t* labels;  // [examples]
  const float* weights;   // [examples]
  int64_t examples;
  int64_t classes;
};

// Writes the sum to `sum`; `partials` has a double for each of blocks_for(examples * classes).
template <typename Loss>
void launch_loss(Loss loss, SigmoidExamples examples, double* partials, float* sum, cudaStream_t stream);

// Writes dlogits; dy is a scalar on the device.
template <typename Loss>
void launch_loss_gradient(Loss loss, SigmoidExamples examples, const float* dy, float* dlogits,
                          cudaStream_t stream);
#endif

}  // namespace sf
