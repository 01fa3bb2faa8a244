// The k largest values of segments of rows, with their positions. On the CPU one pass that holds a value only
// if it exceeds the k-th largest seen so far; on CUDA ATen's topk of keys that are made of the value and its
// position, so that no two are equal.
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/nan_to_num.h>
#include <ATen/ops/topk.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "families.h"
#include "units.h"
#include "vectors.h"

namespace sf {
namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();

struct Candidate {
  float value;
  int32_t index;
};

// The order of the result: by falling value, then by index.
bool comes_before(const Candidate& a, const Candidate& b) {
  return a.value != b.value ? a.value > b.value : a.index < b.index;
}

// Index of the first block of kLine x 4 values with one above the bound; `end` if there is none. `end -
// first` is a multiple.
constexpr int64_t kBlock = 4 * kLine;
SF_INLINE int64_t find_block(const float* values, int64_t first, int64_t end, float bound) {
  for (; first < end; first += kBlock) {
    int32_t found = 0;
    for (int64_t i = first; i < first + kBlock; ++i) found |= values[i] > bound;
    if (found) return first;
  }
  return end;
}

// Holds the k first of all candidates that it was given, and up to as many again.
class Strongest {
 public:
  // Of at most `count` values.
  Strongest(int64_t k, float bound, int64_t count) : k_(k), bound_(bound) {
    candidates_.reserve(std::min(2 * k + 1024, count));
  }

  // Values and indices must come with rising index.
  void add(const float* values, int64_t first, int64_t end) {
    const int64_t whole = first + (end - first) / kBlock * kBlock;
    for (int64_t block = first; block < whole; block += kBlock) {
      block = widest<find_block>(values, block, whole, bound_);
      if (block < whole) add_each(values, block, block + kBlock);
    }
    add_each(values, whole, end);
  }

  void add(const std::vector<Candidate>& candidates) {
    candidates_.insert(candidates_.end(), candidates.begin(), candidates.end());
  }

  std::vector<Candidate> sorted() {
    if (size() > k_) shrink();
    std::sort(candidates_.begin(), candidates_.end(), comes_before);
    return std::move(candidates_);
  }

 private:
  int64_t size() const { return static_cast<int64_t>(candidates_.size()); }

  void add_each(const float* values, int64_t first, int64_t end) {
    for (int64_t i = first; i < end; ++i) {
      if (!(values[i] > bound_)) continue;
      if (candidates_.size() == candidates_.capacity()) shrink();
      if (values[i] > bound_) candidates_.push_back({values[i], static_cast<int32_t>(i)});
    }
  }

  // A later value equal to the k-th one would come after it: from here on values must exceed it.
  void shrink() {
    std::nth_element(candidates_.begin(), candidates_.begin() + k_ - 1, candidates_.end(), comes_before);
    candidates_.resize(k_);
    bound_ = candidates_.back().value;
  }

  int64_t k_;
  float bound_;
  std::vector<Candidate> candidates_;
};

// The largest float that is not above the bound: a float exceeds both or neither.
float bound_as_float(double above) {
  const float nearest = static_cast<float>(above);
  return nearest > above ? std::nextafter(nearest, kLowest) : nearest;
}

// Without a bound: the first positions of -infinity and NaN make up what is missing.
void add_lowest(std::vector<Candidate>& found, const float* values, int64_t first, int64_t end,
                int64_t wanted) {
  for (int64_t i = first; i < end && static_cast<int64_t>(found.size()) < wanted; ++i) {
    if (!(values[i] > kLowest)) found.push_back({values[i], static_cast<int32_t>(i)});
  }
}

// Values that are worth a thread.
constexpr int64_t kPart = 1 << 18;

struct Part {
  int64_t row, segment, first, end;
};

void top_k_on_cpu(const float* x, int64_t rows, int64_t columns, const std::vector<int64_t>& lengths,
                  int64_t k, bool bounded, float bound, float* values, int32_t* indices) {
  std::vector<Part> parts;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t first = 0;
    for (size_t segment = 0; segment < lengths.size(); ++segment) {
      const int64_t end = first + lengths[segment];
      for (; first < end; first = std::min(first + kPart, end))
        parts.push_back({row, static_cast<int64_t>(segment), first, std::min(first + kPart, end)});
    }
  }
  std::vector<std::vector<Candidate>> found(parts.size());
  for_each_unit(static_cast<int64_t>(parts.size()), [&](int64_t i, int64_t) {
    Strongest strongest(k, bound, parts[i].end - parts[i].first);
    strongest.add(x + parts[i].row * columns, parts[i].first, parts[i].end);
    found[i] = strongest.sorted();
  });
  for (size_t i = 0; i < parts.size();) {
    const Part part = parts[i];
    Strongest strongest(k, bound, 0);
    int64_t end = part.first;
    for (; i < parts.size() && parts[i].row == part.row && parts[i].segment == part.segment; ++i) {
      strongest.add(found[i]);
      end = parts[i].end;
    }
    std::vector<Candidate> best = strongest.sorted();
    const int64_t wanted = std::min(k, end - part.first);
    if (!bounded) add_lowest(best, x + part.row * columns, part.first, end, wanted);
    const int64_t to = (part.row * static_cast<int64_t>(lengths.size()) + part.segment) * k;
    for (size_t rank = 0; rank < best.size(); ++rank) {
      values[to + rank] = best[rank].value;
      indices[to + rank] = best[rank].index;
    }
  }
}

