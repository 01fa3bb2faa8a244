// Work on the threads of ATen in parts whose size depends on the problem alone: the result, also that of a
// sum, is the same for any number of threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "simd.h"
#include "units.h"

namespace sf {

// Elements that are worth a thread: about 10 us from memory, twice what waking a thread costs.
constexpr int64_t kElementsOfPart = 32768;

// Calls body(first, last) for every part of [0, total).
template <typename Body>
void for_parts(int64_t total, int64_t part, const Body& body) {
  for_each_unit(divide_up(total, part),
                [&](int64_t i, int64_t) { body(i * part, std::min(total, (i + 1) * part)); });
}

// The sum of body(first, last) over the parts of [0, total), in their order.
template <typename Body>
double sum_of_parts(int64_t total, int64_t part, const Body& body) {
  std::vector<double> sums(divide_up(total, part));
  for_parts(total, part, [&](int64_t first, int64_t last) { sums[first / part] = body(first, last); });
  double sum = 0;
  for (const double value : sums) sum += value;
  return sum;
}

}  // namespace sf
