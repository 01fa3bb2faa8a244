#include "arena.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "poison.h"

namespace sf {
namespace {

// The first region is this many times the machine's memory: address space costs nothing, and with plenty of
// it a range that fits is always found.
constexpr size_t REGION_PER_MEMORY = 4;
constexpr size_t SMALLEST_REGION = size_t{1} << 26;
// Pages are made accessible in steps of this size, each a system call.
constexpr size_t ACCESSIBLE_STEP = size_t{1} << 26;

constexpr size_t round_up(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// Whether the system's huge pages are as large as a chunk; with larger ones (512 MiB on some aarch64
// kernels) a small block would cost a whole one.
bool chunks_are_huge_pages() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
  size_t bytes = 0;
  return file >> bytes && bytes == Arena::CHUNK;
}

size_t first_chunk(uintptr_t begin, uintptr_t address) { return (address - begin) / Arena::CHUNK; }
size_t chunk_after(uintptr_t begin, uintptr_t address) {
  return (address - begin + Arena::CHUNK - 1) / Arena::CHUNK;
}

}  // namespace

size_t machine_memory() {
  return static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

Arena::~Arena() {
  for (const auto& region : regions_) {
    unpoison(reinterpret_cast<void*>(region.begin), region.accessible);
    munmap(reinterpret_cast<void*>(region.begin), region.bytes);
  }
}

void* Arena::allocate(size_t bytes, size_t limit) {
  if (bytes > limit) return nullptr;
  const size_t needed = round_up(std::max<size_t>(bytes, 1), GRAIN);
  auto range = free_.lower_bound({needed, 0});
  if (range == free_.end()) {
    if (!reserve_region(needed)) return nullptr;
    range = free_.lower_bound({needed, 0});
  }
  const auto block = take(range, needed);
  auto& region = regions_[block->second.region];
  const size_t fresh = unfilled_chunks(*block) * CHUNK;
  if (reserved_ + fresh > limit) release(reserved_ + fresh - limit);
  if (reserved_ + fresh > limit || !make_accessible(region, block->first + needed)) {
    put_back(block);
    return nullptr;
  }
  if (fresh > 0) {
    fill(*block);
    system_requests_++;
  }
  auto* const address = reinterpret_cast<void*>(block->first);
  unpoison(address, bytes);
  return address;
}

size_t Arena::free(void* address) noexcept {
  const auto block = blocks_.find(reinterpret_cast<uintptr_t>(address));
  if (block == blocks_.end() || !block->second.in_use()) return 0;
  const size_t bytes = block->second.bytes;
  poison(address, bytes);
  put_back(block);
  return bytes;
}

size_t Arena::size_of(const void* address) const {
  const auto block = blocks_.find(reinterpret_cast<uintptr_t>(address));
  return block == blocks_.end() || !block->second.in_use() ? 0 : block->second.bytes;
}

void Arena::release(size_t bytes) noexcept {
  size_t released = 0;
  for (auto range = free_.rbegin(); range != free_.rend() && released < bytes; ++range) {
    released += release_range(*range);
  }
}

// Reserves address space for at least `bytes`: as much as is useful, less where the process may not have it.
bool Arena::reserve_region(size_t bytes) {
  const size_t least = round_up(bytes, CHUNK);
  size_t size = std::max(least, round_up(REGION_PER_MEMORY * machine_memory(), CHUNK));
  void* mapped = MAP_FAILED;
  for (;;) {
    // One chunk more than is used, to start at a multiple of its size.
    mapped =
        mmap(nullptr, size + CHUNK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, /*fd=*/-1, 0);
    if (mapped != MAP_FAILED) break;
    if (size == least) return false;
    size = size / 2 < SMALLEST_REGION ? least : std::max(least, round_up(size / 2, CHUNK));
  }
  const uintptr_t begin = round_up(reinterpret_cast<uintptr_t>(mapped), CHUNK);
#ifdef MADV_HUGEPAGE
  // Best effort: without huge pages everything works, with more page faults.
  static const bool use_huge_pages = chunks_are_huge_pages();
  if (use_huge_pages) madvise(reinterpret_cast<void*>(begin), size, MADV_HUGEPAGE);
#endif
  regions_.push_back({begin, size, 0, {}});
  free_.insert({size, begin});
  blocks_.emplace(begin, Block{size, regions_.size() - 1, {}});
  return true;
}

// Takes the first `bytes` of a free range; the rest stays free.
Arena::Blocks::iterator Arena::take(FreeRanges::iterator range, size_t bytes) {
  const auto [size, address] = *range;
  const auto block = blocks_.find(address);
  if (size > bytes) {
    const uintptr_t rest = address + bytes;
    blocks_.emplace_hint(std::next(block), rest, Block{size - bytes, block->second.region, {}});
    free_.insert({size - bytes, rest});
    block->second.bytes = bytes;
  }
  block->second.entry = free_.extract(range);
  return block;
}

// Makes a block in use a free range, one with the free ranges before and after it.
void Arena::put_back(Blocks::iterator block) noexcept {
  const auto joins = [&](Blocks::iterator other) {
    return !other->second.in_use() && other->second.region == block->second.region;
  };
  auto entry = std::move(block->second.entry);
  const auto after = std::next(block);
  if (after != blocks_.end() && joins(after)) {
    free_.erase({after->second.bytes, after->first});
    block->second.bytes += after->second.bytes;
    blocks_.erase(after);
  }
  if (block != blocks_.begin() && joins(std::prev(block))) {
    const auto before = std::prev(block);
    free_.erase({before->second.bytes, before->first});
    before->second.bytes += block->second.bytes;
    blocks_.erase(block);
    block = before;
  }
  entry.value() = {block->second.bytes, block->first};
  free_.insert(std::move(entry));
}

bool Arena::make_accessible(Region& region, uintptr_t end) {
  const size_t needed = end - region.begin;
  if (needed <= region.accessible) return true;
  const size_t wanted = std::min(region.bytes, round_up(needed, ACCESSIBLE_STEP));
  auto* const from = reinterpret_cast<void*>(region.begin + region.accessible);
  if (mprotect(from, wanted - region.accessible, PROT_READ | PROT_WRITE) != 0) return false;
  poison(from, wanted - region.accessible);
  region.filled.resize(wanted / CHUNK);
  region.accessible = wanted;
  return true;
}

size_t Arena::unfilled_chunks(const Blocks::value_type& block) const {
  const auto& [begin, bytes, accessible, filled] = regions_[block.second.region];
  const size_t end = chunk_after(begin, block.first + block.second.bytes);
  size_t count = 0;
  for (size_t chunk = first_chunk(begin, block.first); chunk < end; chunk++) {
    if (chunk >= filled.size() || !filled[chunk]) count++;
  }
  return count;
}

void Arena::fill(const Blocks::value_type& block) {
  auto& region = regions_[block.second.region];
  const size_t end = chunk_after(region.begin, block.first + block.second.bytes);
  for (size_t chunk = first_chunk(region.begin, block.first); chunk < end; chunk++) {
    if (!region.filled[chunk]) reserved_ += CHUNK;
    region.filled[chunk] = true;
  }
}

// Gives the chunks that lie in a free range back. Returns their bytes.
size_t Arena::release_range(const FreeRange& range) noexcept {
  auto& region = regions_[blocks_.find(range.second)->second.region];
  const size_t end = std::min(first_chunk(region.begin, range.second + range.first), region.filled.size());
  size_t released = 0;
  for (size_t chunk = chunk_after(region.begin, range.second); chunk < end; chunk++) {
    if (!region.filled[chunk]) continue;
    size_t after = chunk + 1;
    while (after < end && region.filled[after]) after++;
    auto* const address = reinterpret_cast<void*>(region.begin + chunk * CHUNK);
    if (madvise(address, (after - chunk) * CHUNK, MADV_DONTNEED) != 0) return released;
    std::fill(region.filled.begin() + chunk, region.filled.begin() + after, false);
    reserved_ -= (after - chunk) * CHUNK;
    released += (after - chunk) * CHUNK;
    chunk = after;
  }
  return released;
}

}  // namespace sf
