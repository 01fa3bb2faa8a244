// Harmonized losses on the CPU, and their launch on CUDA. What they compute is in harmonized.h.
#include "harmonized.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include "families.h"
#include "harmonized_tiles.h"
#include "parts.h"
#include "vectors.h"

namespace sf {
namespace {

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

int64_t checked_bins(int64_t bins) {
  if (bins < 1 || bins > kMostBins) throw std::invalid_argument("between 1 and 256 bins are expected");
  return bins;
}

LevelEnds ends_of(const std::vector<int64_t>& level_counts, const at::Tensor& labels) {
  if (level_counts.empty() || level_counts.size() > kMostLevels)
    throw std::invalid_argument("between 1 and 16 levels are expected");
  LevelEnds levels{};
  int64_t end = 0;
  for (const int64_t count : level_counts) levels.end[levels.count++] = end += count;
  if (end != labels.size(1)) throw std::invalid_argument("levels of all examples are expected");
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
          ends_of(level_counts, labels)};
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
  const LevelEnds levels = ends_of(level_counts, labels);
  const int64_t bins = checked_bins(sums.numel());
  Outputs outputs(sums, levels.count);
  if (logits.numel() == 0) return outputs.all();
#ifdef SF_CUDA
  if (logits.is_cuda())
    return outputs.launch(logits_of(logits, labels, weights, level_counts), logits.numel(), momentum);
#endif
  const int64_t classes = logits.size(-1);
  const float* z = logits.data_ptr<float>();
  const int32_t* label = labels.data_ptr<int32_t>();
  const float* weight = weights.data_ptr<float>();
  const std::vector<Part> parts = parts_of(levels, labels.size(0), classes);
  std::vector<Histogram> of_parts(parts.size(), Histogram(bins));
  for_parts(static_cast<int64_t>(parts.size()), 1, [&](int64_t index, int64_t) {
    const Part& part = parts[index];
    widest<harmonized_counts_loop>(z + part.first * classes, label + part.first, weight + part.first,
                                   part.last - part.first, classes, static_cast<int32_t>(bins),
                                   of_parts[index].counts.data(), of_parts[index].losses.data());
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
  const int64_t bins = checked_bins(table.size(1));
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
  const std::vector<Part> parts = parts_of(ends_of(level_counts, labels), labels.size(0), classes);
  for_parts(static_cast<int64_t>(parts.size()), 1, [&](int64_t index, int64_t) {
    const auto& [level, first, last] = parts[index];
    widest<harmonized_gradient_loop>(factor, of_bins + level * bins, static_cast<int32_t>(bins),
                                     permutes(bins), z + first * classes, label + first, weight + first,
                                     result + first * classes, last - first, classes);
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
