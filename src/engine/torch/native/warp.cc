// Images turned and transformed: pixels read from places that lie anywhere, as tfjs defines them. The places
// are computed on the CPU in double precision, as there.
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "families.h"

namespace sf {
namespace {

int64_t rounded(double x) { return static_cast<int64_t>(std::floor(x + 0.5)); }

// The pixels of x [P, C] at `places`, int64 [N] on the CPU: [N, C]; `fill` [C] where a place is negative.
at::Tensor read_or_fill(const at::Tensor& x, const at::Tensor& places, const at::Tensor& fill) {
  const at::Tensor there = places.to(x.device());
  return at::where(there.lt(0).unsqueeze(1), fill, x.index_select(0, there.clamp_min(0)));
}

// image [B, H, W, C] turned about a centre by `radians`; `fill` has a value a channel.
at::Tensor rotate(const at::Tensor& image, double radians, double center_x, double center_y,
                  const std::vector<double>& fill) {
  const int64_t height = image.size(1), width = image.size(2);
  const double sine = std::sin(radians), cosine = std::cos(radians);
  at::Tensor places = at::empty({image.size(0), height, width}, at::kLong);
  auto* place = places.data_ptr<int64_t>();
  for (int64_t b = 0; b < image.size(0); ++b) {
    for (int64_t row = 0; row < height; ++row) {
      for (int64_t column = 0; column < width; ++column) {
        const double x = column - center_x, y = row - center_y;
        const int64_t from_x = rounded(x * cosine - y * sine + center_x);
        const int64_t from_y = rounded(x * sine + y * cosine + center_y);
        const bool inside = from_x >= 0 && from_x < width && from_y >= 0 && from_y < height;
        *place++ = inside ? (b * height + from_y) * width + from_x : -1;
      }
    }
  }
  const at::Tensor values = at::tensor(fill, at::kDouble).to(image.options());
  return read_or_fill(image.view({-1, image.size(3)}), places.view({-1}), values).view(image.sizes());
}

// What lies outside an image of `size` pixels: its mirror image, itself again, its outermost pixel, or the
// fill value ("constant").
enum class Outside { kReflect, kWrap, kNearest, kConstant };

Outside outside_of(const std::string& mode) {
  if (mode == "reflect") return Outside::kReflect;
  if (mode == "wrap") return Outside::kWrap;
  if (mode == "nearest") return Outside::kNearest;
  if (mode == "constant") return Outside::kConstant;
  throw std::invalid_argument("there is no fill mode " + mode);
}

// A reflected or repeated coordinate may lie up to half a pixel beyond the outermost one: the nearest pixel
// is that one.
double clamped(double x, double size) { return std::min(std::max(x, 0.0), size - 1); }

double reflected(double x, double size) {
  if (size <= 1) return 0;
  const double period = 2 * size;
  if (x < 0) {
    x += period * std::trunc(-x / period);
    return x < -size ? x + period : -x - 1;
  }
  x -= period * std::trunc(x / period);
  return x >= size ? period - x - 1 : x;
}

double wrapped(double x, double size) {
  if (size <= 1) return 0;
  const double reach = size - 1;
  return x < 0 ? x + size * (std::trunc(-x / reach) + 1) : x - size * std::trunc(x / reach);
}

// Where the coordinate of a pixel is read.
double mapped(double x, int64_t pixels, Outside outside) {
  const auto size = static_cast<double>(pixels);
  const bool beyond = x < 0 || x > size - 1;
  switch (outside) {
    case Outside::kReflect:
      return clamped(beyond ? reflected(x, size) : x, size);
    case Outside::kWrap:
      return clamped(beyond ? wrapped(x, size) : x, size);
    case Outside::kNearest:
      return clamped(x, size);
    case Outside::kConstant:
      break;
  }
  return x;
}

// The pixels that make those of the result: for each tap, where they are read, -1 for the fill value, and
// their weights.
class Taps {
 public:
  Taps(int64_t taps, int64_t count, const at::Tensor& image)
      : places_(at::empty({taps, count}, at::kLong)),
        weights_(at::empty({taps, count}, at::kFloat)),
        place_(places_.data_ptr<int64_t>()),
        weight_(weights_.data_ptr<float>()),
        count_(count),
        height_(image.size(1)),
        width_(image.size(2)) {}

