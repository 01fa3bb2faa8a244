// How harmonized cross-entropy goes over logits on the CPU, a tile (sigmoid_tiles.h) at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

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

#if defined(__x86_64__)
// set_first_apart of whole lines.
SF_TARGET("avx512f,popcnt")
__attribute__((noinline)) inline int64_t set_first_apart_avx512(float* losses, int32_t* bin, int64_t size,
                                                                double* first) {
  __m512d low = _mm512_loadu_pd(first);
  __m512d high = _mm512_loadu_pd(first + kLine / 2);
  int64_t moved = 0;
  for (int64_t i = 0; i < size; i += kLine) {
    const __m512 loss = _mm512_loadu_ps(losses + i);
    const __m512i place = _mm512_loadu_si512(bin + i);
    const __mmask16 others = _mm512_test_epi32_mask(place, place);
    const __m512 of_first = _mm512_maskz_mov_ps(_mm512_knot(others), loss);
    // maskz, though all are kept: some compilers warn of what the headers do without.
    const __m256d lower = _mm512_maskz_extractf64x4_pd(0xF, _mm512_castps_pd(of_first), 0);
    const __m256d upper = _mm512_maskz_extractf64x4_pd(0xF, _mm512_castps_pd(of_first), 1);
    low = _mm512_add_pd(low, _mm512_maskz_cvtps_pd(0xFF, _mm256_castpd_ps(lower)));
    high = _mm512_add_pd(high, _mm512_maskz_cvtps_pd(0xFF, _mm256_castpd_ps(upper)));
    // Beyond what is moved, these write over what has been read.
    _mm512_storeu_ps(losses + moved, _mm512_maskz_compress_ps(others, loss));
    _mm512_storeu_si512(bin + moved, _mm512_maskz_compress_epi32(others, place));
    moved += __builtin_popcount(others);
  }
  _mm512_storeu_pd(first, low);
  _mm512_storeu_pd(first + kLine / 2, high);
  return moved;
}
SF_TARGET_END
#endif

// Adds the losses of the first bin to `first`, of kLine sums, and moves the others to the front. Returns how
// many those are.
SF_INLINE int64_t set_first_apart(bool avx512, float* losses, int32_t* bin, int64_t size, double* first) {
#if defined(__x86_64__)
  if (avx512) return set_first_apart_avx512(losses, bin, size, first);
#else
  static_cast<void>(avx512);
#endif
  for (int64_t i = 0; i < size; i += kLine) {
    for (int64_t lane = 0; lane < kLine; ++lane) {
      first[lane] += double{kept(bin[i + lane] == 0, losses[i + lane])};
    }
  }
  int64_t moved = 0;
  for (int64_t i = 0; i < size; ++i) {
    losses[moved] = losses[i];
    bin[moved] = bin[i];
    moved += bin[i] != 0;
  }
  return moved;
}

// Counts and sums of losses by bin, tile after tile. Once a network has learned something, most logits are in
// the first bin, which is a sum of its own. The others are in several histograms that neighbours take turns
// at, so that an addition need not wait for the one before. There a bin is one number: how many logits it has
// in the upper 14 bits, and the sum of their losses in the lower 50, in units of 2^-31. Losses are below 64,
// and no more than 2^13 are added before the histogram is emptied: the sum stays below 2^50. It is exact: a
// logit that is not in the first of at most 2^8 bins has a loss above 2^-8, a multiple of the unit in
// float32.
struct BinSums {
  static constexpr int64_t kHistograms = 8;
  static constexpr int kCountShift = 50;
  static constexpr float kLossLimit = 64.0f;
  static constexpr double kUnitInLast = 0x1p21;
  static constexpr uint64_t kOneLessUnitInLast = (uint64_t{1} << kCountShift) - (uint64_t{1023 + 21} << 52);
  static constexpr int64_t kMostTiles = 128;
  static_assert(kMostBins <= 256 && kLine % kHistograms == 0);
  static_assert(kTile / kHistograms * kMostTiles == 1 << 13);

  uint64_t of[kHistograms][kMostBins + 1];
  int64_t tiles;
  double first[kLine];
  int64_t count_of_first;

  SF_INLINE void clear(int64_t bins) {
    for (int64_t h = 0; h < kHistograms; ++h) std::fill(of[h], of[h] + bins, uint64_t{0});
    tiles = 0;
    std::fill(first, first + kLine, 0.0);
    count_of_first = 0;
  }

