// Group normalisation of NHWC tensors, followed by leaky ReLU, and its gradient (Wu and He, "Group
// normalization", Eq. 1-3; the derivation of the gradient is in src/engine/ops/group-norm.ts). Batch
// normalisation with the statistics of the batch (Ioffe and Szegedy, 2015) is the same of one image that has
// the pixels of all of them, with a group for every channel.
//
// With scale = gamma inverse, z = (x - mean) scale + beta; the difference is taken first, so that a mean that
// is large against the deviation costs no digits. y is z, or `slope` z below zero (0: ReLU, 1: none). dz is
// dy where z > 0, else slope dy; z is computed again from x. With xhat = (x - mean) inverse and <.> the mean
// over a group,
//
//     dx = inverse (gamma dz - <gamma dz> - xhat <gamma dz xhat>) = scale dz + pull (x - mean) + offset
//     pull = -inverse^2 <gamma dz xhat>,  offset = -inverse <gamma dz>,  dgamma = sum dz xhat,  dbeta = sum
//     dz
//
// Statistics are sums per channel and part of the pixels, in double where float32 could lose digits, joined
// to groups in double.
#pragma once

#include <cmath>
#include <cstdint>

#include "cuda.h"

namespace sf {

struct GroupNormShape {
  int64_t batch;
  int64_t pixels;
  int64_t channels;
  int64_t groups;

  SF_HOST_DEVICE int64_t channels_of_group() const { return channels / groups; }
  SF_HOST_DEVICE double values_of_group() const {
    return static_cast<double>(pixels) * static_cast<double>(channels_of_group());
  }
};

// z of a channel.
struct Affine {
  float mean;
  float scale;
  float beta;

  SF_HOST_DEVICE float operator()(float x) const { return (x - mean) * scale + beta; }
};

SF_HOST_DEVICE inline Affine affine_of(float gamma, float beta, float mean, float inverse) {
  return {mean, gamma * inverse, beta};
}

// Mean and variance of a group from, for each of its channels, the first value x0 and the sums of x - x0 and
// (x - x0)^2: the shift keeps the difference of squares free of cancellation.
struct GroupMoments {
  double mean;
  double variance;
};

// Calls first(c), sum(c), square(c) for the channels c of a group.
template <typename First, typename Sum, typename Square>
SF_HOST_DEVICE GroupMoments moments_of_group(int64_t channels, double pixels, const First& first,
                                             const Sum& sum, const Square& square) {
  double mean = 0;
  for (int64_t c = 0; c < channels; ++c) mean += first(c) + sum(c) / pixels;
  mean /= static_cast<double>(channels);
  double variance = 0;
  for (int64_t c = 0; c < channels; ++c) {
    const double offset = sum(c) / pixels;
    const double distance = first(c) + offset - mean;
    variance += square(c) / pixels - offset * offset + distance * distance;
  }
  variance /= static_cast<double>(channels);
  return {mean, variance < 0 ? 0 : variance};
}

SF_HOST_DEVICE inline float inverse_of(double variance, double epsilon) {
  return static_cast<float>(1.0 / sqrt(variance + epsilon));
}

struct Pull {
  float pull;
  float offset;
};

// From the sums over a group of gamma dz and gamma dz xhat.
SF_HOST_DEVICE inline Pull pull_of_group(double sum, double product, double count, double inverse) {
  return {static_cast<float>(-inverse * inverse * product / count),
          static_cast<float>(-inverse * sum / count)};
}

#if defined(SF_CUDA) || defined(__CUDACC__)
// Doubles of scratch of both directions.
int64_t group_norm_scratch(const GroupNormShape& shape);

struct GroupNormTensors {
  const float* x;      // [B, pixels, C]
  const float* gamma;  // [C]
  const float* beta;   // [C]
  float* mean;         // [B, groups]
  float* inverse;      // [B, groups]
};

// Writes y, mean and inverse.
void launch_group_norm(const GroupNormShape& shape, const GroupNormTensors& tensors, double epsilon,
                       float slope, float* y, double* scratch, cudaStream_t stream);

// Reads mean and inverse, writes dx, dgamma and dbeta.
void launch_group_norm_gradient(const GroupNormShape& shape, const GroupNormTensors& tensors, const float* dy,
                                float slope, float* dx, float* dgamma, float* dbeta, double* scratch,
                                cudaStream_t stream);
#endif

}  // namespace sf
