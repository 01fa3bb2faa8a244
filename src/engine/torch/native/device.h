// Where and how the engine computes: set once before the first tensor, read by every kernel.
#pragma once

#include <c10/core/Device.h>

namespace sf {

// What convolutions and matrix products multiply in; everything else, and what they return, is float32.
enum class Precision { FP32, TF32, BF16 };

at::Device device();
Precision precision();
bool deterministic();

}  // namespace sf
