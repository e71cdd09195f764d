// Gradients by weights for single samples, whose channels lie side by side.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/filter_gradient_strips.h"
#include "kernels/single_tile.h"

namespace kernelet::KERNELET_ISA {

// Operands and pieces are those of `convolution_filter_gradient_strips`.
inline void convolution_filter_gradient_single(const Call& call) {
    const auto& a = arguments<SingleFilterGradientArguments>(call);
    FilterGradientStrips<1, SingleFilterGradientArguments>(call,
                                                           {a.input_floats, a.upstream_floats})
        .run(call.first);
}

// One row of the gradient of a dense layer.
inline void outer_product_row(float input, const float* upstream, std::int64_t outputs,
                              float* gradient, bool overwrite) {
    const Vector element = Vector::broadcast(input);
    for_vectors(outputs, [&](std::int64_t offset, int count) {
        const Vector product = element * load_some(upstream + offset, count);
        const Vector before = overwrite ? Vector::zero() : load_some(gradient + offset, count);
        store_some(before + product, gradient + offset, count);
    });
}

// Operands: input, upstream gradient, partial sum of the gradient. Pieces are
// `outer_product_sum_piece` inputs each.
inline void outer_product_single(const Call& call) {
    const auto& a = arguments<SingleDenseArguments>(call);
    const std::int64_t first = call.begin * outer_product_sum_piece;
    const std::int64_t end = smaller(call.end * outer_product_sum_piece, a.cells * a.channels);
    for (std::int64_t row = first; row < end; ++row) {
        const float* cell = call.operands[0] + row / a.channels * a.cell_floats;
        outer_product_row(cell[row % a.channels], call.operands[1], a.outputs,
                          call.operands[2] + row * a.outputs, call.first);
    }
}

}  // namespace kernelet::KERNELET_ISA
