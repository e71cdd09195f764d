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

// Parts that the inputs of a dense layer may be summed in.
inline constexpr int dense_parts = 4;

// The inputs of one of some parts.
inline Span inputs_of_part(std::int64_t inputs, std::int64_t parts, std::int64_t part) {
    return {inputs * part / parts, inputs * (part + 1) / parts};
}

// Sums of a part of the inputs that follow the parts before, and whether none comes behind.
struct SumsOfPart {
    bool first;
    bool last;

    KERNELET_INLINE void store(const Vector& sum, const Finish& finish, float* place) const {
        const Vector whole = first ? sum : Vector::load(place) + sum;
        (last ? finish(whole) : whole).store(place);
    }
};

// Floats ahead of those that are multiplied, from which weights are asked for: of 16 MB of them, on
// Zen 4 with AVX2, 34 GFLOP/s without, about 50 with 256 and 57 with 1,024.
inline constexpr std::int64_t dense_ahead = 1024;

// B whole blocks of outputs of a cell, whose packed weights are `inputs` · `filter_block` apart;
// adds the products of some of the inputs.
template <int B>
inline void dense_tile(const float* input, std::int64_t inputs, const Span& part,
                       const float* weights, float* output, const Epilogue& epilogue) {
    constexpr int Q = static_cast<int>(filter_block);
    constexpr int V = lane_vectors;
    const SumsOfPart own{part.begin == 0, part.end == inputs};
    for (std::int64_t lane = 0; lane < lanes; lane += V * Vector::width) {
        Vector sums[B][Q][V];
        KERNELET_UNROLL
        for (int b = 0; b < B; ++b) {
            KERNELET_UNROLL
            for (int q = 0; q < Q; ++q) {
                KERNELET_UNROLL
                for (int v = 0; v < V; ++v) sums[b][q][v] = Vector::zero();
            }
        }
        const float* w = weights + part.begin * Q;
        for (std::int64_t k = part.begin; k < part.end; ++k, w += Q) {
            Vector x[V];
            KERNELET_UNROLL
            for (int v = 0; v < V; ++v) {
                x[v] = Vector::load(input + k * lanes + lane + v * Vector::width);
            }
            KERNELET_UNROLL
            for (int b = 0; b < B; ++b) {
                const float* row = w + b * inputs * Q;
                __builtin_prefetch(row + dense_ahead);
                KERNELET_UNROLL
                for (int q = 0; q < Q; ++q) {
                    const Vector weight = Vector::broadcast_from(row + q);
                    KERNELET_UNROLL
                    for (int v = 0; v < V; ++v) sums[b][q][v] = fma(x[v], weight, sums[b][q][v]);
                }
            }
        }
        KERNELET_UNROLL
        for (int b = 0; b < B; ++b) {
            KERNELET_UNROLL
            for (int q = 0; q < Q; ++q) {
                const Finish finish = Finish::of_channel(epilogue, b * Q + q);
                float* target = output + (b * Q + q) * lanes + lane;
                KERNELET_UNROLL
                for (int v = 0; v < V; ++v) {
                    own.store(sums[b][q][v], finish, target + v * Vector::width);
                }
            }
        }
    }
}

// One block of `outputs`, or the rest of one.
inline void dense_block(const float* input, std::int64_t inputs, std::int64_t parts,
                        const float* weights, std::int64_t outputs, float* output,
                        const Epilogue& epilogue) {
    const CellsFunction cell = cells_of_block<Finish>[outputs];
    const auto run = [&](const Span& part, const Epilogue& own, float* target) {
        const TapGrid grid{1, 1, 1, part.end - part.begin, 0, 0, 0, 0, 0, 0};
        cell(1, input + part.begin * lanes, 0, grid, weights + part.begin * outputs, target, 0,
             own);
    };
    if (parts == 1) return run({0, inputs}, epilogue, output);
    float sums[filter_block * lanes];
    for (std::int64_t p = 0; p < parts; ++p) {
        const SumsOfPart own{p == 0, p == parts - 1};
        run(inputs_of_part(inputs, parts, p), Epilogue{}, sums);
        for (std::int64_t q = 0; q < outputs; ++q) {
            const Finish finish = Finish::of_channel(epilogue, q);
            for (std::int64_t lane = q * lanes; lane < (q + 1) * lanes; lane += Vector::width) {
                own.store(Vector::load(sums + lane), finish, output + lane);
            }
        }
    }
}

