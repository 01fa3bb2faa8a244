// Crops of images resized to one size, as tfjs defines them: the ends of a box are the centres of the crop's
// outermost pixels. Places are computed in double precision, as there.
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/lerp.h>

#include "families.h"

namespace sf {
namespace {

// For one axis: the places [R, crop] between the ends of each box, and whether they are on the image.
struct CropPlaces {
  at::Tensor at;
  at::Tensor inside;

  // `first`, `last` [R]: the ends in parts of the image, which are its outermost pixels at 0 and 1.
  CropPlaces(const at::Tensor& first, const at::Tensor& last, int64_t image, int64_t crop) {
    const double reach = static_cast<double>(image - 1);
    if (crop > 1) {
      const at::Tensor step = last.sub(first).mul(reach).div(static_cast<double>(crop - 1));
      at = first.mul(reach).unsqueeze(1).add(at::arange(crop, first.options()).mul(step.unsqueeze(1)));
    } else {
      at = first.add(last).mul(0.5).mul(reach).unsqueeze(1);
    }
    inside = at.ge(0).logical_and_(at.le(reach));
    at = at.masked_fill(inside.logical_not(), 0);
  }

  at::Tensor floor() const { return at.floor().to(at::kLong); }
  at::Tensor ceil() const { return at.ceil().to(at::kLong); }
  at::Tensor round() const { return at.add(0.5).floor().to(at::kLong); }
  at::Tensor fraction() const { return at.sub(at.floor()).to(at::kFloat); }
};

// image [B, H, W, C], boxes [R, 4] (y1, x1, y2, x2 in parts of the image), image_of int32 [R] -> float32
// [R, height, width, C]. Places outside the image get `extrapolation`, boxes of no image of the batch 0.
at::Tensor crop_and_resize(const at::Tensor& image, const at::Tensor& boxes, const at::Tensor& image_of,
                           int64_t height, int64_t width, bool bilinear, double extrapolation) {
  const auto ends = boxes.to(at::kDouble).unbind(1);
  const CropPlaces y(ends[0], ends[2], image.size(1), height), x(ends[1], ends[3], image.size(2), width);
  const at::Tensor exists = image_of.ge(0).logical_and_(image_of.lt(image.size(0)));
  const at::Tensor source = image_of.to(at::kLong).mul(exists).view({-1, 1, 1});
  const at::Tensor pixels = image.to(at::kFloat);
  const auto read = [&](const at::Tensor& rows, const at::Tensor& columns) {
    return pixels.index({source, rows.unsqueeze(2), columns.unsqueeze(1)});
  };
  at::Tensor crops;
  if (bilinear) {
    const at::Tensor fraction = x.fraction().view({-1, 1, width, 1});
    const at::Tensor top = at::lerp(read(y.floor(), x.floor()), read(y.floor(), x.ceil()), fraction);
    const at::Tensor bottom = at::lerp(read(y.ceil(), x.floor()), read(y.ceil(), x.ceil()), fraction);
    crops = at::lerp(top, bottom, y.fraction().view({-1, height, 1, 1}));
  } else {
    crops = read(y.round(), x.round());
  }
  const at::Tensor inside = y.inside.unsqueeze(2).logical_and(x.inside.unsqueeze(1)).unsqueeze(3);
  return crops.masked_fill_(inside.logical_not(), extrapolation)
      .masked_fill_(exists.logical_not().view({-1, 1, 1, 1}), 0);
}

}  // namespace

void export_crop(Exports& exports) { exports.add("cropAndResize", &crop_and_resize); }

}  // namespace sf