  // Losses below kLossLimit and their bins, whole lines of them; what is in both is lost.
  SF_INLINE void add(bool avx512, float* losses, int32_t* bin, int64_t size, int32_t bins) {
    const int64_t others = set_first_apart(avx512, losses, bin, size, first);
    count_of_first += size - others;
    const int64_t padded = divide_up(others, kLine) * kLine;
    for (int64_t i = others; i < padded; ++i) {
      losses[i] = 0.0f;
      bin[i] = bins;
    }
    // In the last bits of the sum with kUnitInLast is the loss, in units of 2^-31.
    uint64_t packed[kTile];
    for (int64_t i = 0; i < padded; ++i) {
      const double sum = double{losses[i]} + kUnitInLast;
      uint64_t bits;
      memcpy(&bits, &sum, sizeof(bits));
      packed[i] = bits + kOneLessUnitInLast;
    }
    for (int64_t i = 0; i < padded; i += kLine) {
      for (int64_t lane = 0; lane < kLine; ++lane) {
        of[lane % kHistograms][bin[i + lane]] += packed[i + lane];
      }
    }
    tiles++;
  }

  SF_INLINE void move_to(int64_t* counts, double* totals, int64_t bins) {
    for (int64_t b = 0; b < bins; ++b) {
      uint64_t count = 0;
      uint64_t units = 0;
      for (int64_t h = 0; h < kHistograms; ++h) {
        count += of[h][b] >> kCountShift;
        units += of[h][b] & ((uint64_t{1} << kCountShift) - 1);
      }
      counts[b] += static_cast<int64_t>(count);
      totals[b] += static_cast<double>(static_cast<int64_t>(units)) * 0x1p-31;
    }
    for (int64_t lane = 0; lane < kLine; ++lane) totals[0] += first[lane];
    counts[0] += count_of_first;
    clear(bins);
  }
};

// What a tile adds to counts and totals, of bins + 1 numbers, the last for what does not count; to `sums`
// unless a loss is too large.
SF_INLINE void add_tile(const Tile& tile, bool avx512, int32_t bins, BinSums& sums, int64_t* counts,
                        double* totals) {
  if (tile.has_one_weight() && tile.weight(0) == 0.0f) return;
  float losses[kTile];
  int32_t bin[kTile];
  const int64_t size = tile.size();
  losses_and_bins(tile, bins, losses, bin);
  int32_t beyond = 0;
  for (int64_t i = 0; i < size; ++i) beyond |= !(losses[i] < BinSums::kLossLimit);
  if (beyond != 0) {
    // Large losses, infinite ones and those that are not numbers.
    for (int64_t i = 0; i < size; ++i) {
      counts[bin[i]]++;
      totals[bin[i]] += double{losses[i]};
    }
    return;
  }
  const int64_t padded = divide_up(size, kLine) * kLine;
  for (int64_t i = size; i < padded; ++i) {
    losses[i] = 0.0f;
    bin[i] = bins;
  }
  sums.add(avx512, losses, bin, padded, bins);
  if (sums.tiles == BinSums::kMostTiles) sums.move_to(counts, totals, bins + 1);
}

// Adds to counts and totals as add_tile does.
SF_INLINE void harmonized_counts_loop(const float* logits, const int32_t* labels, const float* weights,
                                      int64_t examples, int64_t classes, int32_t bins, int64_t* counts,
                                      double* totals) {
  const bool avx512 = simd() == Simd::kAvx512;
  BinSums sums;
  sums.clear(bins + 1);
  for_tiles(logits, labels, weights, examples, classes, [&](const Tile& tile, int64_t) SF_INLINED {
    add_tile(tile, avx512, bins, sums, counts, totals);
  });
  sums.move_to(counts, totals, bins + 1);
}

// Sigmoids of the logits of a tile with the sign of their gradients, and their bins; what does not count has
// slope 0 and bin `bins`.
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
  for (int64_t i = 0; i < size; ++i) {
    slopes[i] = kept(weights[i] != 0.0f, slopes[i]);
    bin[i] = weights[i] != 0.0f ? bin[i] : bins;
  }
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

// Whether scale_by_bin can permute: the bins, and the one of what does not count.
inline bool permutes(int64_t bins) {
#if defined(__x86_64__)
  return simd() == Simd::kAvx512 && bins < kPermuted;
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
  // 0 for what does not count, also where dy is not finite.
  float table[kMostBins + 1] = {};
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
