// Elements copied between views: what slices, transpositions, concatenation and padding are made of.
#pragma once

#include <ATen/core/Tensor.h>

namespace sf {

// Copies a view to another of its sizes and dtype, which does not overlap it. On the CPU this goes at about
// the speed of memory whatever the order of the axes; ATen's own copy reads a permuted tensor element by
// element.
void move_elements(const at::Tensor& from, const at::Tensor& to);

// The elements of a view, contiguous in memory of their own.
at::Tensor copy_of(const at::Tensor& view);

}  // namespace sf
