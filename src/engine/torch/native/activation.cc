#include "activation.h"

#include <ATen/ops/clamp.h>
#include <ATen/ops/elu.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/where.h>

#include <stdexcept>

namespace sf {

at::Tensor activated(const at::Tensor& y, const Activation& activation) {
  const auto& [name, prelu, leaky] = activation;
  if (name == "linear") return y;
  if (name == "relu") return at::relu(y);
  if (name == "relu6") return at::clamp(y, 0, 6);
  if (name == "elu") return at::elu(y);
  if (name == "sigmoid") return at::sigmoid(y);
  if (name == "leakyrelu") return at::leaky_relu(y, leaky);
  if (name == "prelu" && prelu) return at::where(y.gt(0), y, y.mul(*prelu));
  throw std::invalid_argument("there is no activation " + name);
}

}  // namespace sf
