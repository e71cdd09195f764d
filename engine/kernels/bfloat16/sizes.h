// How large the last operands of the bfloat16 kernels are, in floats: a plan must know before it
// places them.
#pragma once

#include "kernels/bfloat16/dense_operands.h"
#include "kernels/bfloat16/outer_operands.h"
#include "kernels/bfloat16/pack_cells.h"
#include "kernels/bfloat16/single_dense.h"
#include "kernels/bfloat16/single_rows.h"
#include "kernels/bfloat16/upstream_rows.h"
#include "kernels/bfloat16/workspace.h"

namespace kernelet::KERNELET_ISA {

inline std::int64_t size_of_pack_filters_bfloat16(const void* given) {
    const auto& a = *static_cast<const PackFiltersBfloat16Arguments*>(given);
    const std::int64_t inputs = a.rotated ? a.filters : a.channels;
    const std::int64_t outputs = a.rotated ? a.channels : a.filters;
    return a.groups * RunShape{a.run_taps * inputs, a.taps / a.run_taps, a.run_slots}.size(outputs);
}

inline std::int64_t size_of_pack_cells_bfloat16(const void* given) {
    const auto& a = *static_cast<const PackCellsBfloat16Arguments*>(given);
    const std::int64_t outputs = a.rotated ? a.channels : a.filters;
    return filter_orders(a) * run_shape(a).size(a.cells * outputs);
}

inline std::int64_t size_of_convolution_bfloat16(const void* given) {
    return ConvolutionWorkspace(*static_cast<const ConvolutionBfloat16Arguments*>(given)).size();
}

inline std::int64_t size_of_convolution_filter_gradient_bfloat16(const void* given) {
    const auto& a = *static_cast<const FilterGradientBfloat16Arguments*>(given);
    return FilterGradientWorkspace(a).size();
}

inline std::int64_t size_of_pack_inputs_bfloat16(const void* given) {
    const auto& a = *static_cast<const SizeArguments*>(given);
    return dense_chunks(a.size) * chunk_pairs * lanes;
}

inline std::int64_t size_of_dense_bfloat16(const void* given) {
    const auto& a = *static_cast<const DenseBfloat16Arguments*>(given);
    if (a.packed) return 0;
    const std::int64_t blocks =
        (smaller(a.outputs, dense_strip) + bfloat16_filters - 1) / bfloat16_filters;
    return blocks * dense_chunks(dense_section_of(a)) * weight_chunk;
}

inline std::int64_t size_of_outer_product_sum_bfloat16(const void* given) {
    const auto& a = *static_cast<const OuterProductBfloat16Arguments*>(given);
    return outer_upstream_pairs(a.outputs) + outer_input_pairs;
}

inline std::int64_t size_of_pack_filters_single_bfloat16(const void* given) {
    return size_of_pack_filters_bfloat16(given);
}

inline std::int64_t size_of_convolution_single_bfloat16(const void* given) {
    return SingleRowsLayout(*static_cast<const SingleConvolutionBfloat16Arguments*>(given))
        .floats();
}

inline std::int64_t size_of_dense_single_bfloat16(const void* given) {
    const auto& a = *static_cast<const SingleDenseArguments*>(given);
    return single_dense_pairs(a) + single_dense_behind;
}

}  // namespace kernelet::KERNELET_ISA
