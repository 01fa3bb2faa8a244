// The families of functions that the addon exports, one a file.
#pragma once

#include "binding.h"

namespace sf {

void export_binary(Exports& exports);
void export_blocks(Exports& exports);
void export_convert(Exports& exports);
void export_cpu_products(Exports& exports);
void export_crop(Exports& exports);
void export_device(Exports& exports);
void export_dilation(Exports& exports);
void export_einsum(Exports& exports);
void export_fill(Exports& exports);
void export_fused_convolution(Exports& exports);
void export_gather(Exports& exports);
void export_group_norm(Exports& exports);
void export_harmonized(Exports& exports);
void export_joins(Exports& exports);
void export_mat_mul(Exports& exports);
void export_max_pool(Exports& exports);
void export_memory(Exports& exports);
void export_nms(Exports& exports);
void export_normalization(Exports& exports);
void export_reduce(Exports& exports);
void export_pool(Exports& exports);
void export_relu(Exports& exports);
void export_resize(Exports& exports);
void export_roi_align(Exports& exports);
void export_rows(Exports& exports);
void export_sample(Exports& exports);
void export_scan(Exports& exports);
void export_scatter(Exports& exports);
void export_segments(Exports& exports);
void export_sgd(Exports& exports);
void export_sigmoid_losses(Exports& exports);
void export_slices(Exports& exports);
void export_smooth_l1(Exports& exports);
void export_sort(Exports& exports);
void export_sparse(Exports& exports);
void export_stock_convolution(Exports& exports);
void export_tensors(Exports& exports);
void export_top_k(Exports& exports);
void export_transpose(Exports& exports);
void export_unary(Exports& exports);
void export_upsample(Exports& exports);
void export_warp(Exports& exports);

}  // namespace sf
