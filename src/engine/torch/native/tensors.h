// The tensors that JavaScript holds: at::Tensor by handle. A handle is a small whole number, so that it
// crosses Node-API as fast as anything can; freed handles are used again.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace sf {

using Handle = uint32_t;

// What the last call made, for JavaScript to read without a further call: how many tensors, and for each one
// its handle, its dtype (DTYPE_...), its rank and its sizes. Lives as long as the process; see
// results_buffer().
constexpr size_t RESULTS_CAPACITY = 1 << 16;

enum DtypeCode : int32_t { DTYPE_FLOAT32 = 0, DTYPE_INT32 = 1, DTYPE_BOOL = 2 };

// The tensor of a handle. Throws std::invalid_argument for one that was freed or never given.
const at::Tensor& tensor_of(Handle handle);

// Takes a tensor into the table, contiguous and as float32, int32 or bool (ATen's int64 and float64 results
// are narrowed), in memory of its own unless it uses most of what it shares. Appends it to the results.
Handle store(at::Tensor tensor);

// Forgets the results of the call before.
void clear_results();

// The int32 words described above: [count, (handle, dtype, rank, sizes...)...].
int32_t* results_buffer();

// Gives a handle back; its memory is free at once unless another tensor shares it.
void release(Handle handle);

// Gives all handles back.
void release_all();

// Tensors alive.
size_t tensor_count();

at::ScalarType scalar_type_of(int64_t dtype_code);

}  // namespace sf
