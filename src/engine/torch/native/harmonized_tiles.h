// How harmonized cross-entropy goes over logits on the CPU, a tile (sigmoid_tiles.h) at a time.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "harmonized.h"
#include "sigmoid_tiles.h"
#include "vectors.h"

namespace sf {

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

// The counts and losses of the bins of some tiles, in several histograms that neighbouring logits take turns
// at, so that an addition need not wait for the one before. A bin is one number: kOne for every logit, and
// the sum of their losses. A histogram gets at most 2^10 logits, of losses below 2^6, whose sum stays below
// kOne. A bin stays below 2^26 and is a multiple of 2^-27, to which every addition rounds the loss: half a
// unit in the last place of a loss of 1/16.
struct TileHistograms {
  static constexpr int64_t kHistograms = 8;
  static constexpr float kLossLimit = 64.0f;
  static constexpr double kOne = 0x1p16;
  static constexpr int64_t kTiles = 16;
  static_assert(kTiles * kTile / kHistograms == 1 << 10);

  // By bin, then by histogram.
  double of[(kMostBins + 1) * kHistograms];
  int64_t tiles;

  SF_INLINE void clear(int64_t bins) {
    std::fill(of, of + bins * kHistograms, 0.0);
    tiles = 0;
  }

  // size: a multiple of kHistograms.
  SF_INLINE void add(const float* losses, const int32_t* bin, int64_t size) {
    double addends[kTile];
    for (int64_t i = 0; i < size; ++i) addends[i] = kOne + double{losses[i]};
    for (int64_t i = 0; i < size; i += kHistograms) {
      for (int64_t h = 0; h < kHistograms; ++h) of[bin[i + h] * kHistograms + h] += addends[i + h];
    }
  }

