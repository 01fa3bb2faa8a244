// Sigmoid losses on the CPU, and their launch on CUDA. What they compute is in sigmoid_losses.h.
#include "sigmoid_losses.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include "families.h"
#include "parts.h"
#include "sigmoid_tiles.h"
#include "vectors.h"

namespace sf {
namespace {

template <typename Loss>
SF_INLINE void add_weighted_losses(Loss loss, const Tile& tile, double* totals) {
  float losses[kTile];
  const int64_t size = tile.size();
  for (int64_t i = 0; i < size; ++i) losses[i] = loss.value(tile.logits[i]);
  double foreground = 0;
  tile.for_foreground([&](int64_t i) SF_INLINED {
    losses[i] = 0.0f;
    const float weight = tile.weight(i / tile.width);
    if (weight != 0.0f) foreground += double{weight} * double{loss.scale(true) * loss.value(-tile.logits[i])};
  });
  double scale = loss.scale(false);
  if (tile.has_one_weight()) {
    scale *= double{tile.weight(0)};
  } else {
    float weights[kTile];
    tile.expand_weights(1.0f, weights);
    for (int64_t i = 0; i < size; ++i) losses[i] = weights[i] == 0.0f ? 0.0f : weights[i] * losses[i];
  }
  for (int64_t i = size; i < kTile; ++i) losses[i] = 0.0f;
  fold(losses, [](float a, float b) SF_INLINED { return a + b; });
  for (int64_t i = 0; i < kLanes; ++i) totals[i] += scale * double{losses[i]};
  totals[0] += foreground;
}

// Cross-entropies of one weight need one logarithm for all that is folded onto a lane: with the product of
// the (1 + e) kept as 1 + s, which does not lose a small e, joining two of them is s + e + s e. 512 / 16
// factors of at most 2 are at most 2^32.
SF_INLINE void add_cross_entropies(float weight, const Tile& tile, double* totals) {
  float products[kTile];
  float linear[kTile];
  const int64_t size = tile.size();
  for (int64_t i = 0; i < size; ++i) {
    const float z = tile.logits[i];
    products[i] = exponential_of_size(z);
    linear[i] = z < 0.0f ? 0.0f : z;
  }
  tile.for_foreground([&](int64_t i)
                          SF_INLINED { linear[i] = tile.logits[i] < 0.0f ? -tile.logits[i] : 0.0f; });
  for (int64_t i = size; i < kTile; ++i) products[i] = linear[i] = 0.0f;
  fold(products, [](float a, float b) SF_INLINED { return a + (b + a * b); });
  fold(linear, [](float a, float b) SF_INLINED { return a + b; });
  for (int64_t i = 0; i < kLanes; ++i) {
    totals[i] += double{weight} * (double{log_one_plus(products[i])} + double{linear[i]});
  }
}

template <typename Loss>
SF_INLINE double loss_loop(Loss loss, const float* logits, const int32_t* labels, const float* weights,
                           int64_t examples, int64_t classes) {
  double totals[kLanes] = {};
  for_tiles(logits, labels, weights, examples, classes, [&](const Tile& tile, int64_t) SF_INLINED {
    if (tile.has_one_weight()) {
      const float weight = tile.weight(0);
      if (weight == 0.0f) return;
      if constexpr (std::is_same_v<Loss, CrossEntropy>) return add_cross_entropies(weight, tile, totals);
    }
    add_weighted_losses(loss, tile, totals);
  });
  double total = 0;
  for (int64_t i = 0; i < kLanes; ++i) total += totals[i];
  return total;
}

template <typename Loss>
SF_INLINE void gradient_loop(Loss loss, float dy, const float* logits, const int32_t* labels,
                             const float* weights, float* dlogits, int64_t examples, int64_t classes) {
  for_tiles(logits, labels, weights, examples, classes, [&](const Tile& tile, int64_t offset) SF_INLINED {
    float* result = dlogits + offset;
    const int64_t size = tile.size();
    if (tile.has_one_weight() && tile.weight(0) != 0.0f) {
      const float scale = tile.weight(0) * dy * loss.scale(false);
      for (int64_t i = 0; i < size; ++i) result[i] = scale * loss.slope(tile.logits[i]);
    } else {
      float scales[kTile];
      tile.expand_weights(dy * loss.scale(false), scales);
      for (int64_t i = 0; i < size; ++i) result[i] = loss.slope(tile.logits[i]);
      for (int64_t i = 0; i < size; ++i) result[i] = scales[i] == 0.0f ? 0.0f : scales[i] * result[i];
    }
    tile.for_foreground([&](int64_t i) SF_INLINED {
      const float weight = tile.weight(i / tile.width);
      result[i] = weight == 0.0f ? 0.0f : -(weight * dy * loss.scale(true)) * loss.slope(-tile.logits[i]);
    });
  });
}

#ifdef SF_CUDA
SigmoidExamples examples_of(const at::Tensor& logits, const at::Tensor& labels, const at::Tensor& weights) {
  return {logits.data_ptr<float>(), labels.data_ptr<int32_t>(), weights.data_ptr<float>(), labels.numel(),
          logits.size(-1)};
}
#endif

template <typename Loss>
at::Tensor loss_sum(Loss loss, const at::Tensor& logits, const at::Tensor& labels,
                    const at::Tensor& weights) {
  if (logits.numel() == 0) return at::zeros({}, logits.options());
  at::Tensor sum = at::empty({}, logits.options());
#ifdef SF_CUDA
  if (logits.is_cuda()) {
    const at::Tensor partials =
        at::empty({int64_t{blocks_for(logits.numel())}}, logits.options().dtype(at::kDouble));
    launch_loss(loss, examples_of(logits, labels, weights), partials.data_ptr<double>(),
                sum.data_ptr<float>(), current_stream());
    return sum;
  }
#endif
  const int64_t classes = logits.size(-1);
  const float* z = logits.data_ptr<float>();
  const int32_t* label = labels.data_ptr<int32_t>();
  const float* weight = weights.data_ptr<float>();
  const double total =
      sum_of_parts(labels.numel(), examples_of_part(classes), [&](int64_t first, int64_t last) {
        return widest<loss_loop<Loss>>(loss, z + first * classes, label + first, weight + first, last - first,
                                       classes);
      });
  *sum.data_ptr<float>() = static_cast<float>(total);
  return sum;
}

template <typename Loss>
at::Tensor loss_gradient(Loss loss, const at::Tensor& dy, const at::Tensor& logits, const at::Tensor& labels,
                         const at::Tensor& weights) {
  at::Tensor dlogits = at::empty_like(logits);
  if (logits.numel() == 0) return dlogits;
#ifdef SF_CUDA
  if (logits.is_cuda()) {
    launch_loss_gradient(loss, examples_of(logits, labels, weights), dy.data_ptr<float>(),
                         dlogits.data_ptr<float>(), current_stream());
    return dlogits;
  }
#endif
  const int64_t classes = logits.size(-1);
  const float factor = *dy.data_ptr<float>();
  const float* z = logits.data_ptr<float>();
  const int32_t* label = labels.data_ptr<int32_t>();
  const float* weight = weights.data_ptr<float>();
  float* result = dlogits.data_ptr<float>();
  for_parts(labels.numel(), examples_of_part(classes), [&](int64_t first, int64_t last) {
    widest<gradient_loop<Loss>>(loss, factor, z + first * classes, label + first, weight + first,
                                result + first * classes, last - first, classes);
  });
  return dlogits;
}

// Calls use(the focal loss of these parameters).
template <typename Use>
at::Tensor with_focal(double alpha, double gamma, const Use& use) {
  const auto a = static_cast<float>(alpha);
  const auto g = static_cast<float>(gamma);
  return gamma == 2.0 ? use(Focal<true>{a, g}) : use(Focal<false>{a, g});
}

at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& labels, const at::Tensor& weights) {
  return loss_sum(CrossEntropy{}, logits, labels, weights);
}

at::Tensor cross_entropy_gradient(const at::Tensor& dy, const at::Tensor& logits, const at::Tensor& labels,
                                  const at::Tensor& weights) {
  return loss_gradient(CrossEntropy{}, dy, logits, labels, weights);
}

at::Tensor focal(const at::Tensor& logits, const at::Tensor& labels, const at::Tensor& weights, double alpha,
                 double gamma) {
  return with_focal(alpha, gamma, [&](auto loss) { return loss_sum(loss, logits, labels, weights); });
}

at::Tensor focal_gradient(const at::Tensor& dy, const at::Tensor& logits, const at::Tensor& labels,
                          const at::Tensor& weights, double alpha, double gamma) {
  return with_focal(alpha, gamma,
                    [&](auto loss) { return loss_gradient(loss, dy, logits, labels, weights); });
}

}  // namespace

// logits [B, A, C], labels int32 [B, A], weights [B, A], dy []; sums are [], gradients [B, A, C].
void export_sigmoid_losses(Exports& exports) {
  exports.add("sfSigmoidCrossEntropy", &cross_entropy);
  exports.add("sfSigmoidCrossEntropyGrad", &cross_entropy_gradient);
  exports.add("sfSigmoidFocal", &focal);
  exports.add("sfSigmoidFocalGrad", &focal_gradient);
}

}  // namespace sf
