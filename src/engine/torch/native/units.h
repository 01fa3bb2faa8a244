// Work in units that ATen's threads take one after the other, each as it becomes free: unlike
// at::parallel_for's equal shares, this loses little where units differ or a core is busy with something
// else. Which thread computes a unit must not change its result; then nothing depends on the number of
// threads.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace sf {

// How many workers for_each_unit uses at most; scratch memory is one piece a worker.
inline int64_t workers() { return at::get_num_threads(); }

// Calls work(unit, worker) for every unit in 0 .. units - 1; no two calls at a time have the same worker,
// which is in 0 .. workers() - 1. `work` may not use at::Tensor, only memory.
template <typename Work>
void for_each_unit(int64_t units, const Work& work) {
  if (units == 1) {
    work(int64_t{0}, int64_t{0});
    return;
  }
  std::atomic<int64_t> next{0};
  at::parallel_for(0, std::min(units, workers()), 1, [&](int64_t worker, int64_t) {
    for (int64_t unit = next++; unit < units; unit = next++) work(unit, worker);
  });
}

}  // namespace sf
