// Harmonized losses on the CPU, and their launch on CUDA. What they compute is in harmonized.h.
#include "harmonized.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include <array>

#include "families.h"
#include "parts.h"
#include "sigmoid_tiles.h"
#include "vectors.h"

namespace sf {
namespace {

// Counts and losses that run beside one another, so that an addition need not wait for the one before where
// many examples share a bin.
constexpr int64_t kHistograms = 8;

// What a part has found: by bin, how many examples and the sum of their losses; one more bin takes what does
// not count.
struct Histogram {
  explicit Histogram(int64_t bins) : counts(bins + 1), losses(bins + 1) {}

  std::vector<int64_t> counts;
  std::vector<double> losses;
};

// Some examples of one level of one image.
struct Part {
  int64_t level;
  int64_t first;  // of all images
  int64_t last;
};

std::vector<Part> parts_of(const LevelEnds& levels, int64_t images, int64_t classes) {
  const int64_t step = examples_of_part(classes);
  std::vector<Part> parts;
  for (int64_t level = 0; level < levels.count; ++level) {
    const int64_t start = level == 0 ? 0 : levels.end[level - 1];
    for (int64_t image = 0; image < images; ++image) {
      const int64_t base = image * levels.examples();
      for (int64_t first = start; first < levels.end[level]; first += step) {
        parts.push_back({level, base + first, base + std::min(first + step, levels.end[level])});
      }
    }
  }
  return parts;
}

// Losses and bins of the logits of a tile; what does not count has loss 0 and bin `bins`.
SF_INLINE void losses_and_bins(const Tile& tile, int32_t bins, float* losses, int32_t* bin) {
  const int64_t size = tile.size();
  const float scale = static_cast<float>(bins);
  const float last = static_cast<float>(bins - 1);
  for (int64_t i = 0; i < size; ++i) {
    const float z = tile.logits[i];
    const float e = exponential_of_size(z);
    losses[i] = softplus(z, e);
    bin[i] = bin_of(sigmoid(z, e), scale, last);
  }
  tile.for_foreground([&](int64_t i) SF_INLINED {
    const float v = -tile.logits[i];
    const float e = exponential_of_size(v);
    losses[i] = softplus(v, e);
    bin[i] = bin_of(sigmoid(v, e), scale, last);
  });
  if (tile.has_one_weight()) return;
  float weights[kTile];
  tile.expand_weights(1.0f, weights);
  for (int64_t i = 0; i < size; ++i) {
    losses[i] = kept(weights[i] != 0.0f, losses[i]);
    bin[i] = weights[i] != 0.0f ? bin[i] : bins;
  }
}

SF_INLINE void add_tile(const Tile& tile, int32_t bins, int64_t* counts, double* totals) {
  if (tile.has_one_weight() && tile.weight(0) == 0.0f) return;
  float losses[kTile];
  int32_t bin[kTile];
  const int64_t size = tile.size();
  losses_and_bins(tile, bins, losses, bin);
  int32_t differences = 0;
  for (int64_t i = 1; i < size; ++i) differences |= bin[i] ^ bin[0];
  if (differences == 0) {
    // All in one bin, as nearly all background is once a network has learned something.
    for (int64_t i = size; i < kTile; ++i) losses[i] = 0.0f;
    fold(losses, [](float a, float b) SF_INLINED { return a + b; });
    double total = 0;
    for (int64_t i = 0; i < kLanes; ++i) total += double{losses[i]};
    counts[bin[0]] += size;
    totals[bin[0]] += total;
    return;
  }
  const int64_t stride = int64_t{bins} + 1;
  for (int64_t i = 0; i < size; ++i) {
    const int64_t at = (i % kHistograms) * stride + bin[i];
    counts[at]++;
    totals[at] += double{losses[i]};
  }
}

// counts and totals: kHistograms of bins + 1, at 0.
SF_INLINE void count_loop(const float* logits, const int32_t* labels, const float* weights, int64_t examples,
                          int64_t classes, int32_t bins, int64_t* counts, double* totals) {
  for_tiles(logits, labels, weights, examples, classes,
            [&](const Tile& tile, int64_t) SF_INLINED { add_tile(tile, bins, counts, totals); });
}

SF_INLINE void gradient_loop(float dy, const float* table, int32_t bins, const float* logits,
                             const int32_t* labels, const float* weights, float* dlogits, int64_t examples,
                             int64_t classes) {
  const float scale = static_cast<float>(bins);
  const float last = static_cast<float>(bins - 1);
  for_tiles(logits, labels, weights, examples, classes, [&](const Tile& tile, int64_t offset) SF_INLINED {
    float* result = dlogits + offset;
    const int64_t size = tile.size();
    for (int64_t i = 0; i < size; ++i) {
      const float z = tile.logits[i];
      const float p = sigmoid(z, exponential_of_size(z));
      result[i] = dy * table[bin_of(p, scale, last)] * p;
    }
    tile.for_foreground([&](int64_t i) SF_INLINED {
      const float p = sigmoid(-tile.logits[i], exponential_of_size(tile.logits[i]));
      result[i] = -dy * table[bin_of(p, scale, last)] * p;
    });
    if (tile.has_one_weight() && tile.weight(0) != 0.0f) return;
    float counted[kTile];
    tile.expand_weights(1.0f, counted);
    for (int64_t i = 0; i < size; ++i) result[i] = kept(counted[i] != 0.0f, result[i]);
  });
}

LevelEnds ends_of(const std::vector<int64_t>& level_counts) {
  if (level_counts.empty() || level_counts.size() > kMostLevels)
    throw std::invalid_argument("between 1 and 16 levels are expected");
  LevelEnds levels{};
  int64_t end = 0;
  for (const int64_t count : level_counts) levels.end[levels.count++] = end += count;
  return levels;
}

// Loss, running sums and weights, as tensors.
struct Outputs {
  Outputs(const at::Tensor& sums_before, int64_t levels)
      : loss(at::zeros({}, sums_before.options())),
        sums(sums_before.clone()),
        weights(at::zeros({levels, sums_before.numel()}, sums_before.options())) {}

