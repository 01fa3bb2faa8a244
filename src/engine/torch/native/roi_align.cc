// RoIAlign and its gradient on the CPU, and their launch on CUDA. The points of a bin are first gathered into
// weights of rows and of columns (four points of a small bin often share their pixels); then whole vectors of
// channels are added up.
#include "roi_align.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "families.h"
#include "units.h"
#include "vectors.h"

namespace sf {
namespace {

// A row or a column that a bin reads.
struct Tap {
  int64_t offset;  // In floats.
  float weight;
};

// What all bins read along one axis: bin i the taps starts[i] .. starts[i + 1] - 1.
struct Taps {
  std::vector<int64_t> starts;
  std::vector<Tap> taps;

  void assign(const RoiAxis& axis, int64_t stride, float divisor) {
    taps.clear();
    starts.assign(1, 0);
    for (int64_t i = 0; i < axis.bins; ++i) {
      const size_t first = taps.size();
      const RoiRange range = axis.samples_on_map(i);
      for (int64_t sample = range.first; sample < range.last; ++sample) {
        const RoiPoint at = axis.point(i, sample);
        add(first, at.low * stride, at.low_weight);
        add(first, (at.low + 1) * stride, at.high_weight);
      }
      for (size_t tap = first; tap < taps.size(); ++tap) taps[tap].weight /= divisor;
      starts.push_back(static_cast<int64_t>(taps.size()));
    }
  }

  const Tap* begin(int64_t i) const { return taps.data() + starts[i]; }
  int64_t size(int64_t i) const { return starts[i + 1] - starts[i]; }

 private:
  // Points follow each other along the axis: an offset that was met before is among the last.
  void add(size_t first, int64_t offset, float weight) {
    if (weight == 0) return;
    for (size_t at = taps.size(); at > first && at + 3 > taps.size(); --at) {
      if (taps[at - 1].offset != offset) continue;
      taps[at - 1].weight += weight;
      return;
    }
    taps.push_back({offset, weight});
  }
};

// A box on its map; `points` is NaN for a box that is not finite, which has no taps.
struct Box {
  Taps rows, columns;
  float points;

