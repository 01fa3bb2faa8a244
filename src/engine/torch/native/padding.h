// Explicit padding of images [B, spatial..., C] for libraries that know only as much of it after the last
// element as before the first.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "convolution.h"

namespace sf {

// What the windows of a convolution or of pooling ask for: `window.padding` elements before the first, and as
// many after the last as the last window reaches over it; or fewer than none, where it ends before.
class Padding {
 public:
  // sides: of the filter, or of what is pooled, one for each spatial dimension of x.
  Padding(at::IntArrayRef x, at::IntArrayRef sides, const Window& window);

  // Whether as many elements after the last as before the first give the same windows.
  bool is_symmetric(const Window& window) const;
  // Whether no window reaches over the image.
  bool is_empty() const;

  at::Tensor pad(const at::Tensor& x, double value) const;
  // The gradient by x of `pad`: without the padding, and 0 where an element was left out.
  at::Tensor unpad(const at::Tensor& gradient) const;
  // Shape of what `pad` returns.
  std::vector<int64_t> padded(at::IntArrayRef x) const;

 private:
  std::vector<int64_t> before_, after_;
};

}  // namespace sf
