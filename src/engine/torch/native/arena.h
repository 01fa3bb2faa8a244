// Memory for large blocks: address space that is reserved once and filled with memory on demand. Blocks lie
// side by side; a new one takes the smallest free range that holds it, and a freed one merges with its free
// neighbours, so that memory is used again without asking the system (a fresh page costs a page fault, and
// the system's allocator gives blocks of this size back at every free).
//
// Memory comes from the system, and goes back to it, in chunks of the size of a huge page: those of blocks
// in use, and of free ranges until `release`. Any chunk that no block touches can go back, so that fragments
// never keep more than the chunks at the ends of blocks.
//
// Not thread-safe: its owner locks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace sf {

// Bytes of memory that the machine has.
size_t machine_memory();

class Arena {
 public:
  // Blocks are multiples of GRAIN bytes, and start at one.
  static constexpr size_t GRAIN = 4096;
  static constexpr size_t CHUNK = size_t{1} << 21;

  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  // Gives everything back: no block may be in use.
  ~Arena();

  // A block of at least `bytes` with which `reserved` stays within `limit`, if need be by giving free memory
  // back; nullptr where that cannot be had. The content is undefined.
  void* allocate(size_t bytes, size_t limit);

  // Takes a block back. Returns its size; 0 where the address is no block of this arena.
  size_t free(void* address) noexcept;

  // Gives memory of free ranges back to the system, the largest range first, until at least `bytes` are.
  void release(size_t bytes) noexcept;

  // Size of the block at an address; 0 where there is none.
  size_t size_of(const void* address) const;

  // Bytes of the chunks that hold memory.
  size_t reserved() const { return reserved_; }
  // Allocations that could not do with the memory that was there.
  size_t system_requests() const { return system_requests_; }

 private:
  struct Region {
    uintptr_t begin;
    size_t bytes;
    // Bytes from `begin` that may be touched; grows.
    size_t accessible;
    // One for each accessible chunk: whether it holds memory.
    std::vector<bool> filled;
  };
  // Size and address: ordered by fit, the lowest address first.
  using FreeRange = std::pair<size_t, uintptr_t>;
  using FreeRanges = std::set<FreeRange>;
  struct Block {
    size_t bytes;
    size_t region;
    // Its entry of `free_`, kept here while in use: to free a block needs no memory.
    FreeRanges::node_type entry;
    bool in_use() const { return !entry.empty(); }
  };
  using Blocks = std::map<uintptr_t, Block>;

  bool reserve_region(size_t bytes);
  Blocks::iterator take(FreeRanges::iterator range, size_t bytes);
  void put_back(Blocks::iterator block) noexcept;
  bool make_accessible(Region& region, uintptr_t end);
  size_t unfilled_chunks(const Blocks::value_type& block) const;
  void fill(const Blocks::value_type& block);
  size_t release_range(const FreeRange& range) noexcept;

  std::vector<Region> regions_;
  Blocks blocks_;  // by address, in use and free: they cover the regions without gaps
  FreeRanges free_;
  size_t reserved_ = 0;
  size_t system_requests_ = 0;
};

}  // namespace sf
