#include "allocator.h"

#include <c10/core/CPUAllocator.h>
#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>
#include <string>

#include "arena.h"

namespace sf {
namespace {

// Smaller blocks come from malloc, which keeps and reuses blocks of this size by itself.
constexpr size_t LARGE = size_t{1} << 16;
// A cache line, and the widest vector register.
constexpr size_t ALIGNMENT = 64;
// c10 takes the allocator of the highest priority; its own has 0.
constexpr uint8_t PRIORITY = 100;

std::string mebibytes(size_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / (1 << 20));
  return text;
}

std::string message_of(size_t asked, size_t in_use, size_t limit) {
  return "out of memory: " + mebibytes(asked) + " asked for with " + mebibytes(in_use) + " in use, of " +
         mebibytes(limit) + " that may be used; take a smaller batch or smaller images";
}

class Memory {
 public:
  // Aligned; nullptr for no bytes. Throws OutOfMemory.
  void* allocate(size_t bytes) {
    if (bytes == 0) return nullptr;
    const std::lock_guard<std::mutex> lock(mutex_);
    void* const address = bytes < LARGE ? allocate_small(bytes) : allocate_large(bytes);
    if (address == nullptr) throw OutOfMemory(bytes, statistics_.in_use, statistics_.limit);
    statistics_.allocations++;
    statistics_.peak_in_use = std::max(statistics_.peak_in_use, statistics_.in_use);
    statistics_.peak_reserved = std::max(statistics_.peak_reserved, reserved());
    return address;
  }

  void free(void* address) noexcept {
    if (address == nullptr) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    // Only blocks of the arena start at its grain, but for the few of malloc that do so by chance.
    const bool maybe_large = reinterpret_cast<uintptr_t>(address) % Arena::GRAIN == 0;
    const size_t large_bytes = maybe_large ? arena_.free(address) : 0;
    if (large_bytes > 0) {
      statistics_.in_use -= large_bytes;
      if (reserved() > statistics_.limit) arena_.release(reserved() - statistics_.limit);
      return;
    }
    const size_t bytes = malloc_usable_size(address);
    statistics_.in_use -= bytes;
    small_bytes_ -= bytes;
    std::free(address);
  }

  MemoryStatistics statistics() {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto statistics = statistics_;
    statistics.reserved = reserved();
    statistics.system_requests = arena_.system_requests();
    return statistics;
  }

  void set_limit(size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    statistics_.limit = bytes;
    if (reserved() > bytes) arena_.release(reserved() - bytes);
  }

  void reset_peak() {
    const std::lock_guard<std::mutex> lock(mutex_);
    statistics_.peak_in_use = statistics_.in_use;
    statistics_.peak_reserved = reserved();
  }

  void release() {
    const std::lock_guard<std::mutex> lock(mutex_);
    arena_.release(std::numeric_limits<size_t>::max());
    malloc_trim(0);
  }

 private:
  size_t reserved() const { return arena_.reserved() + small_bytes_; }

  void* allocate_small(size_t bytes) {
    const size_t after = reserved() + bytes;
    if (after > statistics_.limit) arena_.release(after - statistics_.limit);
    if (reserved() + bytes > statistics_.limit) return nullptr;
    void* address = nullptr;
    if (posix_memalign(&address, ALIGNMENT, bytes) != 0) return nullptr;
    const size_t usable = malloc_usable_size(address);
    small_bytes_ += usable;
    statistics_.in_use += usable;
    return address;
  }

  void* allocate_large(size_t bytes) {
    if (small_bytes_ > statistics_.limit) return nullptr;
    void* const address = arena_.allocate(bytes, statistics_.limit - small_bytes_);
    statistics_.in_use += arena_.size_of(address);
    return address;
  }

  std::mutex mutex_;
  Arena arena_;
  size_t small_bytes_ = 0;
  // All but `reserved` and `system_requests`, which are asked for where they are known.
  MemoryStatistics statistics_{.limit = machine_memory()};
};

// Never destroyed: tensors may outlive every static object.
Memory& memory() {
  static auto* instance = new Memory();
  return *instance;
}

void free_block(void* address) { memory().free(address); }

// libtorch declares `allocate` const in its early versions and not const later, and asks for `copy_data` only
// later; what a version does not declare is a plain function here. Hence no `override`.
struct CpuAllocator : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) { return block(bytes); }
  c10::DataPtr allocate(size_t bytes) const { return block(bytes); }
  // The context of a block is its address: oneDNN asks for raw memory and gives it back by address.
  c10::DeleterFnPtr raw_deleter() const { return &free_block; }
  void copy_data(void* to, const void* from, size_t bytes) const { std::memcpy(to, from, bytes); }

 private:
  static c10::DataPtr block(size_t bytes) {
    void* const address = memory().allocate(bytes);
    return {address, address, &free_block, c10::Device(c10::DeviceType::CPU)};
  }
};

}  // namespace

OutOfMemory::OutOfMemory(size_t asked_bytes, size_t bytes_in_use, size_t limit_bytes)
    : c10::OutOfMemoryError({__func__, __FILE__, __LINE__},
                            message_of(asked_bytes, bytes_in_use, limit_bytes)),
      asked(asked_bytes),
      in_use(bytes_in_use),
      limit(limit_bytes) {}

void install_allocator() {
  // A static: once a process, however many threads of Node load the addon.
  static const bool installed = [] {
    c10::SetCPUAllocator(new CpuAllocator(), PRIORITY);
    return true;
  }();
  static_cast<void>(installed);
}

MemoryStatistics cpu_memory_statistics() { return memory().statistics(); }
void set_cpu_memory_limit(size_t bytes) { memory().set_limit(bytes); }
void reset_cpu_memory_peak() { memory().reset_peak(); }
void release_cpu_memory() { memory().release(); }

}  // namespace sf
