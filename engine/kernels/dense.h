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

// Blocks of outputs that are taken together: with one, each input is loaded for eight products.
inline constexpr int dense_blocks = Vector::registers >= 32 ? 3 : 1;

// B whole blocks of outputs of a cell, whose packed weights are `inputs` · `filter_block` apart.
template <int B>
inline void dense_tile(const float* input, std::int64_t inputs, const float* weights, float* output,
                       const Epilogue& epilogue) {
    constexpr int Q = static_cast<int>(filter_block);
    for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
        Vector sums[B][Q];
        KERNELET_UNROLL
        for (int b = 0; b < B; ++b) {
            KERNELET_UNROLL
            for (int q = 0; q < Q; ++q) sums[b][q] = Vector::zero();
        }
        const float* w = weights;
        for (std::int64_t k = 0; k < inputs; ++k, w += Q) {
            const Vector x = Vector::load(input + k * lanes + lane);
            KERNELET_UNROLL
            for (int b = 0; b < B; ++b) {
                KERNELET_UNROLL
                for (int q = 0; q < Q; ++q) {
                    sums[b][q] = fma(x, Vector::broadcast_from(w + b * inputs * Q + q), sums[b][q]);
                }
            }
        }
        KERNELET_UNROLL
        for (int b = 0; b < B; ++b) {
            KERNELET_UNROLL
            for (int q = 0; q < Q; ++q) {
                Finish::of_channel(epilogue, b * Q + q)(sums[b][q])
                    .store(output + (b * Q + q) * lanes + lane);
            }
        }
    }
}

// Operands: input, weights packed by `pack_filters`, bias or null, factors or null, output. Pieces
// are `dense_piece` outputs each.
inline void dense(const Call& call) {
    const auto& a = arguments<DenseArguments>(call);
    const TapGrid grid{1, 1, 1, a.inputs, 0, 0, 0, 0, 0, 0};
    const std::int64_t first = call.begin * dense_piece;
    const std::int64_t outputs = smaller(call.end * dense_piece, a.outputs) - first;
    const float* packed = call.operands[1] + first * a.inputs;
    float* output = call.operands[4] + first * lanes;
    const auto epilogue = [&](std::int64_t q) {
        return epilogue_of(call.operands[2], first + q, a.activation, a.slope, call.operands[3]);
    };
    std::int64_t done = 0;
    if constexpr (dense_blocks > 1) {
        constexpr std::int64_t together = dense_blocks * filter_block;
        for (; done + together <= outputs; done += together) {
            dense_tile<dense_blocks>(call.operands[0], a.inputs, packed + done * a.inputs,
                                     output + done * lanes, epilogue(done));
        }
    }
    for_filter_blocks(outputs - done, a.inputs, packed + done * a.inputs,
                      [&](std::int64_t q, const float* weights, std::int64_t block) {
                          cells_of_block[block](1, call.operands[0], 0, grid, weights,
                                                output + (done + q) * lanes, 0, epilogue(done + q));
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