// Operands: input, weights packed by `pack_filters`, bias or null, factors or null, output. Pieces
// are `dense_piece` outputs each.
inline void dense(const Call& call) {
    const auto& a = arguments<DenseProductArguments>(call);
    const std::int64_t parts = a.in_parts ? dense_parts : 1;
    const std::int64_t first = call.begin * dense_piece;
    const std::int64_t outputs = smaller(call.end * dense_piece, a.outputs) - first;
    const float* packed = call.operands[1] + first * a.inputs;
    float* output = call.operands[4] + first * lanes;
    const auto epilogue = [&](std::int64_t q) {
        return epilogue_of(call.operands[2], first + q, a.activation, a.slope, call.operands[3]);
    };
    std::int64_t done = 0;
    constexpr std::int64_t together = dense_blocks * filter_block;
    for (; done + together <= outputs; done += together) {
        for (std::int64_t p = 0; p < parts; ++p) {
            dense_tile<dense_blocks>(call.operands[0], a.inputs, inputs_of_part(a.inputs, parts, p),
                                     packed + done * a.inputs, output + done * lanes,
                                     epilogue(done));
        }
    }
    for_filter_blocks(outputs - done, a.inputs, packed + done * a.inputs,
                      [&](std::int64_t q, const float* weights, std::int64_t block) {
                          dense_block(call.operands[0], a.inputs, parts, weights, block,
                                      output + (done + q) * lanes, epilogue(done + q));
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
    outer_products<static_cast<int>(lanes)>(call.operands[0] + first * lanes, inputs, 0,
                                            call.operands[3], a.outputs, 0, 1,
                                            call.operands[2] + first * a.outputs, call.first);
}

// Blocks whose upstream gradients are transposed at a time, a panel of each, and inputs that meet
// one panel after the other: what these read stays in the second-level cache. plan/division.py
// knows how many blocks.
inline constexpr std::int64_t outer_blocks_together = 16;
inline constexpr std::int64_t outer_inputs_together = 8 * outer_product_sum_piece;

// The products of some inputs in `count` blocks, `stride` floats apart, with all outputs.
inline void add_outer_products_of_blocks(const float* input, std::int64_t inputs,
                                         const float* upstream, std::int64_t outputs,
                                         std::int64_t stride, std::int64_t count, float* sums,
                                         bool overwrite, float* panels) {
    for (std::int64_t o = 0; o < outputs; o += outer_width) {
        const std::int64_t floats = panels_floats(smaller(outer_width, outputs - o));
        for (std::int64_t block = 0; block < count; ++block) {
            transpose_panel(upstream + block * stride + o * lanes, outputs - o,
                            panels + block * floats);
        }
        outer_panel<static_cast<int>(lanes), Additions::in_order>(
            input, inputs, panels, outputs - o, {1, count, 0, stride, 0, floats}, sums + o, outputs,
            overwrite);
    }
}

// The same for all blocks of a batch: each sum is loaded and stored once for many of them. The
// workspace has a panel of each of these.
inline void outer_product_sum_batch(const Call& call) {
    const auto& a = arguments<DenseArguments>(call);
    const std::int64_t stride = call.step->batch_stride;
    const std::int64_t blocks = (call.step->batch + lanes - 1) / lanes;
    const std::int64_t end = smaller(call.end * outer_product_sum_piece, a.inputs);
    for (std::int64_t block = 0; block < blocks; block += outer_blocks_together) {
        const std::int64_t count = smaller(outer_blocks_together, blocks - block);
        for (std::int64_t i = call.begin * outer_product_sum_piece; i < end;
             i += outer_inputs_together) {
            add_outer_products_of_blocks(call.operands[0] + block * stride + i * lanes,
                                         smaller(outer_inputs_together, end - i),
                                         call.operands[1] + block * stride, a.outputs, stride,
                                         count, call.operands[2] + i * a.outputs, block == 0,
                                         call.operands[3]);
        }
    }
}

}  // namespace kernelet::KERNELET_ISA
