// Work in units that ATen's threads take one after the other, each as it becomes free: unlike
// at::parallel_for's equal shares, this loses little where units differ or a core is busy with something
// else. Which thread computes a unit must not change its result; then nothing depends on the number of
// threads.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

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

// Units that need the results of others, which are in the stages `after` (-1 for none) and come before.
struct Stage {
  int64_t units;
  int64_t after[2];
};

// Calls work(stage, unit of it, worker) for all units of all stages, as for_each_unit does. No thread waits
// for the end of a stage but one that took a unit which needs it; where stages alternate between independent
// work, there is hardly any waiting.
template <typename Work>
void for_each_staged_unit(const std::vector<Stage>& stages, const Work& work) {
  std::vector<int64_t> first;
  int64_t units = 0;
  for (const Stage& stage : stages) {
    first.push_back(units);
    units += stage.units;
  }
  std::vector<std::atomic<int64_t>> done(stages.size());
  for_each_unit(units, [&](int64_t unit, int64_t worker) {
    const int64_t stage = std::upper_bound(first.begin(), first.end(), unit) - first.begin() - 1;
    for (const int64_t needed : stages[stage].after) {
      // Units are taken in order, so those waited for are done or being computed.
      while (needed >= 0 && done[needed].load(std::memory_order_acquire) < stages[needed].units) {
        std::this_thread::yield();
      }
    }
    work(stage, unit - first[stage], worker);
    done[stage].fetch_add(1, std::memory_order_release);
  });
}

}  // namespace sf
