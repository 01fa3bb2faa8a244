// The CPU memory of tensors: a c10 allocator that keeps freed memory, knows how much there is of it, and
// holds it within a limit.
#pragma once

#include <c10/util/Exception.h>

#include <cstddef>

namespace sf {

// Bytes unless said otherwise, of one device.
struct MemoryStatistics {
  size_t in_use = 0;    // of tensors alive
  size_t reserved = 0;  // held from the system, in use or not
  size_t peak_in_use = 0;
  size_t peak_reserved = 0;
  size_t limit = 0;            // what may be reserved
  size_t allocations = 0;      // a count, since the start
  size_t system_requests = 0;  // a count: allocations that needed more memory from the system
};

// A tensor that does not fit into the memory that may be used. What is held stays valid.
class OutOfMemory : public c10::OutOfMemoryError {
 public:
  OutOfMemory(size_t asked, size_t in_use, size_t limit);

  const size_t asked;
  const size_t in_use;
  const size_t limit;
};

// Makes it the allocator of all CPU tensors from now on; called again it does nothing. Tensors made before
// keep the memory that they have. The limit is the machine's memory at first.
void install_allocator();

MemoryStatistics cpu_memory_statistics();
// Memory that is held beyond a lower limit goes back as soon as it is free.
void set_cpu_memory_limit(size_t bytes);
// The peaks become what is in use and reserved now.
void reset_cpu_memory_peak();
// Gives all memory that no tensor uses back to the system.
void release_cpu_memory();

}  // namespace sf
