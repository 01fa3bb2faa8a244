// Cutting images into the patches of Winograd's tiles and spreading the patches, transformed, over the
// positions.
#pragma once

#include <algorithm>
#include <cstdint>

#include "winograd_tile.h"

namespace sf {

// A batch of images, [B, height, width, channels], in memory.
struct Images {
  const float* data;
  int64_t height, width, channels;
  int64_t lines() const { return divide_up(channels, kLine); }
};

// The tiles of 4x4 that cover `height` x `width` results of each image, and which one is where.
struct Tiling {
  Tiling(int64_t batch, int64_t height, int64_t width)
      : rows(divide_up(height, kTile)), columns(divide_up(width, kTile)), count(batch * rows * columns) {}

  struct Place {
    int64_t image, y, x;  // of the first result
  };
  Place place(int64_t tile) const {
    return {tile / (rows * columns), tile / columns % rows * kTile, tile % columns * kTile};
  }

  int64_t rows, columns;
  int64_t count;  // of all images
};

// Transforms the patch of `side` x `side` whose first pixel is (y, x), which may be outside the image: there,
// and in channels that fill up a line, it is zero. `patch` is room for side * side * lines * 16 floats.
inline void spread_patch(Spread spread, int64_t side, const Images& images, int64_t image, int64_t y,
                         int64_t x, float* to, int64_t to_line, int64_t to_position, float* patch) {
  const int64_t channels = images.channels, width = images.lines() * kLine;
  const float* from = images.data + image * images.height * images.width * channels;
  const int64_t left = std::clamp<int64_t>(-x, 0, side),
                right = std::clamp<int64_t>(images.width - x, 0, side);
  if (y >= 0 && y + side <= images.height && left == 0 && right == side && channels == width) {
    spread(from + (y * images.width + x) * channels, images.width * channels, channels, images.lines(), to,
           to_line, to_position);
    return;
  }
  float* row = patch;
  for (int64_t i = 0; i < side; ++i, row += side * width) {
    if (y + i < 0 || y + i >= images.height || left >= right) {
      std::fill_n(row, side * width, 0.0F);
      continue;
    }
    std::fill_n(row, left * width, 0.0F);
    const float* pixels = from + ((y + i) * images.width + x) * channels;
    if (channels == width) {
      std::copy_n(pixels + left * channels, (right - left) * channels, row + left * width);
    } else {
      for (int64_t j = left; j < right; ++j) {
        std::fill_n(std::copy_n(pixels + j * channels, channels, row + j * width), width - channels, 0.0F);
      }
    }
    std::fill_n(row + right * width, (side - right) * width, 0.0F);
  }
  spread(patch, side * width, width, images.lines(), to, to_line, to_position);
}

}  // namespace sf
