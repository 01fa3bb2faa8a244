// Group and batch normalisation on the CPU, and their launch on CUDA; the formulas are in group_norm.h. Each
// direction reads its input twice: once for the sums, once for the result. Loops run along the channels,
// which lie side by side.
#include "group_norm.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mul.h>

#include <vector>

#include "families.h"
#include "group_norm_loops.h"
#include "parts.h"

namespace sf {
namespace {

// Pixels of an image that a thread takes at a time.
int64_t pixels_of_part(int64_t channels) { return divide_up(kElementsOfPart, channels); }

// Calls use(image, part, first pixel, last pixel) for every part of every image.
template <typename Use>
void for_pixels(const GroupNormShape& shape, const Use& use) {
  const int64_t part = pixels_of_part(shape.channels);
  const int64_t parts = divide_up(shape.pixels, part);
  for_each_unit(shape.batch * parts, [&](int64_t unit, int64_t) {
    const int64_t i = unit % parts;
    use(unit / parts, unit, i * part, std::min(shape.pixels, (i + 1) * part));
  });
}

// Per channel two sums, in double: [parts of all images, 2, C].
class ChannelSums {
 public:
  explicit ChannelSums(const GroupNormShape& shape)
      : channels_(shape.channels),
        parts_(divide_up(shape.pixels, pixels_of_part(shape.channels))),
        sums_(shape.batch * parts_ * 2 * channels_) {}

  double* of_part(int64_t unit) { return sums_.data() + unit * 2 * channels_; }

  // Adds the parts of an image, in order; [2, C].
  const double* of_image(int64_t image) {
    double* total = of_part(image * parts_);
    for (int64_t part = 1; part < parts_; ++part) {
      const double* more = of_part(image * parts_ + part);
      for (int64_t i = 0; i < 2 * channels_; ++i) total[i] += more[i];
    }
    return total;
  }

 private:
  int64_t channels_;
  int64_t parts_;
  std::vector<double> sums_;
};

// The affine maps of all images by channel.
class Affines {
 public:
  Affines(const GroupNormShape& shape, const float* gamma, const float* beta, const float* mean,
          const float* inverse)
      : channels_(shape.channels), rows_(shape.batch * 3 * shape.channels) {
    for (int64_t image = 0; image < shape.batch; ++image) {
      float* rows = rows_.data() + image * 3 * channels_;
      for (int64_t c = 0; c < channels_; ++c) {
        const int64_t group = image * shape.groups + c / shape.channels_of_group();
        const Affine affine = affine_of(gamma[c], beta[c], mean[group], inverse[group]);
        rows[c] = affine.mean;
        rows[channels_ + c] = affine.scale;
        rows[2 * channels_ + c] = affine.beta;
      }
    }
  }

  AffineRows of_image(int64_t image) const {
    const float* rows = rows_.data() + image * 3 * channels_;
    return {rows, rows + channels_, rows + 2 * channels_};
  }

