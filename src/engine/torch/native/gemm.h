// The matrix product of float32 on the CPU: C = A B, either side transposed, in batches. On one core it runs
// at 80 to 90 % of what the processor can multiply; ATen's own product is only as good as the BLAS it was
// built with. Results do not depend on the number of threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace sf {

// A row-major matrix in memory, or a batch of such, taken as it is or transposed.
struct Operand {
  const float* data;
  int64_t stride;            // floats from one row in memory to the next
  bool transposed = false;   // rows in memory are the columns of the operand
  int64_t batch_stride = 0;  // floats from one matrix of the batch to the next; 0 uses the same one for all
};

// What is done to C at last, while it is in the cache: leaky ReLU of C + bias + added, each where wanted.
struct Ending {
  const float* bias = nullptr;   // for every column
  const float* added = nullptr;  // laid out as C
  float slope = 1;               // of leaky ReLU, below zero: 0 is ReLU, 1 none at all
  bool any() const { return bias != nullptr || added != nullptr || slope != 1; }
};

// C[rows, columns] = A[rows, depth] B[depth, columns] for every matrix of the batch, or C += A B.
struct Product {
  int64_t rows, columns, depth;
  Operand a, b;
  float* c;
  int64_t c_stride;  // floats from one row of C to the next
  bool accumulate = false;
  int64_t batch = 1;
  int64_t c_batch_stride = 0;
  Ending ending = {};
};

// Computes it on ATen's threads. C may not overlap A or B. A depth of 0 gives zeros.
void multiply(const Product& product);

// a [..., M, K] times b [..., K, N] -> [..., M, N]; with transpose_a, a is [..., K, M]; with transpose_b, b
// is
// [..., N, K]. float32, contiguous, on the CPU; both of the same rank, at least 2; each batch dimension is
// equal on both sides or all of one side's are 1. Throws c10::Error where shapes do not fit.
at::Tensor matrix_product(const at::Tensor& a, const at::Tensor& b, bool transpose_a, bool transpose_b);

}  // namespace sf
