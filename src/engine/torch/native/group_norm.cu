// Group normalisation on CUDA; the formulas are in group_norm.h. A thread sums one channel over one part of
// an image's pixels, so that the threads of a warp read side by side; parts are joined in a fixed order.
#include "cuda_maps.h"
#include "group_norm.h"
#include "relu.h"

namespace sf {
namespace {

constexpr int64_t kPixelsOfPart = 64;

__host__ __device__ int64_t parts_of_image(const GroupNormShape& shape) {
  return (shape.pixels + kPixelsOfPart - 1) / kPixelsOfPart;
}

// The pieces of the scratch memory.
struct Scratch {
  double* partials;  // [B, parts, 2, C]
  double* totals;    // [B, 2, C]
  Pull* pulls;       // [B, groups]

  Scratch(const GroupNormShape& shape, double* memory)
      : partials(memory),
        totals(partials + shape.batch * parts_of_image(shape) * 2 * shape.channels),
        pulls(reinterpret_cast<Pull*>(totals + shape.batch * 2 * shape.channels)) {}
};

// Calls use(image, c, first value of that channel in the part, pixels of the part, where its two sums go).
template <typename Use>
__device__ void for_channel_parts(const GroupNormShape& shape, double* partials, const Use& use) {
  const int64_t parts = parts_of_image(shape);
  for (int64_t i = first_element(); i < shape.batch * parts * shape.channels; i += element_step()) {
    const int64_t c = i % shape.channels;
    const int64_t unit = i / shape.channels;
    const int64_t image = unit / parts;
    const int64_t first = (unit % parts) * kPixelsOfPart;
    const int64_t rest = shape.pixels - first;
    use(image, c, (image * shape.pixels + first) * shape.channels + c,
        rest < kPixelsOfPart ? rest : kPixelsOfPart, partials + unit * 2 * shape.channels + c);
  }
}

__global__ void moments_of_parts(GroupNormShape shape, const float* x, double* partials) {
  for_channel_parts(shape, partials, [&](int64_t image, int64_t c, int64_t at, int64_t pixels, double* sums) {
    const float x0 = x[image * shape.pixels * shape.channels + c];
    float sum = 0, square = 0;
    for (int64_t pixel = 0; pixel < pixels; ++pixel, at += shape.channels) {
      const float d = x[at] - x0;
      sum += d;
      square += d * d;
    }
    sums[0] = sum;
    sums[shape.channels] = square;
  });
}

__global__ void gradient_sums_of_parts(GroupNormShape shape, GroupNormTensors tensors, const float* dy,
                                       float slope, double* partials) {
  for_channel_parts(shape, partials, [&](int64_t image, int64_t c, int64_t at, int64_t pixels, double* sums) {
    const int64_t group = image * shape.groups + c / shape.channels_of_group();
    const float mean = tensors.mean[group];
    const Affine affine = affine_of(tensors.gamma[c], tensors.beta[c], mean, tensors.inverse[group]);
    float sum = 0, product = 0;
    for (int64_t pixel = 0; pixel < pixels; ++pixel, at += shape.channels) {
      const float value = tensors.x[at];
      const float dz = leaky_relu_gradient(dy[at], affine(value), slope);
      sum += dz;
      product += dz * (value - mean);
    }
    sums[0] = sum;
    sums[shape.channels] = product;
  });
}

// A block for every total [B, 2, C].
__global__ void join_parts(GroupNormShape shape, const double* partials, double* totals) {
  const int64_t columns = 2 * shape.channels;
  const int64_t parts = parts_of_image(shape);
  const double* column = partials + (blockIdx.x / columns) * parts * columns + blockIdx.x % columns;
  double total = 0;
  for (int64_t part = threadIdx.x; part < parts; part += kThreadsOfBlock) total += column[part * columns];
  total = block_sum(total);
  if (threadIdx.x == 0) totals[blockIdx.x] = total;
}

__global__ void statistics_of_groups(GroupNormShape shape, const float* x, const double* totals,
                                     double epsilon, float* mean, float* inverse) {
  for (int64_t i = first_element(); i < shape.batch * shape.groups; i += element_step()) {
    const int64_t image = i / shape.groups;
    const int64_t c0 = (i % shape.groups) * shape.channels_of_group();
    const float* x0 = x + image * shape.pixels * shape.channels + c0;
    const double* sums = totals + image * 2 * shape.channels + c0;
    const GroupMoments moments = moments_of_group(
        shape.channels_of_group(), static_cast<double>(shape.pixels),
        [&](int64_t c) { return double{x0[c]}; }, [&](int64_t c) { return sums[c]; },
        [&](int64_t c) { return sums[shape.channels + c]; });
    mean[i] = static_cast<float>(moments.mean);
    inverse[i] = inverse_of(moments.variance, epsilon);
  }
}

__global__ void pulls_of_groups(GroupNormShape shape, GroupNormTensors tensors, const double* totals,
                                Pull* pulls) {
  for (int64_t i = first_element(); i < shape.batch * shape.groups; i += element_step()) {
    const int64_t c0 = (i % shape.groups) * shape.channels_of_group();
    const double* sums = totals + (i / shape.groups) * 2 * shape.channels;
    const double inverse = tensors.inverse[i];
    double sum = 0, product = 0;
    for (int64_t c = c0; c < c0 + shape.channels_of_group(); ++c) {
      sum += tensors.gamma[c] * sums[c];
      product += tensors.gamma[c] * sums[shape.channels + c] * inverse;
    }
    pulls[i] = pull_of_group(sum, product, shape.values_of_group(), inverse);
  }
}

__global__ void parameter_gradients(GroupNormShape shape, const float* inverse, const double* totals,
                                    float* dgamma, float* dbeta) {
  for (int64_t c = first_element(); c < shape.channels; c += element_step()) {
    double sum = 0, product = 0;
    for (int64_t image = 0; image < shape.batch; ++image) {
      const double* sums = totals + image * 2 * shape.channels + c;
      sum += sums[0];
      product += sums[shape.channels] * inverse[image * shape.groups + c / shape.channels_of_group()];
    }
    dgamma[c] = static_cast<float>(product);
    dbeta[c] = static_cast<float>(sum);
  }
}

// Calls use(element, image and group, c) for the elements of a thread in image blockIdx.y.
template <typename Use>
__device__ void for_elements(const GroupNormShape& shape, const Use& use) {
  const int64_t size = shape.pixels * shape.channels;
  const int64_t image = blockIdx.y;
  const int64_t step = element_step() % shape.channels;
  int64_t c = first_element() % shape.channels;
  for (int64_t i = first_element(); i < size; i += element_step()) {
    use(image * size + i, image * shape.groups + c / shape.channels_of_group(), c);
    c += step;
    if (c >= shape.channels) c -= shape.channels;
  }
}

__global__ void normalise(GroupNormShape shape, GroupNormTensors tensors, float slope, float* y) {
  for_elements(shape, [&](int64_t i, int64_t group, int64_t c) {
    const Affine affine =
        affine_of(tensors.gamma[c], tensors.beta[c], tensors.mean[group], tensors.inverse[group]);
    y[i] = leaky_relu(affine(tensors.x[i]), slope);
  });
}

__global__ void input_gradient(GroupNormShape shape, GroupNormTensors tensors, const float* dy, float slope,
                               const Pull* pulls, float* dx) {
  for_elements(shape, [&](int64_t i, int64_t group, int64_t c) {
    const Affine affine =
        affine_of(tensors.gamma[c], tensors.beta[c], tensors.mean[group], tensors.inverse[group]);
    const float x = tensors.x[i];
    const float dz = leaky_relu_gradient(dy[i], affine(x), slope);
    dx[i] = affine.scale * dz + (pulls[group].pull * (x - affine.mean) + pulls[group].offset);
  });
}

int64_t sums_of(const GroupNormShape& shape) { return shape.batch * parts_of_image(shape) * shape.channels; }

dim3 blocks_of_images(const GroupNormShape& shape) {
  return dim3(blocks_for(shape.pixels * shape.channels), static_cast<unsigned>(shape.batch));
}

void launch_join(const GroupNormShape& shape, const Scratch& at, cudaStream_t stream) {
  const auto totals = static_cast<unsigned>(shape.batch * 2 * shape.channels);
  join_parts<<<totals, kThreadsOfBlock, 0, stream>>>(shape, at.partials, at.totals);
}

}  // namespace

int64_t group_norm_scratch(const GroupNormShape& shape) {
  static_assert(sizeof(Pull) == sizeof(double), "a pull takes the place of a double");
  return 2 * sums_of(shape) + shape.batch * (2 * shape.channels + shape.groups);
}

void launch_group_norm(const GroupNormShape& shape, const GroupNormTensors& tensors, double epsilon,
                       float slope, float* y, double* scratch, cudaStream_t stream) {
  const Scratch at(shape, scratch);
  moments_of_parts<<<blocks_for(sums_of(shape)), kThreadsOfBlock, 0, stream>>>(shape, tensors.x, at.partials);
  launch_join(shape, at, stream);
  statistics_of_groups<<<blocks_for(shape.batch * shape.groups), kThreadsOfBlock, 0, stream>>>(
      shape, tensors.x, at.totals, epsilon, tensors.mean, tensors.inverse);
  normalise<<<blocks_of_images(shape), kThreadsOfBlock, 0, stream>>>(shape, tensors, slope, y);
  check_launch("group norm");
}

void launch_group_norm_gradient(const GroupNormShape& shape, const GroupNormTensors& tensors, const float* dy,
                                float slope, float* dx, float* dgamma, float* dbeta, double* scratch,
                                cudaStream_t stream) {
  const Scratch at(shape, scratch);
  gradient_sums_of_parts<<<blocks_for(sums_of(shape)), kThreadsOfBlock, 0, stream>>>(shape, tensors, dy,
                                                                                     slope, at.partials);
  launch_join(shape, at, stream);
  pulls_of_groups<<<blocks_for(shape.batch * shape.groups), kThreadsOfBlock, 0, stream>>>(
      shape, tensors, at.totals, at.pulls);
  parameter_gradients<<<blocks_for(shape.channels), kThreadsOfBlock, 0, stream>>>(shape, tensors.inverse,
                                                                                  at.totals, dgamma, dbeta);
  input_gradient<<<blocks_of_images(shape), kThreadsOfBlock, 0, stream>>>(shape, tensors, dy, slope, at.pulls,
                                                                          dx);
  check_launch("group norm gradient");
}

}  // namespace sf
