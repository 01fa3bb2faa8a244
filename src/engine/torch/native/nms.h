// Non-maximum suppression by torchvision's rule: an IoU strictly above the threshold suppresses, every
// operation of it rounded to single precision, so that a pair at the threshold falls the same way on the CPU
// and on CUDA.
#pragma once

#include <cstdint>

#include "cuda.h"
#include "rounding.h"

namespace sf {

struct NmsBox {
  float x1, y1, x2, y2;

  // NaN where a coordinate is.
  SF_HOST_DEVICE float area() const { return rounded_product(x2 - x1, y2 - y1); }
};

// Whether the IoU of two boxes is above the threshold. Never where a coordinate is NaN, or a box has no area.
SF_HOST_DEVICE inline bool overlaps(const NmsBox& a, const NmsBox& b, double threshold) {
  const float width = (a.x2 < b.x2 ? a.x2 : b.x2) - (a.x1 > b.x1 ? a.x1 : b.x1);
  const float height = (a.y2 < b.y2 ? a.y2 : b.y2) - (a.y1 > b.y1 ? a.y1 : b.y1);
  if (!(width > 0 && height > 0)) return false;
  const float intersection = rounded_product(width, height);
  return intersection / (a.area() + b.area() - intersection) > threshold;
}

#if defined(SF_CUDA) || defined(__CUDACC__)
// Words of 64 boxes.
SF_HOST_DEVICE constexpr int64_t nms_words(int64_t count) { return (count + 63) / 64; }

// The boxes [count, 4] by falling score, their classes (or null) and which are left out; `overlap` has room
// for count x nms_words(count) words. Writes the positions of the kept boxes and how many they are.
void launch_nms(const float* boxes, const int32_t* classes, const bool* left_out, int64_t count,
                double threshold, int64_t max_output, int64_t* overlap, int64_t* kept, int32_t* kept_count,
                cudaStream_t stream);
#endif

}  // namespace sf