 private:
  int64_t channels_;
  std::vector<float> rows_;  // [B, 3, C]
};

GroupNormShape shape_of(const at::Tensor& x, int64_t groups) {
  return {x.size(0), x.size(1) * x.size(2), x.size(3), groups};
}

// Where the pixels of an image begin.
int64_t offset_of(const GroupNormShape& shape, int64_t image, int64_t pixel) {
  return (image * shape.pixels + pixel) * shape.channels;
}

template <bool bent>
void normalise(const GroupNormShape& shape, const float* x, const Affines& affines, float slope, float* y) {
  const int64_t channels = shape.channels;
  for_pixels(shape, [&](int64_t image, int64_t, int64_t first, int64_t last) {
    const int64_t at = offset_of(shape, image, first);
    widest<normalise_loop<bent>>(x + at, affines.of_image(image), slope, y + at, last - first, channels);
  });
}

void statistics(const GroupNormShape& shape, const float* x, double epsilon, float* mean, float* inverse) {
  const int64_t channels = shape.channels;
  const auto pixels = static_cast<double>(shape.pixels);
  ChannelSums sums(shape);
  for_pixels(shape, [&](int64_t image, int64_t unit, int64_t first, int64_t last) {
    std::vector<float> block(2 * channels);
    widest<moments_loop>(x + offset_of(shape, image, first), x + offset_of(shape, image, 0), last - first,
                         channels, block.data(), sums.of_part(unit));
  });
  for (int64_t image = 0; image < shape.batch; ++image) {
    const double* of_image = sums.of_image(image);
    const float* x0 = x + offset_of(shape, image, 0);
    for (int64_t group = 0; group < shape.groups; ++group) {
      const int64_t c0 = group * shape.channels_of_group();
      const GroupMoments moments = moments_of_group(
          shape.channels_of_group(), pixels, [&](int64_t c) { return double{x0[c0 + c]}; },
          [&](int64_t c) { return of_image[c0 + c]; },
          [&](int64_t c) { return of_image[channels + c0 + c]; });
      mean[image * shape.groups + group] = static_cast<float>(moments.mean);
      inverse[image * shape.groups + group] = inverse_of(moments.variance, epsilon);
    }
  }
}

// y, mean and inverse; the latter [B, groups].
std::vector<at::Tensor> forward(const GroupNormShape& shape, const at::Tensor& x, const at::Tensor& gamma,
                                const at::Tensor& beta, double epsilon, float slope) {
  at::Tensor y = at::empty_like(x);
  at::Tensor mean = at::empty({shape.batch, shape.groups}, x.options());
  at::Tensor inverse = at::empty_like(mean);
  if (x.numel() == 0) return {y, mean.zero_(), inverse.zero_()};
#ifdef SF_CUDA
  if (x.is_cuda()) {
    const at::Tensor scratch = at::empty({group_norm_scratch(shape)}, x.options().dtype(at::kDouble));
    const GroupNormTensors tensors{x.data_ptr<float>(), gamma.data_ptr<float>(), beta.data_ptr<float>(),
                                   mean.data_ptr<float>(), inverse.data_ptr<float>()};
    launch_group_norm(shape, tensors, epsilon, slope, y.data_ptr<float>(), scratch.data_ptr<double>(),
                      current_stream());
    return {y, mean, inverse};
  }
#endif
  const float* values = x.data_ptr<float>();
  statistics(shape, values, epsilon, mean.data_ptr<float>(), inverse.data_ptr<float>());
  const Affines affines(shape, gamma.data_ptr<float>(), beta.data_ptr<float>(), mean.data_ptr<float>(),
                        inverse.data_ptr<float>());
  const auto compute = slope == 1.0F ? normalise<false> : normalise<true>;
  compute(shape, values, affines, slope, y.data_ptr<float>());
  return {y, mean, inverse};
}

// dgamma and dbeta are sums over the images in double.
template <bool bent>
void gradient(const GroupNormShape& shape, const float* dy, const float* x, const float* gamma,
              const Affines& affines, const float* inverse, float slope, float* dx, float* dgamma,
              float* dbeta) {
  const int64_t channels = shape.channels;
  ChannelSums sums(shape);
  for_pixels(shape, [&](int64_t image, int64_t unit, int64_t first, int64_t last) {
    const int64_t at = offset_of(shape, image, first);
    std::vector<float> block(2 * channels);
    widest<gradient_sums_loop<bent>>(dy + at, x + at, affines.of_image(image), slope, last - first, channels,
                                     block.data(), sums.of_part(unit));
  });
  std::vector<double> total(2 * channels);
  std::vector<float> pulls(shape.batch * 2 * channels);  // [B, 2, C]: pull, offset
  for (int64_t image = 0; image < shape.batch; ++image) {
    const double* of_image = sums.of_image(image);
    for (int64_t group = 0; group < shape.groups; ++group) {
      const int64_t c0 = group * shape.channels_of_group(), c1 = c0 + shape.channels_of_group();
      const double group_inverse = inverse[image * shape.groups + group];
      double sum = 0, product = 0;
      for (int64_t c = c0; c < c1; ++c) {
        const double of_xhat = of_image[channels + c] * group_inverse;
        sum += gamma[c] * of_image[c];
        product += gamma[c] * of_xhat;
        total[c] += of_image[c];
        total[channels + c] += of_xhat;
      }
      const Pull pull = pull_of_group(sum, product, shape.values_of_group(), group_inverse);
      float* rows = pulls.data() + image * 2 * channels;
      std::fill(rows + c0, rows + c1, pull.pull);
      std::fill(rows + channels + c0, rows + channels + c1, pull.offset);
    }
  }
  for (int64_t c = 0; c < channels; ++c) {
    dbeta[c] = static_cast<float>(total[c]);
    dgamma[c] = static_cast<float>(total[channels + c]);
  }
  for_pixels(shape, [&](int64_t image, int64_t, int64_t first, int64_t last) {
    const float* pull = pulls.data() + image * 2 * channels;
    const int64_t at = offset_of(shape, image, first);
    widest<input_gradient_loop<bent>>(dy + at, x + at, affines.of_image(image), slope, pull, pull + channels,
                                      dx + at, last - first, channels);
  });
}

// dx, dgamma and dbeta.
std::vector<at::Tensor> backward(const GroupNormShape& shape, const at::Tensor& dy, const at::Tensor& x,
                                 const at::Tensor& gamma, const at::Tensor& beta, const at::Tensor& mean,
                                 const at::Tensor& inverse, float slope) {
  at::Tensor dx = at::empty_like(x);
  at::Tensor dgamma = at::empty_like(gamma);
  at::Tensor dbeta = at::empty_like(gamma);
  if (x.numel() == 0) return {dx, dgamma.zero_(), dbeta.zero_()};
#ifdef SF_CUDA
  if (x.is_cuda()) {
    const at::Tensor scratch = at::empty({group_norm_scratch(shape)}, x.options().dtype(at::kDouble));
    const GroupNormTensors tensors{x.data_ptr<float>(), gamma.data_ptr<float>(), beta.data_ptr<float>(),
                                   mean.data_ptr<float>(), inverse.data_ptr<float>()};
    launch_group_norm_gradient(shape, tensors, dy.data_ptr<float>(), slope, dx.data_ptr<float>(),
                               dgamma.data_ptr<float>(), dbeta.data_ptr<float>(), scratch.data_ptr<double>(),
                               current_stream());
    return {dx, dgamma, dbeta};
  }
#endif
  const Affines affines(shape, gamma.data_ptr<float>(), beta.data_ptr<float>(), mean.data_ptr<float>(),
                        inverse.data_ptr<float>());
  const auto compute = slope == 1.0F ? gradient<false> : gradient<true>;
  compute(shape, dy.data_ptr<float>(), x.data_ptr<float>(), gamma.data_ptr<float>(), affines,
          inverse.data_ptr<float>(), slope, dx.data_ptr<float>(), dgamma.data_ptr<float>(),
          dbeta.data_ptr<float>());
  return {dx, dgamma, dbeta};
}

std::vector<at::Tensor> group_norm(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta,
                                   int64_t groups, double epsilon, double slope) {
  return forward(shape_of(x, groups), x, gamma, beta, epsilon, static_cast<float>(slope));
}

std::vector<at::Tensor> group_norm_gradient(const at::Tensor& dy, const at::Tensor& x,
                                            const at::Tensor& gamma, const at::Tensor& beta,
                                            const at::Tensor& mean, const at::Tensor& inverse, int64_t groups,
                                            double slope) {
  return backward(shape_of(x, groups), dy, x, gamma, beta, mean, inverse, static_cast<float>(slope));
}

// The pixels of all images as those of one, and a group for every channel.
GroupNormShape shape_of_batch(const at::Tensor& x) {
  return {1, x.size(0) * x.size(1) * x.size(2), x.size(3), x.size(3)};
}

std::vector<at::Tensor> batch_norm(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta,
                                   double epsilon, double slope) {
  return forward(shape_of_batch(x), x, gamma, beta, epsilon, static_cast<float>(slope));
}

std::vector<at::Tensor> batch_norm_gradient(const at::Tensor& dy, const at::Tensor& x,
                                            const at::Tensor& gamma, const at::Tensor& beta,
                                            const at::Tensor& mean, const at::Tensor& inverse, double slope) {
  return backward(shape_of_batch(x), dy, x, gamma, beta, mean, inverse, static_cast<float>(slope));
}

// The averages moved towards the mean and the unbiased variance of a batch of `count` values a channel.
std::vector<at::Tensor> running_averages(const at::Tensor& running_mean, const at::Tensor& running_variance,
                                         const at::Tensor& mean, const at::Tensor& inverse, double momentum,
                                         double epsilon, double count) {
  const double unbiased = count > 1 ? count / (count - 1) : 1;
  const at::Tensor flat = inverse.view_as(running_variance);
  const at::Tensor variance =
      at::mul(flat, flat).reciprocal_().sub_(epsilon).clamp_min_(0).mul_(unbiased * (1 - momentum));
  return {at::mul(running_mean, momentum).add_(mean.view_as(running_mean), 1 - momentum),
          at::mul(running_variance, momentum).add_(variance)};
}

}  // namespace

// x, dy [B, H, W, C]; gamma, beta [C]; slope of leaky ReLU below zero. groupNorm gives y [B, H, W, C], mean
// and inverse [B, groups], batchNorm [1, C]; the gradients dx, dgamma, dbeta.
void export_group_norm(Exports& exports) {
  exports.add("sfGroupNorm", &group_norm);
  exports.add("sfGroupNormGrad", &group_norm_gradient);
  exports.add("sfBatchNorm", &batch_norm);
  exports.add("sfBatchNormGrad", &batch_norm_gradient);
  exports.add("sfRunningAverages", &running_averages);
}

}  // namespace sf
