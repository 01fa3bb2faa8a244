// Random draws. They are made on the CPU from a generator of our own, so that a seed gives the same draws on
// every device.
#include <ATen/ops/empty.h>
#include <ATen/ops/softmax.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "families.h"

namespace sf {
namespace {

// Uniform in [0, 1), with 53 bits.
double uniform(std::mt19937_64& generator) { return static_cast<double>(generator() >> 11) * 0x1p-53; }

// [rows, count] int32: which event each draw is, of logits [rows, events], or of probabilities.
at::Tensor multinomial(const at::Tensor& logits, int64_t count, double seed, bool are_probabilities) {
  const auto values = logits.to(at::kFloat);
  const auto probabilities = (are_probabilities ? values : at::softmax(values, -1)).cpu().contiguous();
  const int64_t rows = logits.size(0);
  const int64_t events = logits.size(1);
  auto draws = at::empty({rows, count}, probabilities.options().dtype(at::kInt));
  auto* draw = draws.data_ptr<int32_t>();
  const auto* probability = probabilities.data_ptr<float>();
  uint64_t bits;
  std::memcpy(&bits, &seed, sizeof(bits));
  std::mt19937_64 generator(bits);
  std::vector<double> cumulative(events);
  for (int64_t row = 0; row < rows; ++row, probability += events) {
    double sum = 0;
    for (int64_t event = 0; event < events; ++event) cumulative[event] = sum += probability[event];
    for (int64_t i = 0; i < count; ++i) {
      // The last event takes what rounding leaves of the sum.
      const auto found = std::upper_bound(cumulative.begin(), cumulative.end() - 1, uniform(generator));
      *draw++ = static_cast<int32_t>(found - cumulative.begin());
    }
  }
  return draws.to(logits.device());
}

}  // namespace

void export_sample(Exports& exports) { exports.add("multinomial", &multinomial); }

}  // namespace sf
