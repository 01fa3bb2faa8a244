#include "memory.h"

#include <stdexcept>

#include "allocator.h"
#include "device.h"
#include "families.h"
#include "gpu_memory.h"

namespace sf {
namespace {

MemoryStatistics statistics() {
#ifdef SF_CUDA
  if (device().is_cuda()) return gpu_memory_statistics(device().index());
#endif
  return cpu_memory_statistics();
}

// memoryStatistics() -> the fields of MemoryStatistics.
Napi::Value memory_statistics(const Napi::CallbackInfo& info) {
  const auto figures = statistics();
  auto object = Napi::Object::New(info.Env());
  const auto set = [&](const char* name, size_t value) { object.Set(name, static_cast<double>(value)); };
  set("inUse", figures.in_use);
  set("reserved", figures.reserved);
  set("peakInUse", figures.peak_in_use);
  set("peakReserved", figures.peak_reserved);
  set("limit", figures.limit);
  set("allocations", figures.allocations);
  set("systemRequests", figures.system_requests);
  return object;
}

void set_memory_limit(int64_t bytes) {
  if (bytes <= 0)
    throw std::invalid_argument("a memory limit of " + std::to_string(bytes) + " bytes leaves nothing");
#ifdef SF_CUDA
  if (device().is_cuda()) return set_gpu_memory_limit(device().index(), static_cast<size_t>(bytes));
#endif
  set_cpu_memory_limit(static_cast<size_t>(bytes));
}

void reset_memory_peak() {
#ifdef SF_CUDA
  if (device().is_cuda()) return reset_gpu_memory_peak(device().index());
#endif
  reset_cpu_memory_peak();
}

// Of the CPU too where a GPU computes: what is read from it passes through there.
void release_memory() {
#ifdef SF_CUDA
  if (device().is_cuda()) release_gpu_memory();
#endif
  release_cpu_memory();
}

}  // namespace

std::string out_of_memory_message(const c10::OutOfMemoryError& error) {
  if (const auto* ours = dynamic_cast<const OutOfMemory*>(&error)) return ours->msg();
#ifdef SF_CUDA
  const auto figures = statistics();
  return OutOfMemory(last_refused_by_gpu(), figures.in_use, figures.limit).msg();
#else
  return error.msg();
#endif
}

void export_memory(Exports& exports) {
  install_allocator();
  exports.add_raw("memoryStatistics", &memory_statistics);
  exports.add("setMemoryLimit", &set_memory_limit);
  exports.add("resetMemoryPeak", &reset_memory_peak);
  exports.add("releaseMemory", &release_memory);
}

}  // namespace sf
