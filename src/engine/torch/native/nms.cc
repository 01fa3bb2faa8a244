// Non-maximum suppression, plain and by class, on the CPU, and its launch on CUDA. Boxes are taken by falling
// score; each is compared with the kept boxes of its class, many at a time, until one overlaps it.
#include "nms.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/nan_to_num.h>
#include <ATen/ops/sort.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <unordered_map>
#include <vector>

#include "families.h"
#include "vectors.h"

namespace sf {
namespace {

// Boxes that are kept, in the order of their scores; what fills up the last block overlaps nothing.
struct KeptBoxes {
  std::vector<float> x1, y1, x2, y2, area;
  int64_t count = 0;

  void add(const NmsBox& box) {
    if (count % kLine == 0) {
      for (auto* values : {&x1, &y1, &x2, &y2, &area})
        values->resize(count + kLine, std::numeric_limits<float>::quiet_NaN());
    }
    x1[count] = box.x1;
    y1[count] = box.y1;
    x2[count] = box.x2;
    y2[count] = box.y2;
    area[count] = box.area();
    ++count;
  }

  NmsBox box(int64_t i) const { return {x1[i], y1[i], x2[i], y2[i]}; }
};

// Index of the first block of kLine kept boxes from `first` on in which one seems to overlap the box; `end`
// if none does. A box that does is never missed: `low` is a little below the threshold.
SF_INLINE int64_t find_block(const KeptBoxes* kept, int64_t first, int64_t end, NmsBox box, float area,
                             float low) {
  const float* x1 = kept->x1.data();
  const float* y1 = kept->y1.data();
  const float* x2 = kept->x2.data();
  const float* y2 = kept->y2.data();
  const float* areas = kept->area.data();
  for (int64_t block = first; block < end; block += kLine) {
    int32_t found = 0;
    for (int64_t i = block; i < block + kLine; ++i) {
      float width = (x2[i] < box.x2 ? x2[i] : box.x2) - (x1[i] > box.x1 ? x1[i] : box.x1);
      float height = (y2[i] < box.y2 ? y2[i] : box.y2) - (y1[i] > box.y1 ? y1[i] : box.y1);
      width = width > 0 ? width : 0;
      height = height > 0 ? height : 0;
      const float intersection = width * height;
      found |= intersection > low * (areas[i] + area - intersection);
    }
    if (found) return block;
  }
  return end;
}

// Whether a kept box overlaps the box.
bool is_covered(const KeptBoxes& kept, const NmsBox& box, double threshold) {
  const float area = box.area();
  const float low = static_cast<float>(threshold * (1 - 1e-6));
  for (int64_t block = 0; block < kept.count; block += kLine) {
    block = widest<find_block>(&kept, block, kept.count, box, area, low);
    for (int64_t i = block; i < std::min(block + kLine, kept.count); ++i) {
      if (overlaps(kept.box(i), box, threshold)) return true;
    }
  }
  return false;
}

// Indices by falling score, equal scores by index, without those whose score is NaN.
std::vector<int32_t> by_falling_score(const float* scores, int64_t count) {
  std::vector<uint64_t> keys;
  keys.reserve(count);
  for (int64_t i = 0; i < count; ++i) {
    if (scores[i] != scores[i]) continue;
    const float score = scores[i] + 0.0f;  // -0 is 0.
    uint32_t bits;
    std::memcpy(&bits, &score, sizeof bits);
    // The bits of positive floats rise with them, those of negative ones fall; here the largest comes first.
    const uint32_t rank = bits >> 31 ? bits : ~(bits | 0x80000000u);
    keys.push_back(static_cast<uint64_t>(rank) << 32 | static_cast<uint32_t>(i));
  }
  std::sort(keys.begin(), keys.end());
  std::vector<int32_t> order(keys.size());
  std::transform(keys.begin(), keys.end(), order.begin(),
                 [](uint64_t key) { return static_cast<int32_t>(key & 0xffffffffu); });
  return order;
}

std::vector<int32_t> nms_on_cpu(const float* boxes, const float* scores, const int32_t* classes,
                                int64_t count, double threshold, int64_t max_output) {
  std::vector<int32_t> result;
  std::unordered_map<int32_t, KeptBoxes> kept_of_class;
  KeptBoxes* kept = &kept_of_class[0];
  for (const int32_t i : by_falling_score(scores, count)) {
    if (static_cast<int64_t>(result.size()) >= max_output) break;
    if (classes != nullptr) kept = &kept_of_class[classes[i]];
    const NmsBox box{boxes[4 * i], boxes[4 * i + 1], boxes[4 * i + 2], boxes[4 * i + 3]};
    if (is_covered(*kept, box, threshold)) continue;
    kept->add(box);
    result.push_back(i);
  }
  return result;
}

#ifdef SF_CUDA
at::Tensor nms_on_cuda(const at::Tensor& boxes, const at::Tensor& scores,
                       const c10::optional<at::Tensor>& classes, double threshold, int64_t max_output) {
  const int64_t count = boxes.size(0);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  // Adding 0 makes -0 a 0.
  const at::Tensor ranked = at::nan_to_num(scores, -infinity, infinity, -infinity).add(0);
  const at::Tensor order = std::get<1>(at::sort(ranked, /*stable=*/true, 0, /*descending=*/true));
  const at::Tensor ordered = boxes.index_select(0, order);
  const at::Tensor left_out = at::isnan(scores).index_select(0, order);
  const at::Tensor ordered_classes = classes ? classes->index_select(0, order) : at::Tensor();
  const at::Tensor overlap = at::empty({count, nms_words(count)}, order.options());
  const at::Tensor kept = at::empty({count}, order.options());
  const at::Tensor kept_count = at::empty({}, order.options().dtype(at::kInt));
  launch_nms(ordered.data_ptr<float>(), classes ? ordered_classes.data_ptr<int32_t>() : nullptr,
             left_out.data_ptr<bool>(), count, threshold, max_output, overlap.data_ptr<int64_t>(),
             kept.data_ptr<int64_t>(), kept_count.data_ptr<int32_t>(), current_stream());
  return order.index_select(0, kept.narrow(0, 0, kept_count.item<int32_t>())).to(at::kInt);
}
#endif

at::Tensor nms(const at::Tensor& boxes, const at::Tensor& scores, const c10::optional<at::Tensor>& classes,
               double threshold, int64_t max_output) {
  const auto options = scores.options().dtype(at::kInt);
  if (scores.numel() == 0 || max_output == 0) return at::empty({0}, options);
#ifdef SF_CUDA
  if (boxes.is_cuda()) return nms_on_cuda(boxes, scores, classes, threshold, max_output);
#endif
  const std::vector<int32_t> kept =
      nms_on_cpu(boxes.data_ptr<float>(), scores.data_ptr<float>(),
                 classes ? classes->data_ptr<int32_t>() : nullptr, scores.numel(), threshold, max_output);
  at::Tensor result = at::empty({static_cast<int64_t>(kept.size())}, options);
  std::copy(kept.begin(), kept.end(), result.data_ptr<int32_t>());
  return result;
}

}  // namespace

// boxes [N, 4] XYXY, scores [N], classes int32 [N] or none; the result are the indices of the kept boxes by
// falling score.
void export_nms(Exports& exports) { exports.add("sfNms", &nms); }

}  // namespace sf