  SF_INLINE void move_to(int64_t* counts, double* totals, int64_t bins) {
    if (tiles == 0) return;
    for (int64_t b = 0; b < bins; ++b) {
      int32_t count = 0;
      double total = 0;
      for (int64_t h = 0; h < kHistograms; ++h) {
        const double value = of[b * kHistograms + h];
        const auto ones = static_cast<int32_t>(value / kOne);
        count += ones;
        total += value - kOne * static_cast<double>(ones);
      }
      counts[b] += count;
      totals[b] += total;
    }
    clear(bins);
  }
};

// Adds a tile to the histograms or, where it is cheaper or they cannot hold it, to counts and totals, of
// bins + 1 numbers, the last for what does not count.
SF_INLINE void add_tile(const Tile& tile, int32_t bins, TileHistograms& histograms, int64_t* counts,
                        double* totals) {
  if (tile.has_one_weight() && tile.weight(0) == 0.0f) return;
  float losses[kTile];
  int32_t bin[kTile];
  const int64_t size = tile.size();
  losses_and_bins(tile, bins, losses, bin);
  int32_t beyond = 0;
  int32_t others = 0;
  for (int64_t i = 0; i < size; ++i) {
    beyond |= !(losses[i] < TileHistograms::kLossLimit);
    others |= bin[i];
  }
  if (beyond != 0) {
    // Large losses, infinite ones and those that are not numbers.
    for (int64_t i = 0; i < size; ++i) {
      counts[bin[i]]++;
      totals[bin[i]] += double{losses[i]};
    }
    return;
  }
  if (others == 0) {
    // Nearly all background, once a network has learned something.
    for (int64_t i = size; i < kTile; ++i) losses[i] = 0.0f;
    fold(losses, [](float a, float b) SF_INLINED { return a + b; });
    for (int64_t lane = 0; lane < kLanes; ++lane) totals[0] += double{losses[lane]};
    counts[0] += size;
    return;
  }
  const int64_t padded = divide_up(size, TileHistograms::kHistograms) * TileHistograms::kHistograms;
  for (int64_t i = size; i < padded; ++i) {
    losses[i] = 0.0f;
    bin[i] = bins;
  }
  histograms.add(losses, bin, padded);
  if (++histograms.tiles == TileHistograms::kTiles) histograms.move_to(counts, totals, bins + 1);
}

// Adds to counts and totals, of bins + 1 numbers, the last for what does not count.
SF_INLINE void harmonized_counts_loop(const float* logits, const int32_t* labels, const float* weights,
                                      int64_t examples, int64_t classes, int32_t bins, int64_t* counts,
                                      double* totals) {
  TileHistograms histograms;
  histograms.clear(bins + 1);
  for_tiles(logits, labels, weights, examples, classes,
            [&](const Tile& tile, int64_t) SF_INLINED { add_tile(tile, bins, histograms, counts, totals); });
  histograms.move_to(counts, totals, bins + 1);
}

// Sigmoids of the logits of a tile with the sign of their gradients, and their bins; 0 for what does not
// count.
SF_INLINE void slopes_and_bins(const Tile& tile, int32_t bins, float* slopes, int32_t* bin) {
  const int64_t size = tile.size();
  const float scale = static_cast<float>(bins);
  const float last = static_cast<float>(bins - 1);
  for (int64_t i = 0; i < size; ++i) {
    const float z = tile.logits[i];
    slopes[i] = sigmoid(z, exponential_of_size(z));
    bin[i] = bin_of(slopes[i], scale, last);
  }
  tile.for_foreground([&](int64_t i) SF_INLINED {
    const float z = tile.logits[i];
    const float p = sigmoid(-z, exponential_of_size(z));
    slopes[i] = -p;
    bin[i] = bin_of(p, scale, last);
  });
  if (tile.has_one_weight()) return;
  float weights[kTile];
  tile.expand_weights(1.0f, weights);
  for (int64_t i = 0; i < size; ++i) slopes[i] = kept(weights[i] != 0.0f, slopes[i]);
}

#if defined(__x86_64__)
// The widest table that one permutation of two registers looks 16 numbers up in.
constexpr int64_t kPermuted = 2 * kLine;

// scale_by_bin with a table of kPermuted numbers; slopes and bin can be read up to whole lines.
SF_TARGET("avx512f")
__attribute__((noinline)) inline void scale_by_bin_avx512(const float* table, const int32_t* bin,
                                                          const float* slopes, float* result, int64_t size) {
  const __m512 low = _mm512_loadu_ps(table);
  const __m512 high = _mm512_loadu_ps(table + kLine);
  for (int64_t i = 0; i < size; i += kLine) {
    const __m512 scale = _mm512_permutex2var_ps(low, _mm512_loadu_si512(bin + i), high);
    const __m512 product = _mm512_mul_ps(_mm512_loadu_ps(slopes + i), scale);
    if (size - i >= kLine) {
      _mm512_storeu_ps(result + i, product);
    } else {
      _mm512_mask_storeu_ps(result + i, static_cast<__mmask16>((1u << (size - i)) - 1u), product);
    }
  }
}
SF_TARGET_END
#endif

// Whether scale_by_bin can permute.
inline bool permutes(int64_t bins) {
#if defined(__x86_64__)
  return simd() == Simd::kAvx512 && bins <= kPermuted;
#else
  static_cast<void>(bins);
  return false;
#endif
}

// result[i] = table[bin[i]] * slopes[i]
SF_INLINE void scale_by_bin(const float* table, bool permute, const int32_t* bin, const float* slopes,
                            float* result, int64_t size) {
#if defined(__x86_64__)
  if (permute) return scale_by_bin_avx512(table, bin, slopes, result, size);
#else
  static_cast<void>(permute);
#endif
  for (int64_t i = 0; i < size; ++i) result[i] = table[bin[i]] * slopes[i];
}

SF_INLINE void harmonized_gradient_loop(float dy, const float* weights_of_bins, int32_t bins, bool permute,
                                        const float* logits, const int32_t* labels, const float* weights,
                                        float* dlogits, int64_t examples, int64_t classes) {
  float table[kMostBins] = {};
  for (int64_t i = 0; i < bins; ++i) table[i] = dy * weights_of_bins[i];
  for_tiles(logits, labels, weights, examples, classes, [&](const Tile& tile, int64_t offset) SF_INLINED {
    const int64_t size = tile.size();
    if (tile.has_one_weight() && tile.weight(0) == 0.0f) {
      std::fill(dlogits + offset, dlogits + offset + size, 0.0f);
      return;
    }
    float slopes[kTile];
    int32_t bin[kTile];
    slopes_and_bins(tile, bins, slopes, bin);
    scale_by_bin(table, permute, bin, slopes, dlogits + offset, size);
  });
}

}  // namespace sf
