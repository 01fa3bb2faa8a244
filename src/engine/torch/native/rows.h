// Rows of a matrix by index, and the sum of rows back into a matrix.
#pragma once

#include <cstdint>

#include "cuda.h"

#if defined(SF_CUDA) || defined(__CUDACC__)
namespace sf {

// y [count, columns] = x [rows, columns] at the indices. The host does not wait for the device to learn of an
// index that is no row, so such a row of y is NaN.
void launch_gather_rows(const float* x, const int32_t* indices, int64_t count, int64_t rows, int64_t columns,
                        float* y, cudaStream_t stream);

// Adds the rows of dy [count, columns] to those of dx [rows, columns], in the order of dy. `sorted` are the
// indices in ascending order and `order` where each was, equal ones in their order. Indices that are no row
// are left out.
void launch_scatter_rows(const float* dy, const int32_t* sorted, const int64_t* order, int64_t count,
                         int64_t rows, int64_t columns, float* dx, cudaStream_t stream);

}  // namespace sf
#endif
