#include "transpose.h"

#include "families.h"
#include "moves.h"

namespace sf {

at::Tensor transpose(const at::Tensor& x, const std::vector<int64_t>& permutation) {
  const at::Tensor view = x.permute(permutation);
  return view.is_contiguous() ? x.view(view.sizes()) : copy_of(view);
}

void export_transpose(Exports& exports) { exports.add("transpose", &transpose); }

}  // namespace sf
