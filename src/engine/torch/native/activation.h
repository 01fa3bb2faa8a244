// The activations of tfjs's fused kernels.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Optional.h>

#include <string>

namespace sf {

struct Activation {
  std::string name;                      // tfjs's: linear, relu, relu6, elu, sigmoid, leakyrelu, prelu
  c10::optional<at::Tensor> prelu = {};  // slopes below zero, broadcast to the result
  double leaky = 0;                      // slope below zero of leakyrelu
};

// Throws std::invalid_argument for a name that is none of them.
at::Tensor activated(const at::Tensor& y, const Activation& activation);

}  // namespace sf
