// The GPU memory of tensors: libtorch's caching allocator, with the figures and the limit of the CPU's
// (allocator.h).
#pragma once

#ifdef SF_CUDA
#include <c10/core/Device.h>

#include <cstddef>

#include "allocator.h"

namespace sf {

MemoryStatistics gpu_memory_statistics(c10::DeviceIndex gpu);
void set_gpu_memory_limit(c10::DeviceIndex gpu, size_t bytes);
void reset_gpu_memory_peak(c10::DeviceIndex gpu);
void release_gpu_memory();

// What was asked for when the GPU's memory last ran out; 0 where that is not known.
size_t last_refused_by_gpu();

}  // namespace sf
#endif
