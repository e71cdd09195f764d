// Gradients of dense layers by the inputs of all single samples of a batch at once.
#pragma once

#include <array>
#include <utility>

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/batch_dense.h"
#include "kernels/single_tile.h"
#include "simd/transpose.h"

namespace kernelet::KERNELET_ISA {

// Up to `lanes` rows of weights, [row][output] to [output][lane]; rows that are missing are zero.
inline void transpose_rows(const float* weights, std::int64_t rows, std::int64_t outputs,
                           float* target) {
    for_vectors(outputs, [&](std::int64_t o, int count) {
        for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
            Vector block[Vector::width];
            KERNELET_UNROLL
            for (int k = 0; k < Vector::width; ++k) {
                block[k] = lane + k < rows ? load_some(weights + (lane + k) * outputs + o, count)
                                           : Vector::zero();
            }
            transpose(block);
            KERNELET_UNROLL
            for (int k = 0; k < Vector::width; ++k) {
                block[k].store(target + (o + k) * lanes + lane);
            }
        }
    });
}

// Up to `lanes` neighbouring inputs, whose numbers lie at some places of a sample's padded cells.
struct InputPlaces {
    std::int64_t count = 0;
    std::array<std::int64_t, lanes> places{};

    bool side_by_side() const {
        return places[static_cast<std::size_t>(count - 1)] - places[0] == count - 1;
    }
};

// The gradient by some inputs of S samples, from their weights as `transpose_rows` stores them.
template <int S>
inline void batch_gradient_tile(const float* upstream, std::int64_t outputs, const float* weights,
                                const InputPlaces& inputs, float* gradient, std::int64_t stride) {
    const float* samples[S];
    for (int s = 0; s < S; ++s) samples[s] = upstream + s * stride;
    Vector sums[S][panel_vectors];
    KERNELET_UNROLL
    for (int s = 0; s < S; ++s) {
        KERNELET_UNROLL
        for (int v = 0; v < panel_vectors; ++v) sums[s][v] = Vector::zero();
    }
    for (std::int64_t o = 0; o < outputs; ++o) {
        Vector w[panel_vectors];
        KERNELET_UNROLL
        for (int v = 0; v < panel_vectors; ++v) {
            w[v] = Vector::load(weights + o * lanes + v * Vector::width);
        }
        KERNELET_UNROLL
        for (int s = 0; s < S; ++s) {
            const Vector x = Vector::broadcast_from(samples[s] + o);
            KERNELET_UNROLL
            for (int v = 0; v < panel_vectors; ++v) sums[s][v] = fma(x, w[v], sums[s][v]);
        }
    }
    const VectorCounts<panel_vectors> counts(inputs.count);
    const bool together = inputs.side_by_side();
    float numbers[lanes];
    for (int s = 0; s < S; ++s) {
        float* sample = gradient + s * stride;
        float* target = together ? sample + inputs.places[0] : numbers;
        KERNELET_UNROLL
        for (int v = 0; v < panel_vectors; ++v) {
            store_some(sums[s][v], target + v * Vector::width, counts.count[v]);
        }
        for (std::int64_t k = 0; k < inputs.count && !together; ++k) {
            sample[inputs.places[static_cast<std::size_t>(k)]] = numbers[k];
        }
    }
}

using BatchGradientTile = void (*)(const float*, std::int64_t, const float*, const InputPlaces&,
                                   float*, std::int64_t);

template <int... S>
constexpr std::array<BatchGradientTile, sizeof...(S)> batch_gradient_tiles(
    std::integer_sequence<int, S...>) {
    return {batch_gradient_tile<S + 1>...};
}

// Operands: gradient of the outputs, weights, gradient by the input, workspace of `lanes` × outputs
// rounded up to a multiple of `lanes`. Pieces are groups of `lanes` floats of the gradient.
inline void dense_input_gradient_single_batch(const Call& call) {
    const auto& a = arguments<SingleDenseArguments>(call);
    static constexpr auto tiles =
        batch_gradient_tiles(std::make_integer_sequence<int, batch_samples>());
    const std::int64_t stride = call.step->batch_stride;
    // What pads cells is left alone.
    const auto inputs_before = [&](std::int64_t place) {
        return place / a.cell_floats * a.channels + smaller(place % a.cell_floats, a.channels);
    };
    const std::int64_t end = inputs_before(smaller(call.end * lanes, a.cells * a.cell_floats));
    for (std::int64_t i = inputs_before(call.begin * lanes); i < end; i += lanes) {
        InputPlaces inputs{smaller(lanes, end - i), {}};
        for (std::int64_t k = 0; k < inputs.count; ++k) {
            inputs.places[static_cast<std::size_t>(k)] =
                (i + k) / a.channels * a.cell_floats + (i + k) % a.channels;
        }
        transpose_rows(call.operands[1] + i * a.outputs, inputs.count, a.outputs, call.operands[3]);
        for_sample_tiles({0, call.step->batch}, tiles, [&](BatchGradientTile tile, std::int64_t s) {
            tile(call.operands[0] + s * stride, a.outputs, call.operands[3], inputs,
                 call.operands[2] + s * stride, stride);
        });
    }
}

}  // namespace kernelet::KERNELET_ISA
