// Exports the matrix product and the 3x3 convolutions of the CPU as they are, for tests and measurements;
// operations of the engine reach them through their own families.
#include "families.h"
#include "gemm.h"
#include "winograd.h"

namespace sf {

void export_cpu_products(Exports& exports) {
  exports.add("cpuMatrixProduct", &matrix_product);
  exports.add("winogradSuits", &winograd_suits);
  exports.add("winogradConvolution", &winograd_convolution);
  exports.add("winogradInputGradient", &winograd_input_gradient);
  exports.add("winogradFilterGradient", &winograd_filter_gradient);
}

}  // namespace sf