  // Whole coordinates, of any size.
  void set(int64_t tap, int64_t i, int64_t image, double y, double x, double weight) {
    const bool inside =
        y >= 0 && y < static_cast<double>(height_) && x >= 0 && x < static_cast<double>(width_);
    const int64_t row = inside ? image * height_ + static_cast<int64_t>(y) : 0;
    place_[tap * count_ + i] = inside ? row * width_ + static_cast<int64_t>(x) : -1;
    weight_[tap * count_ + i] = static_cast<float>(weight);
  }

  // Four taps around a place.
  void set_around(int64_t i, int64_t image, double y, double x) {
    const double top = std::floor(y), left = std::floor(x);
    set(0, i, image, top, left, (top + 1 - y) * (left + 1 - x));
    set(1, i, image, top, left + 1, (top + 1 - y) * (x - left));
    set(2, i, image, top + 1, left, (y - top) * (left + 1 - x));
    set(3, i, image, top + 1, left + 1, (y - top) * (x - left));
  }

  // The fill value alone.
  void set_outside(int64_t i) {
    for (int64_t tap = 0; tap < places_.size(0); ++tap) set(tap, i, 0, -1, -1, tap == 0 ? 1 : 0);
  }

  // The pixels of the result [count, C], from those of the image [P, C].
  at::Tensor read(const at::Tensor& pixels, const at::Tensor& fill) const {
    if (places_.size(0) == 1) return read_or_fill(pixels, places_[0], fill);
    const at::Tensor weights = weights_.to(pixels.device()).unsqueeze(2);
    const at::Tensor values = pixels.to(at::kFloat), outside = fill.to(at::kFloat);
    at::Tensor sum = read_or_fill(values, places_[0], outside).mul_(weights[0]);
    for (int64_t tap = 1; tap < places_.size(0); ++tap) {
      sum.addcmul_(read_or_fill(values, places_[tap], outside), weights[tap]);
    }
    return sum.to(pixels.scalar_type());
  }

 private:
  at::Tensor places_, weights_;
  int64_t* place_;
  float* weight_;
  int64_t count_, height_, width_;
};

// image [B, H, W, C] -> [B, height, width, C]: the pixel (x, y) is that of the image at
// ((t0 x + t1 y + t2) / k, (t3 x + t4 y + t5) / k), k = t6 x + t7 y + 1, for the row t of `transforms`
// [B or 1, 8]. Where k is 0 it has the fill value.
at::Tensor transform(const at::Tensor& image, const at::Tensor& transforms, int64_t height, int64_t width,
                     bool bilinear, const std::string& fill_mode, double fill) {
  const Outside outside = outside_of(fill_mode);
  const int64_t batch = image.size(0), channels = image.size(3);
  const at::Tensor rows = transforms.to(at::kCPU, at::kDouble).contiguous();
  Taps taps(bilinear ? 4 : 1, batch * height * width, image);
  for (int64_t b = 0, i = 0; b < batch; ++b) {
    const double* t = rows.data_ptr<double>() + (rows.size(0) == 1 ? 0 : 8 * b);
    for (int64_t row = 0; row < height; ++row) {
      for (int64_t column = 0; column < width; ++column, ++i) {
        const auto x = static_cast<double>(column), y = static_cast<double>(row);
        const double projection = t[6] * x + t[7] * y + 1;
        if (projection == 0) {
          taps.set_outside(i);
          continue;
        }
        const double from_x = mapped((t[0] * x + t[1] * y + t[2]) / projection, image.size(2), outside);
        const double from_y = mapped((t[3] * x + t[4] * y + t[5]) / projection, image.size(1), outside);
        if (bilinear) {
          taps.set_around(i, b, from_y, from_x);
        } else {
          taps.set(0, i, b, std::floor(from_y + 0.5), std::floor(from_x + 0.5), 1);
        }
      }
    }
  }
  const at::Tensor value = at::tensor({fill}, at::kDouble).to(image.options());
  return taps.read(image.view({-1, channels}), value).view({batch, height, width, channels});
}

}  // namespace

void export_warp(Exports& exports) {
  exports.add("rotate", &rotate);
  exports.add("transform", &transform);
}

}  // namespace sf
