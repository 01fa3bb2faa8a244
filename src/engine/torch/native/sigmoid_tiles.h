// How sigmoid losses go over [examples, C] logits on the CPU. Nearly all of the work is background, so every
// logit is first treated as background, in loops without labels, and the one logit of each foreground example
// is computed again.
#pragma once

#include <algorithm>
#include <cstdint>

#include "parts.h"
#include "sigmoid_losses.h"
#include "vectors.h"

namespace sf {

// Logits that are worked on at a time: their intermediate values stay in the first-level cache.
constexpr int64_t kTile = 512;
// Sums that run beside one another, in double.
constexpr int64_t kLanes = 16;

// Some classes of some examples; either all classes, or one example.
struct Tile {
  const float* logits;
  const int32_t* labels;
  const float* weights;
  int64_t examples;
  int64_t classes;  // of all
  int64_t first_class;
  int64_t width;  // classes in the tile

  SF_INLINE int64_t size() const { return examples * width; }

  // Calls use(index in the tile) for the logit of every foreground example.
  template <typename Use>
  SF_INLINE void for_foreground(const Use& use) const {
    int32_t highest = 0;
    for (int64_t i = 0; i < examples; ++i) highest = labels[i] > highest ? labels[i] : highest;
    if (highest == 0) return;
    for (int64_t i = 0; i < examples; ++i) {
      const int64_t c = int64_t{labels[i]} - 1 - first_class;
      if (labels[i] > 0 && c >= 0 && c < width) use(i * width + c);
    }
  }

  SF_INLINE float weight(int64_t i) const { return weight_of(labels[i], weights[i]); }

  // Whether all examples have the same weight.
  SF_INLINE bool has_one_weight() const {
    const int32_t first = bits_of(weight(0));
    int32_t differences = 0;
    for (int64_t i = 1; i < examples; ++i) differences |= bits_of(weight(i)) ^ first;
    return differences == 0;
  }

  // The weight of every logit, times `factor`; what has weight 0 stays at 0.
  SF_INLINE void expand_weights(float factor, float* expanded) const {
    const auto scaled = [factor](float w) SF_INLINED { return w == 0.0f ? 0.0f : w * factor; };
    if (width == 1) {
      for (int64_t i = 0; i < examples; ++i) expanded[i] = scaled(weight(i));
    } else if (has_one_weight()) {
      std::fill(expanded, expanded + size(), scaled(weight(0)));
    } else {
      for (int64_t i = 0; i < examples; ++i) {
        const float value = scaled(weight(i));
        for (int64_t c = 0; c < width; ++c) expanded[i * width + c] = value;
      }
    }
  }
};

// Calls use(tile, offset of its first logit) over all logits of some examples.
template <typename Use>
SF_INLINE void for_tiles(const float* logits, const int32_t* labels, const float* weights, int64_t examples,
                         int64_t classes, const Use& use) {
  const int64_t step = classes < kTile ? kTile / classes : 1;
  for (int64_t i = 0; i < examples; i += step) {
    const int64_t count = examples - i < step ? examples - i : step;
    for (int64_t c = 0; c < classes; c += kTile) {
      const int64_t width = classes - c < kTile ? classes - c : kTile;
      const int64_t offset = i * classes + c;
      use(Tile{logits + offset, labels + i, weights + i, count, classes, c, width}, offset);
    }
  }
}

// Folds the upper half of a tile onto the lower one until kLanes are left.
template <typename Join>
SF_INLINE void fold(float* tile, const Join& join) {
  for (int64_t half = kTile / 2; half >= kLanes; half /= 2) {
    for (int64_t i = 0; i < half; ++i) tile[i] = join(tile[i], tile[half + i]);
  }
}

// Examples that are worth a thread.
inline int64_t examples_of_part(int64_t classes) {
  return std::max<int64_t>(1, kElementsOfPart / std::max<int64_t>(1, classes));
}

}  // namespace sf
