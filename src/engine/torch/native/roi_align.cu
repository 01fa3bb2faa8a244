// RoIAlign and its gradient on CUDA: a block of threads a bin, or a pixel of the gradient, and a thread a
// channel.
#include <algorithm>

#include "roi_align.h"

namespace sf {
namespace {

constexpr int kWarp = 32;
constexpr int kMostThreads = 256;
constexpr int kMostWarps = kMostThreads / kWarp;
constexpr int64_t kMostGridBlocks = int64_t{1} << 30;

int threads_for(int64_t channels) {
  const int64_t warps = std::min<int64_t>((channels + kWarp - 1) / kWarp, kMostWarps);
  return static_cast<int>(warps * kWarp);
}

__global__ void align_bins(RoiMaps maps, RoiGrid grid, const float* rois, const int32_t* image,
                           const int32_t* level, int64_t count, float* y) {
  const int64_t channel = static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
  if (channel >= maps.channels) return;
  for (int64_t unit = blockIdx.x; unit < count * grid.bins(); unit += gridDim.x) {
    const int64_t r = unit / grid.bins(), bin = unit % grid.bins();
    const int64_t i = bin / grid.width, j = bin % grid.width;
    const bool there = level[r] >= 0 && level[r] < maps.levels && image[r] >= 0 && image[r] < maps.images;
    const RoiMap map = maps.level[there ? level[r] : 0];
    const float* roi = rois + 4 * r;
    const RoiAxis rows(roi[1], roi[3], map.scale, map.height, grid.height, grid);
    const RoiAxis columns(roi[0], roi[2], map.scale, map.width, grid.width, grid);
    const float points = there ? roi_points(rows, columns) : NAN;
    float sum = 0;
    if (points == points) {
      const float* features = map.features + image[r] * map.height * map.width * maps.channels + channel;
      const RoiRange row_range = rows.samples_on_map(i), column_range = columns.samples_on_map(j);
      for (int64_t p = row_range.first; p < row_range.last; ++p) {
        const RoiPoint row = rows.point(i, p);
        const float* low = features + row.low * map.width * maps.channels;
        const float* high = row.high_weight == 0 ? low : low + map.width * maps.channels;
        for (int64_t q = column_range.first; q < column_range.last; ++q) {
          const RoiPoint column = columns.point(j, q);
          const int64_t left = column.low * maps.channels;
          const int64_t right = column.high_weight == 0 ? left : left + maps.channels;
          sum += row.low_weight * (column.low_weight * low[left] + column.high_weight * low[right]) +
                 row.high_weight * (column.low_weight * high[left] + column.high_weight * high[right]);
        }
      }
    }
    y[unit * maps.channels + channel] = sum / points;
  }
}

// Writes to `boxes` in order which of boxes first .. first + blockDim.x - 1 may read the pixel, and returns
// how many. All threads of the block call it.
__device__ int boxes_near(const RoiMap& map, const RoiGrid& grid, const float* rois, const int32_t* image,
                          const int32_t* level, int64_t count, int64_t first, int64_t of, int64_t of_image,
                          int64_t y, int64_t x, int64_t* boxes) {
  __shared__ int warp_counts[kMostWarps];
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const int64_t r = first + threadIdx.x;
  bool near = r < count && level[r] == of && image[r] == of_image;
  if (near) {
    const float* roi = rois + 4 * r;
    const RoiAxis rows(roi[1], roi[3], map.scale, map.height, grid.height, grid);
    const RoiAxis columns(roi[0], roi[2], map.scale, map.width, grid.width, grid);
    const RoiRange i = rows.bins_near(y), j = columns.bins_near(x);
    near = rows.finite() && columns.finite() && i.first < i.last && j.first < j.last;
  }
  const unsigned lanes = __ballot_sync(0xffffffffu, near);
  __syncthreads();  // Of the call before.
  if (lane == 0) warp_counts[warp] = __popc(lanes);
  __syncthreads();
  int before = __popc(lanes & ((1u << lane) - 1)), total = 0;
  for (int w = 0; w < static_cast<int>(blockDim.x) / kWarp; ++w) {
    if (w < warp) before += warp_counts[w];
    total += warp_counts[w];
  }
  if (near) boxes[before] = r;
  __syncthreads();
  return total;
}

__global__ void gather_gradient(RoiMap map, int64_t images, int64_t channels, int64_t of, RoiGrid grid,
                                const float* dy, const float* rois, const int32_t* image,
                                const int32_t* level, int64_t count, float* dx) {
  __shared__ int64_t boxes[kMostThreads];
  const int64_t channel = static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
  for (int64_t unit = blockIdx.x; unit < images * map.height * map.width; unit += gridDim.x) {
    const int64_t x = unit % map.width, y = unit / map.width % map.height,
                  of_image = unit / (map.width * map.height);
    float sum = 0;
    for (int64_t first = 0; first < count; first += blockDim.x) {
      const int near = boxes_near(map, grid, rois, image, level, count, first, of, of_image, y, x, boxes);
      if (channel >= channels) continue;
      for (int b = 0; b < near; ++b) {
        const int64_t r = boxes[b];
        const float* roi = rois + 4 * r;
        const RoiAxis rows(roi[1], roi[3], map.scale, map.height, grid.height, grid);
        const RoiAxis columns(roi[0], roi[2], map.scale, map.width, grid.width, grid);
        const float points = roi_points(rows, columns);
        const RoiRange i_range = rows.bins_near(y), j_range = columns.bins_near(x);
        for (int64_t i = i_range.first; i < i_range.last; ++i) {
          const float row_weight = rows.weight(i, y) / points;
          if (row_weight == 0) continue;
          for (int64_t j = j_range.first; j < j_range.last; ++j) {
            const float weight = row_weight * columns.weight(j, x);
            if (weight != 0)
              sum += weight * dy[((r * grid.height + i) * grid.width + j) * channels + channel];
          }
        }
      }
    }
    if (channel < channels) dx[unit * channels + channel] = sum;
  }
}

// Blocks of threads_for(channels) threads for that many units.
dim3 blocks_of(int64_t units, int64_t channels) {
  const int64_t threads = threads_for(channels);
  return dim3(static_cast<unsigned>(std::min(units, kMostGridBlocks)),
              static_cast<unsigned>((channels + threads - 1) / threads));
}

}  // namespace

void launch_roi_align(const RoiMaps& maps, const RoiGrid& grid, const float* rois, const int32_t* image,
                      const int32_t* level, int64_t count, float* y, cudaStream_t stream) {
  const dim3 blocks = blocks_of(count * grid.bins(), maps.channels);
  align_bins<<<blocks, threads_for(maps.channels), 0, stream>>>(maps, grid, rois, image, level, count, y);
  check_launch("roi_align");
}

void launch_roi_align_gradient(const RoiMap& map, int64_t images, int64_t channels, int64_t of,
                               const RoiGrid& grid, const float* dy, const float* rois, const int32_t* image,
                               const int32_t* level, int64_t count, float* dx, cudaStream_t stream) {
  const dim3 blocks = blocks_of(images * map.height * map.width, channels);
  gather_gradient<<<blocks, threads_for(channels), 0, stream>>>(map, images, channels, of, grid, dy, rois,
                                                                image, level, count, dx);
  check_launch("roi_align_gradient");
}

}  // namespace sf
