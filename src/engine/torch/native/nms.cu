// Non-maximum suppression on CUDA: which box overlaps which as bits, 64 x 64 pairs a block; then one block of
// threads goes through the boxes by falling score, 64 at a time.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "nms.h"

namespace sf {
namespace {

constexpr int kWord = 64;
constexpr int kKeepThreads = 1024;

// Bit b of overlap[i, w]: box i overlaps box 64 w + b, which comes after it and is of its class.
__global__ void find_overlaps(const NmsBox* boxes, const int32_t* classes, int64_t count, double threshold,
                              unsigned long long* overlap) {
  const int64_t words = gridDim.x, word = blockIdx.x;
  const int64_t i = static_cast<int64_t>(blockIdx.y) * kWord + threadIdx.x;
  if (word < blockIdx.y) return;
  __shared__ NmsBox columns[kWord];
  __shared__ int32_t column_classes[kWord];
  const int64_t first = word * kWord;
  const int size = static_cast<int>(count - first < kWord ? count - first : kWord);
  if (static_cast<int>(threadIdx.x) < size) {
    columns[threadIdx.x] = boxes[first + threadIdx.x];
    column_classes[threadIdx.x] = classes == nullptr ? 0 : classes[first + threadIdx.x];
  }
  __syncthreads();
  if (i >= count) return;
  const NmsBox box = boxes[i];
  const int32_t of_class = classes == nullptr ? 0 : classes[i];
  unsigned long long bits = 0;
  for (int b = 0; b < size; ++b) {
    if (first + b > i && column_classes[b] == of_class && overlaps(box, columns[b], threshold))
      bits |= 1ULL << b;
  }
  overlap[i * words + word] = bits;
}

// One block. `removed` has a bit for each box that is left out or overlapped by a kept one.
__global__ void keep_boxes(const unsigned long long* overlap, const bool* left_out, int64_t count,
                           int64_t max_output, int64_t* kept, int32_t* kept_count) {
  extern __shared__ unsigned long long removed[];
  __shared__ unsigned long long diagonal[kWord];
  __shared__ int kept_of_word[kWord];
  __shared__ int kept_now;
  __shared__ int64_t kept_before;
  const int64_t words = nms_words(count);
  for (int64_t word = threadIdx.x; word < words; word += blockDim.x) {
    unsigned long long bits = 0;
    for (int b = 0; b < kWord; ++b) {
      const int64_t i = word * kWord + b;
      if (i >= count || left_out[i]) bits |= 1ULL << b;
    }
    removed[word] = bits;
  }
  if (threadIdx.x == 0) kept_before = 0;
  __syncthreads();
  for (int64_t word = 0; word < words && kept_before < max_output; ++word) {
    const int64_t first = word * kWord;
    if (threadIdx.x < kWord && first + threadIdx.x < count)
      diagonal[threadIdx.x] = overlap[(first + threadIdx.x) * words + word];
    __syncthreads();
    if (threadIdx.x == 0) {
      unsigned long long gone = removed[word];
      kept_now = 0;
      for (int b = 0; b < kWord && kept_before + kept_now < max_output; ++b) {
        if (gone >> b & 1) continue;
        kept[kept_before + kept_now] = first + b;
        kept_of_word[kept_now++] = b;
        gone |= diagonal[b];
      }
    }
    __syncthreads();
    for (int64_t later = word + 1 + threadIdx.x; later < words; later += blockDim.x) {
      unsigned long long bits = removed[later];
      for (int k = 0; k < kept_now; ++k) bits |= overlap[(first + kept_of_word[k]) * words + later];
      removed[later] = bits;
    }
    if (threadIdx.x == 0) kept_before += kept_now;
    __syncthreads();
  }
  if (threadIdx.x == 0) *kept_count = static_cast<int32_t>(kept_before);
}

}  // namespace

void launch_nms(const float* boxes, const int32_t* classes, const bool* left_out, int64_t count,
                double threshold, int64_t max_output, int64_t* overlap, int64_t* kept, int32_t* kept_count,
                cudaStream_t stream) {
  const auto words = static_cast<unsigned>(nms_words(count));
  // As many words of shared memory as a block has on every GPU: 393,216 boxes, whose overlaps would be 19 GB.
  if (words > 6144) throw std::invalid_argument("NMS of " + std::to_string(count) + " boxes is too large");
  auto* bits = reinterpret_cast<unsigned long long*>(overlap);
  find_overlaps<<<dim3(words, words), kWord, 0, stream>>>(reinterpret_cast<const NmsBox*>(boxes), classes,
                                                          count, threshold, bits);
  check_launch("find_overlaps");
  const int threads = static_cast<int>(std::min<int64_t>((words + 31) / 32 * 32, kKeepThreads));
  keep_boxes<<<1, std::max(threads, kWord), words * sizeof(unsigned long long), stream>>>(
      bits, left_out, count, max_output, kept, kept_count);
  check_launch("keep_boxes");
}

}  // namespace sf
