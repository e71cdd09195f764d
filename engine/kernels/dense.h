// The dense product of blocks of samples with packed weights, and its gradient by the weights.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/convolution.h"
#include "kernels/outer_product.h"
#include "kernels/pointwise.h"
#include "kernels/tile.h"

namespace kernelet::KERNELET_ISA {

static_assert(dense_piece % filter_block == 0);

// Operands: input, weights packed by `pack_filters`, bias or null, factors or null, output. Pieces
// are `dense_piece` outputs each.
inline void dense(const Call& call) {
    const auto& a = arguments<DenseArguments>(call);
    const TapGrid grid{1, 1, 1, a.inputs, 0, 0, 0, 0, 0, 0};
    const std::int64_t first = call.begin * dense_piece;
    const std::int64_t outputs = smaller(call.end * dense_piece, a.outputs) - first;
    float* output = call.operands[4] + first * lanes;
    for_filter_blocks(
        outputs, a.inputs, call.operands[1] + first * a.inputs,
        [&](std::int64_t q, const float* weights, std::int64_t block) {
            cells_of_block[block](
                1, call.operands[0], 0, grid, weights, output + q * lanes, 0,
                epilogue_of(call.operands[2], first + q, a.activation, a.slope, call.operands[3]));
        });
    activate_row(output, outputs, a.activation);
}

// Operands: input, upstream gradient, partial sum of the gradient, workspace of `lanes` × outputs
// rounded up to a multiple of `lanes`. The upstream gradient is transposed there so that vectors
// run along the weights' rows and no sum crosses lanes. Pieces are `outer_product_sum_piece` inputs
// each.
inline void outer_product_sum(const Call& call) {
    const auto& a = arguments<DenseArguments>(call);
    transpose_cell(call.operands[1], a.outputs, call.operands[3]);
    const std::int64_t first = call.begin * outer_product_sum_piece;
    const std::int64_t inputs = smaller(call.end * outer_product_sum_piece, a.inputs) - first;
    outer_products(call.operands[0] + first * lanes, inputs, 0, call.operands[3], a.outputs, 0, 1,
                   call.operands[2] + first * a.outputs, call.first);
}

}  // namespace kernelet::KERNELET_ISA