// Keys of a segment [R, n] that are larger for what comes earlier in the result, no two of a row equal.
at::Tensor ordered_keys(const at::Tensor& segment) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  // Adding 0 makes -0 a 0. The bits of positive floats rise with them, those of negative ones fall.
  const at::Tensor bits = at::nan_to_num(segment, -infinity, infinity, -infinity).add(0).view(at::kInt);
  const at::Tensor rank = bits.bitwise_xor(bits.bitwise_right_shift(31).bitwise_and(0x7fffffff));
  const at::Tensor countdown = at::arange(segment.size(1) - 1, -1, -1, bits.options().dtype(at::kLong));
  return rank.to(at::kLong).mul(int64_t{1} << 32).add(countdown);
}

void top_k_of_segment(const at::Tensor& segment, int64_t start, bool bounded, float bound, at::Tensor values,
                      at::Tensor indices) {
  const int64_t length = segment.size(1), wanted = std::min(length, values.size(1));
  if (wanted == 0) return;
  const at::Tensor best =
      std::get<0>(at::topk(ordered_keys(segment), wanted, 1, /*largest=*/true, /*sorted=*/true));
  const at::Tensor positions = best.bitwise_and(int64_t{0xffffffff}).neg().add(length - 1);
  at::Tensor found = segment.gather(1, positions), index = positions.add(start);
  if (bounded) {
    const at::Tensor fails = found.gt(bound).logical_not();
    found = found.masked_fill(fails, kLowest);
    index = index.masked_fill(fails, -1);
  }
  values.narrow(1, 0, wanted).copy_(found);
  indices.narrow(1, 0, wanted).copy_(index);
}

std::vector<at::Tensor> top_k(const at::Tensor& x, const std::vector<int64_t>& lengths, int64_t k,
                              bool bounded, double above) {
  const int64_t rows = x.size(0), columns = x.size(1), segments = static_cast<int64_t>(lengths.size());
  if (std::accumulate(lengths.begin(), lengths.end(), int64_t{0}) != columns)
    throw std::invalid_argument("the segments do not make up a row");
  const float bound = bounded ? bound_as_float(above) : kLowest;
  at::Tensor values = at::full({rows, segments, k}, kLowest, x.options());
  at::Tensor indices = at::full({rows, segments, k}, -1, x.options().dtype(at::kInt));
  if (values.numel() == 0) return {values, indices};
  if (x.is_cpu()) {
    top_k_on_cpu(x.data_ptr<float>(), rows, columns, lengths, k, bounded, bound, values.data_ptr<float>(),
                 indices.data_ptr<int32_t>());
    return {values, indices};
  }
  int64_t start = 0;
  for (int64_t segment = 0; segment < segments; start += lengths[segment++]) {
    top_k_of_segment(x.narrow(1, start, lengths[segment]), start, bounded, bound, values.select(1, segment),
                     indices.select(1, segment));
  }
  return {values, indices};
}

}  // namespace

// x [R, N], segments of the rows; values and indices [R, segments, k], the rest -infinity at index -1. With
// `bounded` values must exceed `above`.
void export_top_k(Exports& exports) { exports.add("sfTopK", &top_k); }

}  // namespace sf