  void assign(const float* roi, const RoiMap& map, int64_t channels, const RoiGrid& grid) {
    const RoiAxis y(roi[1], roi[3], map.scale, map.height, grid.height, grid);
    const RoiAxis x(roi[0], roi[2], map.scale, map.width, grid.width, grid);
    points = roi_points(y, x);
    if (std::isnan(points)) return;
    rows.assign(y, map.width * channels, points);
    columns.assign(x, channels, 1);
  }
};

// Channels that are kept in registers.
constexpr int64_t kWide = 64;

// sum[c] = the sum of weight x image[c] over the taps of a bin, for `width` channels.
template <int64_t width>
SF_INLINE void gather_channels(const float* image, const Tap* rows, int64_t row_count, const Tap* columns,
                               int64_t column_count, float* y) {
  float sum[width] = {};
  for (int64_t r = 0; r < row_count; ++r) {
    for (int64_t q = 0; q < column_count; ++q) {
      const float* pixel = image + rows[r].offset + columns[q].offset;
      const float weight = rows[r].weight * columns[q].weight;
      for (int64_t c = 0; c < width; ++c) sum[c] += weight * pixel[c];
    }
  }
  for (int64_t c = 0; c < width; ++c) y[c] = sum[c];
}

SF_INLINE void gather_bin(const float* image, int64_t channels, const Tap* rows, int64_t row_count,
                          const Tap* columns, int64_t column_count, float* y) {
  int64_t c = 0;
  for (; c + kWide <= channels; c += kWide)
    gather_channels<kWide>(image + c, rows, row_count, columns, column_count, y + c);
  for (; c + kLine <= channels; c += kLine)
    gather_channels<kLine>(image + c, rows, row_count, columns, column_count, y + c);
  for (; c < channels; ++c) gather_channels<1>(image + c, rows, row_count, columns, column_count, y + c);
}

// image[c] += weight x dy[c] over the taps of a bin, for `width` channels.
template <int64_t width>
SF_INLINE void scatter_channels(const float* dy, const Tap* rows, int64_t row_count, const Tap* columns,
                                int64_t column_count, float* image) {
  float gradient[width];
  for (int64_t c = 0; c < width; ++c) gradient[c] = dy[c];
  for (int64_t r = 0; r < row_count; ++r) {
    for (int64_t q = 0; q < column_count; ++q) {
      float* pixel = image + rows[r].offset + columns[q].offset;
      const float weight = rows[r].weight * columns[q].weight;
      for (int64_t c = 0; c < width; ++c) pixel[c] += weight * gradient[c];
    }
  }
}

SF_INLINE void scatter_bin(const float* dy, int64_t channels, const Tap* rows, int64_t row_count,
                           const Tap* columns, int64_t column_count, float* image) {
  int64_t c = 0;
  for (; c + kWide <= channels; c += kWide)
    scatter_channels<kWide>(dy + c, rows, row_count, columns, column_count, image + c);
  for (; c + kLine <= channels; c += kLine)
    scatter_channels<kLine>(dy + c, rows, row_count, columns, column_count, image + c);
  for (; c < channels; ++c) scatter_channels<1>(dy + c, rows, row_count, columns, column_count, image + c);
}

// Throws std::invalid_argument for a box of an image or a level that is not there.
void check_boxes(const int32_t* image, const int32_t* level, int64_t count, int64_t images, int64_t levels) {
  const auto refuse = [](int64_t box, const char* where, int32_t index, int64_t size) {
    throw std::invalid_argument("box " + std::to_string(box) + where + std::to_string(index) + " of " +
                                std::to_string(size));
  };
  for (int64_t r = 0; r < count; ++r) {
    if (level[r] < 0 || level[r] >= levels) refuse(r, " is on level ", level[r], levels);
    if (image[r] < 0 || image[r] >= images) refuse(r, " is in image ", image[r], images);
  }
}

RoiMaps maps_of(const std::vector<at::Tensor>& features, const std::vector<double>& scales) {
  if (features.empty() || features.size() > kMostLevels || features.size() != scales.size()) {
    throw std::invalid_argument("a pyramid has 1 to " + std::to_string(kMostLevels) +
                                " levels, each with a scale");
  }
  RoiMaps maps{};
  maps.levels = static_cast<int64_t>(features.size());
  maps.images = features[0].size(0);
  maps.channels = features[0].size(3);
  for (size_t i = 0; i < features.size(); ++i) {
    maps.level[i] = {features[i].data_ptr<float>(), features[i].size(1), features[i].size(2),
                     static_cast<float>(scales[i])};
  }
  return maps;
}

void roi_align_on_cpu(const RoiMaps& maps, const RoiGrid& grid, const float* rois, const int32_t* image,
                      const int32_t* level, int64_t count, float* y) {
  check_boxes(image, level, count, maps.images, maps.levels);
  const int64_t channels = maps.channels;
  std::vector<Box> boxes(workers());
  for_each_unit(count, [&](int64_t r, int64_t worker) {
    const RoiMap& map = maps.level[level[r]];
    Box& box = boxes[worker];
    box.assign(rois + 4 * r, map, channels, grid);
    float* to = y + r * grid.bins() * channels;
    if (std::isnan(box.points)) {
      std::fill_n(to, grid.bins() * channels, std::numeric_limits<float>::quiet_NaN());
      return;
    }
    const float* features = map.features + image[r] * map.height * map.width * channels;
    for (int64_t i = 0; i < grid.height; ++i) {
      for (int64_t j = 0; j < grid.width; ++j, to += channels) {
        widest<gather_bin>(features, channels, box.rows.begin(i), box.rows.size(i), box.columns.begin(j),
                           box.columns.size(j), to);
      }
    }
  });
}

// Units are blocks of channels of an image, and each adds up the boxes in their order: no two threads write
// to the same place, and a sum does not depend on how the channels are cut.
void roi_align_gradient_on_cpu(const RoiMap& map, int64_t images, int64_t channels, int64_t of,
                               const RoiGrid& grid, const float* dy, const float* rois, const int32_t* image,
                               const int32_t* level, int64_t count, float* dx) {
  std::vector<int64_t> selected;
  for (int64_t r = 0; r < count; ++r) {
    if (level[r] == of) selected.push_back(r);
  }
  const int64_t box_count = static_cast<int64_t>(selected.size());
  std::vector<Box> boxes(box_count);
  for_each_unit(box_count,
                [&](int64_t i, int64_t) { boxes[i].assign(rois + 4 * selected[i], map, channels, grid); });

  const int64_t lines = divide_up(channels, kLine);
  const int64_t block = kLine * std::max<int64_t>(divide_up(lines * images, 2 * workers()), 1);
  const int64_t blocks = divide_up(channels, block);
  const int64_t pixels = map.height * map.width;
  for_each_unit(images * blocks, [&](int64_t unit, int64_t) {
    const int64_t of_image = unit / blocks, first = unit % blocks * block;
    const int64_t width = std::min(block, channels - first);
    float* to = dx + of_image * pixels * channels + first;
    for (int64_t b = 0; b < box_count; ++b) {
      if (image[selected[b]] != of_image || std::isnan(boxes[b].points)) continue;
      const Box& box = boxes[b];
      const float* from = dy + selected[b] * grid.bins() * channels + first;
      for (int64_t i = 0; i < grid.height; ++i) {
        for (int64_t j = 0; j < grid.width; ++j, from += channels) {
          widest<scatter_bin>(from, width, box.rows.begin(i), box.rows.size(i), box.columns.begin(j),
                              box.columns.size(j), to);
        }
      }
    }
  });
}

at::Tensor roi_align(const std::vector<at::Tensor>& features, const at::Tensor& rois, const at::Tensor& image,
                     const at::Tensor& level, int64_t height, int64_t width,
                     const std::vector<double>& scales, int64_t sampling_ratio, bool aligned) {
  const RoiMaps maps = maps_of(features, scales);
  const RoiGrid grid{height, width, sampling_ratio, aligned};
  const int64_t count = rois.size(0);
  at::Tensor y = at::empty({count, height, width, maps.channels}, rois.options());
  if (y.numel() == 0) return y;
#ifdef SF_CUDA
  if (rois.is_cuda()) {
    launch_roi_align(maps, grid, rois.data_ptr<float>(), image.data_ptr<int32_t>(), level.data_ptr<int32_t>(),
                     count, y.data_ptr<float>(), current_stream());
    return y;
  }
#endif
  roi_align_on_cpu(maps, grid, rois.data_ptr<float>(), image.data_ptr<int32_t>(), level.data_ptr<int32_t>(),
                   count, y.data_ptr<float>());
  return y;
}

at::Tensor roi_align_gradient(const at::Tensor& dy, const at::Tensor& rois, const at::Tensor& image,
                              const at::Tensor& level, const std::vector<int64_t>& shape, int64_t of,
                              double scale, int64_t sampling_ratio, bool aligned) {
  const RoiGrid grid{dy.size(1), dy.size(2), sampling_ratio, aligned};
  const RoiMap map{nullptr, shape.at(1), shape.at(2), static_cast<float>(scale)};
  const int64_t images = shape.at(0), channels = shape.at(3), count = rois.size(0);
#ifdef SF_CUDA
  if (rois.is_cuda()) {
    at::Tensor dx = at::empty(shape, dy.options());
    if (dx.numel() == 0) return dx;
    launch_roi_align_gradient(map, images, channels, of, grid, dy.data_ptr<float>(), rois.data_ptr<float>(),
                              image.data_ptr<int32_t>(), level.data_ptr<int32_t>(), count,
                              dx.data_ptr<float>(), current_stream());
    return dx;
  }
#endif
  at::Tensor dx = at::zeros(shape, dy.options());
  roi_align_gradient_on_cpu(map, images, channels, of, grid, dy.data_ptr<float>(), rois.data_ptr<float>(),
                            image.data_ptr<int32_t>(), level.data_ptr<int32_t>(), count,
                            dx.data_ptr<float>());
  return dx;
}

}  // namespace

// features [B, H, W, C] of every level, rois [R, 4] XYXY, image and level int32 [R]; the result is [R,
// height, width, C]. The gradient is that of one level's features, of the given shape.
void export_roi_align(Exports& exports) {
  exports.add("sfRoiAlign", &roi_align);
  exports.add("sfRoiAlignGrad", &roi_align_gradient);
}

}  // namespace sf
