// Dense layers of single samples in bfloat16: a vector holds neighbouring outputs, whose packed
// weights are read from end to end.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/bfloat16/single_rows.h"
#include "kernels/single_dense.h"

namespace kernelet::KERNELET_ISA {

// Blocks of outputs that are taken together, and sums of each, so that products need not wait for
// each other. The sums of a block do not depend on how many are taken.
inline constexpr int single_dense_blocks = 4;
inline constexpr int single_dense_sums = 2;
static_assert(chunk_pairs % single_dense_sums == 0);

// Behind the pairs of the inputs may lie what is written with the last ones.
inline constexpr std::int64_t single_dense_behind = lanes;

inline std::int64_t single_dense_pairs(const SingleDenseArguments& a) {
    return whole_lines(a.cells * a.channels) / 2;
}

// Rounds the inputs of a sample, with zeros behind them.
inline void round_inputs(const SingleDenseArguments& a, const float* input, Pair* pairs) {
    auto* target = reinterpret_cast<Bfloat16*>(pairs);
    const std::int64_t inputs = a.cells * a.channels;
    if (a.cell_floats == a.channels) {
        round_numbers(input, inputs, target);
    } else {
        for (std::int64_t cell = 0; cell < a.cells; ++cell) {
            round_numbers(input + cell * a.cell_floats, a.channels, target + cell * a.channels);
        }
    }
    clear_numbers(whole_lines(inputs) - inputs, target + inputs);
}

// B blocks of outputs.
template <int B>
inline void single_dense_tile(const Pair* inputs, std::int64_t pairs, const Pair* weights,
                              std::int64_t count, float* output) {
    constexpr int vectors = static_cast<int>(bfloat16_filters) / Vector::width;
    for (int v = 0; v < vectors; ++v) {
        Vector sums[B][single_dense_sums];
        KERNELET_UNROLL
        for (int b = 0; b < B; ++b) {
            KERNELET_UNROLL
            for (int s = 0; s < single_dense_sums; ++s) sums[b][s] = Vector::zero();
        }
        const Pair* w = weights + v * Vector::width;
        for (std::int64_t k = 0; k < pairs; k += single_dense_sums) {
            KERNELET_UNROLL
            for (int s = 0; s < single_dense_sums; ++s, w += bfloat16_filters) {
                const IntVector input = IntVector::broadcast(inputs[k + s]);
                KERNELET_UNROLL
                for (int b = 0; b < B; ++b) {
                    const IntVector weight = IntVector::load(w + b * pairs * bfloat16_filters);
                    sums[b][s] = add_products(input, weight, sums[b][s]);
                }
            }
        }
        KERNELET_UNROLL
        for (int b = 0; b < B; ++b) {
            const std::int64_t place = b * bfloat16_filters + v * Vector::width;
            const std::int64_t left = larger(0, smaller(Vector::width, count - place));
            (sums[b][0] + sums[b][1]).store_partial(output + place, static_cast<int>(left));
        }
    }
}

// Operands: input, weights packed by `pack_filters_single_bfloat16`, bias or null, factors or null,
// output, workspace for the rounded input. Pieces are `dense_single_bfloat16_piece` outputs.
inline void dense_single_bfloat16(const Call& call) {
    const auto& a = arguments<SingleDenseArguments>(call);
    auto* inputs = reinterpret_cast<Pair*>(call.operands[5]);
    const std::int64_t pairs = single_dense_pairs(a);
    constexpr std::int64_t size = dense_single_bfloat16_piece;
    static_assert(size % bfloat16_filters == 0);
    const Span outputs{call.begin * size, smaller(call.end * size, a.outputs)};
    if (outputs.begin >= outputs.end) return;
    round_inputs(a, call.operands[0], inputs);
    constexpr std::int64_t together = single_dense_blocks * bfloat16_filters;
    std::int64_t o = outputs.begin;
    const auto run = [&]<int B>() {
        single_dense_tile<B>(inputs, pairs,
                             reinterpret_cast<const Pair*>(call.operands[1]) + o * pairs,
                             outputs.end - o, call.operands[4] + o);
        o += B * bfloat16_filters;
    };
    while (outputs.end - o > together - bfloat16_filters) {
        run.template operator()<single_dense_blocks>();
    }
    while (o < outputs.end) run.template operator()<1>();
    finish_outputs(call.operands[2], call.operands[3], outputs, a.activation, a.slope,
                   call.operands[4]);
}

}  // namespace kernelet::KERNELET_ISA
