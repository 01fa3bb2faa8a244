// RoIAlign (He et al., "Mask R-CNN", Sec. 3) along one axis of a box, for the CPU and for CUDA; sample
// positions are torchvision's to the bit. src/engine/host/roi-samples.ts is the same on the host.
//
// A bin is the mean of a grid of points, and a point is interpolated between the four pixels around it, whose
// centres are the whole numbers. Up to one pixel outside of the map it takes the border's value, farther out
// it is 0. All weights are products over the two axes.
#pragma once

#include <cmath>
#include <cstdint>

#include "cuda.h"
#include "rounding.h"

namespace sf {

struct RoiGrid {
  int64_t height, width;   // Bins.
  int64_t sampling_ratio;  // Points a bin and axis; 0: as many as a bin has pixels, rounded up.
  bool aligned;  // Pixel centres at half-integer image positions; else at whole ones, and sides of a pixel at
                 // least.

  SF_HOST_DEVICE int64_t bins() const { return height * width; }
};

// The most levels of a pyramid.
constexpr int kMostLevels = 8;

struct RoiMap {
  const float* features;  // [B, H, W, C]
  int64_t height, width;
  float scale;  // Pixels of the map per pixel of the image.
};

struct RoiMaps {
  RoiMap level[kMostLevels];
  int64_t levels, images, channels;
};

// Elements first .. last - 1 of a row.
struct RoiRange {
  int64_t first, last;
};

// Of `count` intervals [origin + i step, origin + (i + 1) step] all that touch low .. high, and a few more.
SF_HOST_DEVICE inline RoiRange intervals_near(float origin, float step, int64_t count, float low,
                                              float high) {
  if (!(std::fabs(step) > 1e-6f)) return {0, count};
  const float a = (low - origin) / step, b = (high - origin) / step;
  const float limit = static_cast<float>(count);
  const float first = std::floor(a < b ? a : b) - 2, last = std::ceil(a < b ? b : a) + 2;
  return {first > 0 ? static_cast<int64_t>(first < limit ? first : limit) : 0,
          last < limit ? static_cast<int64_t>(last > 0 ? last : 0) : count};
}

// A point between two pixels; both weights are 0 where it lies off the map.
struct RoiPoint {
  int64_t low;
  float low_weight, high_weight;  // The second one is that of pixel low + 1, and 0 where there is none.
};

struct RoiAxis {
  float start, bin;  // In pixels of the map.
  int64_t bins, samples, extent;

  SF_HOST_DEVICE RoiAxis(float near, float far, float scale, int64_t extent, int64_t bins,
                         const RoiGrid& grid)
      : bins(bins), extent(extent) {
    const float offset = grid.aligned ? 0.5f : 0.0f;
    start = rounded_product(near, scale) - offset;
    const float length = rounded_product(far, scale) - offset - start;
    bin = (grid.aligned || length > 1.0f ? length
           : length <= 1.0f              ? 1.0f
                                         : length) /
          static_cast<float>(bins);
    // Beyond 2^30 pixels the count itself no longer matters.
    const float pixels = std::ceil(bin < 1073741824.0f ? bin : 1073741824.0f);
    samples = grid.sampling_ratio > 0 ? grid.sampling_ratio : pixels > 0 ? static_cast<int64_t>(pixels) : 0;
  }

  SF_HOST_DEVICE bool finite() const { return start - start == 0 && bin - bin == 0; }
  SF_HOST_DEVICE float origin(int64_t i) const { return start + rounded_product(static_cast<float>(i), bin); }

  SF_HOST_DEVICE RoiPoint point(int64_t i, int64_t sample) const {
    const float position =
        origin(i) + rounded_product(static_cast<float>(sample) + 0.5f, bin) / static_cast<float>(samples);
    const float last = static_cast<float>(extent - 1);
    if (!(position >= -1.0f && position <= static_cast<float>(extent))) return {0, 0.0f, 0.0f};
    const float inside = position < 0 ? 0 : position < last ? position : last;
    const int64_t low = static_cast<int64_t>(inside);
    const float high_weight = inside - static_cast<float>(low);
    return {low, 1.0f - high_weight, high_weight};
  }

  // Samples of a bin that include all within low .. high.
  SF_HOST_DEVICE RoiRange samples_near(int64_t i, float low, float high) const {
    return intervals_near(origin(i), bin / static_cast<float>(samples), samples, low, high);
  }
  SF_HOST_DEVICE RoiRange samples_on_map(int64_t i) const {
    return samples_near(i, -1.0f, static_cast<float>(extent));
  }

  // Bins that include all that read a pixel. A point reads pixels at most one away.
  SF_HOST_DEVICE RoiRange bins_near(int64_t pixel) const {
    return intervals_near(start, bin, bins, static_cast<float>(pixel - 1), static_cast<float>(pixel + 1));
  }

  // How much bin i reads of a pixel: the sum over its points.
  SF_HOST_DEVICE float weight(int64_t i, int64_t pixel) const {
    const RoiRange range = samples_near(i, static_cast<float>(pixel - 1), static_cast<float>(pixel + 1));
    float sum = 0;
    for (int64_t sample = range.first; sample < range.last; ++sample) {
      const RoiPoint at = point(i, sample);
      if (at.low == pixel) sum += at.low_weight;
      if (at.low + 1 == pixel) sum += at.high_weight;
    }
    return sum;
  }
};

// The divisor of a bin's points; NaN for a box that is not finite.
SF_HOST_DEVICE inline float roi_points(const RoiAxis& rows, const RoiAxis& columns) {
  if (!rows.finite() || !columns.finite()) return NAN;
  const float points = static_cast<float>(rows.samples) * static_cast<float>(columns.samples);
  return points > 1 ? points : 1;
}

#if defined(SF_CUDA) || defined(__CUDACC__)
// y [count, grid, C]; rois [count, 4], image and level [count] on the device. A box of an image or a level
// that is not there is NaN.
void launch_roi_align(const RoiMaps& maps, const RoiGrid& grid, const float* rois, const int32_t* image,
                      const int32_t* level, int64_t count, float* y, cudaStream_t stream);

// dx [B, H, W, C] of one level. Every pixel adds up what reads it in the order of the boxes: the same result
// in every run.
void launch_roi_align_gradient(const RoiMap& map, int64_t images, int64_t channels, int64_t of,
                               const RoiGrid& grid, const float* dy, const float* rois, const int32_t* image,
                               const int32_t* level, int64_t count, float* dx, cudaStream_t stream);
#endif

}  // namespace sf
