// Blocks of space moved into the batch or the channels and back: a finer shape, a transposition, a coarser
// shape. tfjs computes the shapes and the permutation.
#include <ATen/core/Tensor.h>

#include <vector>

#include "families.h"
#include "joins.h"
#include "slices.h"
#include "transpose.h"

namespace sf {
namespace {

// x, seen in the shape `fine`, transposed, seen in the shape `coarse`.
at::Tensor rearrange(const at::Tensor& x, const std::vector<int64_t>& fine,
                     const std::vector<int64_t>& permutation, const std::vector<int64_t>& coarse) {
  return transpose(x.view(fine), permutation).view(coarse);
}

at::Tensor space_to_batch(const at::Tensor& x, const std::vector<int64_t>& paddings,
                          const std::vector<int64_t>& fine, const std::vector<int64_t>& permutation,
                          const std::vector<int64_t>& coarse) {
  return rearrange(pad(x, paddings, 0), fine, permutation, coarse);
}

at::Tensor batch_to_space(const at::Tensor& x, const std::vector<int64_t>& fine,
                          const std::vector<int64_t>& permutation, const std::vector<int64_t>& coarse,
                          const std::vector<int64_t>& begin, const std::vector<int64_t>& size) {
  return slice(rearrange(x, fine, permutation, coarse), begin, size);
}

}  // namespace

void export_blocks(Exports& exports) {
  exports.add("rearrange", &rearrange);
  exports.add("spaceToBatch", &space_to_batch);
  exports.add("batchToSpace", &batch_to_space);
}

}  // namespace sf
