// The dense product of blocks of samples with packed weights, and its gradient by the weights.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/convolution.h"
#include "kernels/outer_product.h"
#include "kernels/pointwise.h"
#include "kernels/tile.h"

namespace kernelet::KERNELET_ISA {

// Operands: input, weights packed by `pack_filters`, bias or null, factors or null, output.
inline void dense(const Call& call) {
    const auto& a = arguments<DenseArguments>(call);
    const TapGrid grid{1, 1, 1, a.inputs, 0, 0, 0, 0, 0, 0};
    for_filter_blocks(
        a.outputs, a.inputs, call.operands[1],
        [&](std::int64_t q, const float* weights, std::int64_t block) {
            cells_of_block[block](
                1, call.operands[0], 0, grid, weights, call.operands[4] + q * lanes, 0,
                epilogue_of(call.operands[2], q, a.activation, a.slope, call.operands[3]));
        });
    activate_row(call.operands[4], a.outputs, a.activation);
}

// Operands: input, upstream gradient, partial sum of the gradient, workspace of `lanes` × outputs
// rounded up to a multiple of `lanes`. The upstream gradient is transposed there so that vectors
// run along the weights' rows and no sum crosses lanes.
inline void outer_product_sum(const Call& call) {
    const auto& a = arguments<DenseArguments>(call);
    const std::int64_t width = padded_to_lanes(a.outputs);
    transpose_cell(call.operands[1], a.outputs, call.operands[3], width);
    const OuterCells cells{1, 0, 0, width};
    outer_products(call.operands[0], a.inputs, call.operands[3], a.outputs, cells, call.operands[2],
                   call.first);
}

}  // namespace kernelet::KERNELET_ISA
