#include "gpu_memory.h"

#ifdef SF_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDACachingAllocator.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>

namespace sf {
namespace {

namespace caching = c10::cuda::CUDACachingAllocator;

// The first of each kind of libtorch's statistics is the one over all its pools.
constexpr size_t ALL_POOLS = 0;
constexpr size_t MOST_GPUS = 64;

std::atomic<size_t> last_refused{0};
// 0: no limit was set.
std::array<std::atomic<size_t>, MOST_GPUS> limits{};

// The caching allocator exists once a first tensor was asked of it.
void start(c10::DeviceIndex gpu) {
  static std::once_flag started;
  std::call_once(started, [gpu] {
    at::empty({1}, at::TensorOptions().device(at::kCUDA, gpu).dtype(at::kFloat));
    // The types of the figures differ between versions of libtorch.
    caching::attachOutOfMemoryObserver([](auto /*gpu*/, auto asked, auto /*total*/, auto /*free*/) {
      last_refused = static_cast<size_t>(asked);
    });
  });
}

size_t total_memory(c10::DeviceIndex gpu) { return at::cuda::getDeviceProperties(gpu)->totalGlobalMem; }

}  // namespace

MemoryStatistics gpu_memory_statistics(c10::DeviceIndex gpu) {
  start(gpu);
  const auto stats = caching::getDeviceStats(gpu);
  const auto& in_use = stats.allocated_bytes[ALL_POOLS];
  const auto& reserved = stats.reserved_bytes[ALL_POOLS];
  MemoryStatistics statistics;
  statistics.in_use = in_use.current;
  statistics.reserved = reserved.current;
  statistics.peak_in_use = in_use.peak;
  statistics.peak_reserved = reserved.peak;
  const size_t limit = limits.at(gpu);
  statistics.limit = limit > 0 ? limit : total_memory(gpu);
  statistics.allocations = stats.allocation[ALL_POOLS].allocated;
  statistics.system_requests = stats.segment[ALL_POOLS].allocated;
  return statistics;
}

void set_gpu_memory_limit(c10::DeviceIndex gpu, size_t bytes) {
  start(gpu);
  const size_t total = total_memory(gpu);
  const size_t limit = std::min(bytes, total);
  limits.at(gpu) = limit;
  // Memory that is held and free could be more than a lower limit allows.
  caching::emptyCache();
  caching::setMemoryFraction(static_cast<double>(limit) / static_cast<double>(total), gpu);
}

void reset_gpu_memory_peak(c10::DeviceIndex gpu) {
  start(gpu);
  caching::resetPeakStats(gpu);
}

void release_gpu_memory() { caching::emptyCache(); }

size_t last_refused_by_gpu() { return last_refused; }

}  // namespace sf
#endif
