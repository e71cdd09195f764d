// The dense product of blocks of samples with packed weights, and its gradient by the weights.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/convolution.h"
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

// I rows × O vectors of the weight gradient, summed over the samples of the block.
template <int I, int O>
inline void outer_tile(const float* input, const float* upstream, std::int64_t width,
                       float* gradient, std::int64_t stride, int last, bool first) {
    Vector sums[I][O];
    KERNELET_UNROLL
    for (int i = 0; i < I; ++i) {
        KERNELET_UNROLL
        for (int o = 0; o < O; ++o) {
            sums[i][o] = Vector::zero();
        }
    }
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
        Vector row[O];
        KERNELET_UNROLL
        for (int o = 0; o < O; ++o) {
            row[o] = Vector::load(upstream + lane * width + o * Vector::width);
        }
        KERNELET_UNROLL
        for (int i = 0; i < I; ++i) {
            const Vector element = Vector::broadcast_from(input + i * lanes + lane);
            KERNELET_UNROLL
            for (int o = 0; o < O; ++o) {
                sums[i][o] = fma(element, row[o], sums[i][o]);
            }
        }
    }
    KERNELET_UNROLL
    for (int i = 0; i < I; ++i) {
        KERNELET_UNROLL
        for (int o = 0; o < O; ++o) {
            float* target = gradient + i * stride + o * Vector::width;
            const int count = o == O - 1 ? last : Vector::width;
            const Vector before = first ? Vector::zero() : Vector::load_partial(target, count);
            (before + sums[i][o]).store_partial(target, count);
        }
    }
}

// Rows [0, inputs) of O vectors of the weight gradient.
template <int O>
inline void outer_rows(const float* input, std::int64_t inputs, const float* upstream,
                       std::int64_t width, float* gradient, std::int64_t stride, int last,
                       bool first) {
    constexpr int I = Vector::registers >= 32 ? 6 : 3;
    std::int64_t i = 0;
    for (; i + I <= inputs; i += I) {
        outer_tile<I, O>(input + i * lanes, upstream, width, gradient + i * stride, stride, last,
                         first);
    }
    for (; i < inputs; ++i) {
        outer_tile<1, O>(input + i * lanes, upstream, width, gradient + i * stride, stride, last,
                         first);
    }
}

// [element][lane] to [lane][element], elements padded with zeros to `width`.
inline void transpose_block(const float* source, std::int64_t elements, float* target,
                            std::int64_t width) {
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
        for (std::int64_t k = 0; k < elements; ++k) {
            target[lane * width + k] = source[k * lanes + lane];
        }
        for (std::int64_t k = elements; k < width; ++k) {
            target[lane * width + k] = 0.0F;
        }
    }
}

// Operands: input, upstream gradient, partial sum of the gradient, workspace of `lanes` × outputs
// rounded up to a multiple of `lanes`. The upstream gradient is transposed there so that vectors
// run along the weights' rows and no sum crosses lanes.
inline void outer_product_sum(const Call& call) {
    const auto& a = arguments<DenseArguments>(call);
    const std::int64_t width = (a.outputs + lanes - 1) / lanes * lanes;
    float* upstream = call.operands[3];
    transpose_block(call.operands[1], a.outputs, upstream, width);
    constexpr std::int64_t step = 4 * Vector::width;
    for (std::int64_t o = 0; o < a.outputs; o += step) {
        const std::int64_t rest = smaller(step, a.outputs - o);
        const std::int64_t vectors = (rest + Vector::width - 1) / Vector::width;
        const int last = static_cast<int>(rest - (vectors - 1) * Vector::width);
        const auto rows = vectors == 4   ? outer_rows<4>
                          : vectors == 3 ? outer_rows<3>
                          : vectors == 2 ? outer_rows<2>
                                         : outer_rows<1>;
        rows(call.operands[0], a.inputs, upstream + o, width, call.operands[2] + o, a.outputs, last,
             call.first);
    }
}

}  // namespace kernelet::KERNELET_ISA