  at::Tensor loss;
  at::Tensor sums;
  at::Tensor weights;

  std::vector<at::Tensor> all() { return {loss, sums, weights}; }

  // From what has been found on each level, on the CPU.
  void finish(const std::vector<Histogram>& found, double momentum) {
    const int64_t bins = sums.numel();
    double total = 0;
    for (size_t level = 0; level < found.size(); ++level) {
      float* of_level = weights.data_ptr<float>() + static_cast<int64_t>(level) * bins;
      weigh_bins(found[level].counts.data(), bins, 1, bins, momentum, sums.data_ptr<float>(), of_level);
      // What is in an empty bin is 0, what is not a number stays so.
      for (int64_t i = 0; i < bins; ++i) total += double{of_level[i]} * found[level].losses[i];
    }
    *loss.data_ptr<float>() = static_cast<float>(total);
  }

#ifdef SF_CUDA
  template <typename Examples>
  std::vector<at::Tensor> launch(const Examples& examples, int64_t elements, double momentum) {
    const int64_t levels = weights.size(0);
    const int64_t bins = weights.size(1);
    const at::Tensor counts = at::zeros({levels * bins}, weights.options().dtype(at::kLong));
    const at::Tensor partials =
        at::empty({int64_t{blocks_for(elements)}}, weights.options().dtype(at::kDouble));
    launch_harmonized(examples, {levels, bins, momentum},
                      reinterpret_cast<unsigned long long*>(counts.data_ptr<int64_t>()),
                      partials.data_ptr<double>(), loss.data_ptr<float>(), sums.data_ptr<float>(),
                      weights.data_ptr<float>(), current_stream());
    return all();
  }
#endif
};

#ifdef SF_CUDA
HarmonizedLogits logits_of(const at::Tensor& logits, const at::Tensor& labels, const at::Tensor& weights,
                           const std::vector<int64_t>& level_counts) {
  return {{logits.data_ptr<float>(), labels.data_ptr<int32_t>(), weights.data_ptr<float>(), labels.numel(),
           logits.size(-1)},
          ends_of(level_counts)};
}

HarmonizedDistances distances_of(const at::Tensor& predicted, const at::Tensor& target,
                                 const at::Tensor& level, double mu) {
  return {{static_cast<float>(mu)},  predicted.data_ptr<float>(), target.data_ptr<float>(),
          level.data_ptr<int32_t>(), predicted.size(0),           predicted.size(1)};
}
#endif

std::vector<at::Tensor> cross_entropy(const at::Tensor& logits, const at::Tensor& labels,
                                      const at::Tensor& weights, const at::Tensor& sums,
                                      const std::vector<int64_t>& level_counts, double momentum) {
  const LevelEnds levels = ends_of(level_counts);
  Outputs outputs(sums, levels.count);
  if (logits.numel() == 0) return outputs.all();
#ifdef SF_CUDA
  if (logits.is_cuda())
    return outputs.launch(logits_of(logits, labels, weights, level_counts), logits.numel(), momentum);
#endif
  const int64_t bins = sums.numel();
  const int64_t classes = logits.size(-1);
  const float* z = logits.data_ptr<float>();
  const int32_t* label = labels.data_ptr<int32_t>();
  const float* weight = weights.data_ptr<float>();
  const std::vector<Part> parts = parts_of(levels, labels.size(0), classes);
  std::vector<Histogram> of_parts(parts.size(), Histogram(bins));
  for_parts(static_cast<int64_t>(parts.size()), 1, [&](int64_t index, int64_t) {
    const Part& part = parts[index];
    const int64_t stride = bins + 1;
    std::vector<int64_t> counts(kHistograms * stride);
    std::vector<double> totals(kHistograms * stride);
    widest<count_loop>(z + part.first * classes, label + part.first, weight + part.first,
                       part.last - part.first, classes, static_cast<int32_t>(bins), counts.data(),
                       totals.data());
    for (int64_t i = 0; i < kHistograms * stride; ++i) {
      of_parts[index].counts[i % stride] += counts[i];
      of_parts[index].losses[i % stride] += totals[i];
    }
  });
  std::vector<Histogram> of_levels(levels.count, Histogram(bins));
  for (size_t index = 0; index < parts.size(); ++index) {
    Histogram& level = of_levels[parts[index].level];
    for (int64_t i = 0; i < bins; ++i) {
      level.counts[i] += of_parts[index].counts[i];
      level.losses[i] += of_parts[index].losses[i];
    }
  }
  outputs.finish(of_levels, momentum);
  return outputs.all();
}

at::Tensor cross_entropy_gradient(const at::Tensor& dy, const at::Tensor& logits, const at::Tensor& labels,
                                  const at::Tensor& weights, const at::Tensor& table,
                                  const std::vector<int64_t>& level_counts) {
  at::Tensor dlogits = at::empty_like(logits);
  if (logits.numel() == 0) return dlogits;
  const int64_t bins = table.size(1);
#ifdef SF_CUDA
  if (logits.is_cuda()) {
    launch_harmonized_gradient(logits_of(logits, labels, weights, level_counts), {table.size(0), bins, 0.0},
                               table.data_ptr<float>(), dy.data_ptr<float>(), dlogits.data_ptr<float>(),
                               current_stream());
    return dlogits;
  }
#endif
  const int64_t classes = logits.size(-1);
  const float factor = *dy.data_ptr<float>();
  const float* z = logits.data_ptr<float>();
  const int32_t* label = labels.data_ptr<int32_t>();
  const float* weight = weights.data_ptr<float>();
  const float* of_bins = table.data_ptr<float>();
  float* result = dlogits.data_ptr<float>();
  const std::vector<Part> parts = parts_of(ends_of(level_counts), labels.size(0), classes);
  for_parts(static_cast<int64_t>(parts.size()), 1, [&](int64_t index, int64_t) {
    const auto& [level, first, last] = parts[index];
    widest<gradient_loop>(factor, of_bins + level * bins, static_cast<int32_t>(bins), z + first * classes,
                          label + first, weight + first, result + first * classes, last - first, classes);
  });
  return dlogits;
}

// The foreground is small: one thread.
std::vector<at::Tensor> l1(const at::Tensor& predicted, const at::Tensor& target, const at::Tensor& level,
                           const at::Tensor& sums, int64_t levels, double mu, double momentum) {
  Outputs outputs(sums, levels);
  if (predicted.numel() == 0) return outputs.all();
#ifdef SF_CUDA
  if (predicted.is_cuda())
    return outputs.launch(distances_of(predicted, target, level, mu), predicted.numel(), momentum);
#endif
  const Distance distance{static_cast<float>(mu)};
  const int64_t bins = sums.numel();
  const int64_t columns = predicted.size(1);
  const float* p = predicted.data_ptr<float>();
  const float* t = target.data_ptr<float>();
  std::vector<Histogram> found(levels, Histogram(bins));
  for (int64_t i = 0; i < predicted.numel(); ++i) {
    const float length = distance.length(p[i] - t[i]);
    const int32_t bin =
        bin_of(distance.size(p[i] - t[i], length), static_cast<float>(bins), static_cast<float>(bins - 1));
    Histogram& of_level = found[level.data_ptr<int32_t>()[i / columns]];
    of_level.counts[bin]++;
    of_level.losses[bin] += double{length - distance.mu};
  }
  outputs.finish(found, momentum);
  return outputs.all();
}

at::Tensor l1_gradient(const at::Tensor& dy, const at::Tensor& predicted, const at::Tensor& target,
                       const at::Tensor& level, const at::Tensor& table, double mu) {
  at::Tensor result = at::empty_like(predicted);
  if (predicted.numel() == 0) return result;
  const int64_t bins = table.size(1);
#ifdef SF_CUDA
  if (predicted.is_cuda()) {
    launch_harmonized_gradient(distances_of(predicted, target, level, mu), {table.size(0), bins, 0.0},
                               table.data_ptr<float>(), dy.data_ptr<float>(), result.data_ptr<float>(),
                               current_stream());
    return result;
  }
#endif
  const Distance distance{static_cast<float>(mu)};
  const int64_t columns = predicted.size(1);
  const float factor = *dy.data_ptr<float>();
  const float* p = predicted.data_ptr<float>();
  const float* t = target.data_ptr<float>();
  const float* weights = table.data_ptr<float>();
  float* gradient = result.data_ptr<float>();
  for (int64_t i = 0; i < predicted.numel(); ++i) {
    const float difference = p[i] - t[i];
    const float length = distance.length(difference);
    const int32_t bin =
        bin_of(distance.size(difference, length), static_cast<float>(bins), static_cast<float>(bins - 1));
    const float weight = weights[level.data_ptr<int32_t>()[i / columns] * bins + bin];
    gradient[i] = factor * weight * (difference / length);
  }
  return result;
}

}  // namespace

// logits [B, A, C], labels int32 [B, A], weights [B, A]; predicted and target [P, 4], level int32 [P] below
// `levels`; sums [M]. Losses come with the sums after them and the weights of the bins, [L, M].
void export_harmonized(Exports& exports) {
  exports.add("sfHarmonizedCrossEntropy", &cross_entropy);
  exports.add("sfHarmonizedCrossEntropyGrad", &cross_entropy_gradient);
  exports.add("sfHarmonizedL1", &l1);
  exports.add("sfHarmonizedL1Grad", &l1_gradient);
}

}  // namespace sf
