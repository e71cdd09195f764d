// What else a network does to single samples: a cell's channels lie side by side, padded to groups
// of `lanes`, so that kernels without a number for each channel (pooling, activations, sums) are
// those of blocks of samples, with a group in place of a channel. The others are here.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/convolution.h"
#include "kernels/normalization.h"
#include "kernels/pointwise.h"
#include "kernels/single_convolution.h"
#include "simd/math.h"

namespace kernelet::KERNELET_ISA {

// --- Arrays of the caller ----------------------------------------------------------------------

KERNELET_INLINE Vector as_floats(const float* p) { return Vector::load(p); }
KERNELET_INLINE Vector as_floats(const std::uint8_t* p) { return Vector::load_u8(p); }
KERNELET_INLINE Vector as_floats(const std::int32_t* p) {
    return convert_to_float(IntVector::load(p));
}

// `count` neighbouring numbers of T, each with its scale and offset.
template <class T>
inline void load_numbers(const T* source, std::int64_t count, const float* scale,
                         const float* offset, float* target) {
    std::int64_t k = 0;
    for (; k + Vector::width <= count; k += Vector::width) {
        fma(as_floats(source + k), Vector::load(scale + k), Vector::load(offset + k))
            .store(target + k);
    }
    if (k == count) return;
    // Nothing behind the numbers may be read: it may be the end of the caller's memory.
    const int rest = static_cast<int>(count - k);
    T last[Vector::width] = {};
    for (int n = 0; n < rest; ++n) last[n] = source[k + n];
    fma(as_floats(last), Vector::load_partial(scale + k, rest),
        Vector::load_partial(offset + k, rest))
        .store_partial(target + k, rest);
}

// Cells without padding are one long row, along which scales and offsets repeat. Of cells that are
// taken together there are whole vectors.
inline constexpr std::int64_t most_repeated = 1024;
inline constexpr std::int64_t cells_together = 4 * lanes;

template <class T>
inline void load_cells(const T* source, std::int64_t cells, const PackSingleArguments& a,
                       const float* scale, const float* offset, float* target) {
    if (a.cell_floats != a.channels || a.channels * cells_together > most_repeated) {
        for (std::int64_t cell = 0; cell < cells; ++cell) {
            load_numbers(source, a.channels, scale, offset, target);
            source += a.channels;
            target += a.cell_floats;
        }
        return;
    }
    float scales[most_repeated];
    float offsets[most_repeated];
    for (std::int64_t cell = 0; cell < smaller(cells_together, cells); ++cell) {
        for (std::int64_t c = 0; c < a.channels; ++c) {
            scales[cell * a.channels + c] = scale[c];
            offsets[cell * a.channels + c] = offset[c];
        }
    }
    for (std::int64_t cell = 0; cell < cells; cell += cells_together) {
        const std::int64_t numbers = smaller(cells_together, cells - cell) * a.channels;
        load_numbers(source + cell * a.channels, numbers, scales, offsets,
                     target + cell * a.channels);
    }
}

// Operands: value; scale and offset of each channel. Pieces are cells.
inline void pack_single(const Call& call) {
    const auto& a = arguments<PackSingleArguments>(call);
    const InputArray& input = call.step->inputs[a.input];
    const std::int64_t first =
        call.step->samples[call.block] * input.row_elements + call.begin * a.channels;
    const auto load = [&]<class T>(const T* data) {
        load_cells(data + first, call.end - call.begin, a, call.operands[1], call.operands[2],
                   call.operands[0] + call.begin * a.cell_floats);
    };
    switch (input.type) {
        case ElementType::float32:
            return load(static_cast<const float*>(input.data));
        case ElementType::uint8:
            return load(static_cast<const std::uint8_t*>(input.data));
        case ElementType::int32:
            return load(static_cast<const std::int32_t*>(input.data));
    }
}

// Operand: value. Pieces are cells.
inline void unpack_single(const Call& call) {
    const auto& a = arguments<UnpackSingleArguments>(call);
    const OutputArray& output = call.step->outputs[a.output];
    float* target = output.data + (call.step->position + call.block) * output.row_elements +
                    call.begin * a.channels;
    const float* source = call.operands[0] + call.begin * a.cell_floats;
    if (a.channels == a.cell_floats) {
        const std::int64_t floats = (call.end - call.begin) * a.channels;
        __builtin_memcpy(target, source, static_cast<std::size_t>(floats) * sizeof(float));
        return;
    }
    for (std::int64_t cell = call.begin; cell < call.end; ++cell) {
        __builtin_memcpy(target, source, static_cast<std::size_t>(a.channels) * sizeof(float));
        target += a.channels;
        source += a.cell_floats;
    }
}

// --- Dense ---------------------------------------------------------------------------------------

// V vectors of outputs, the last of them perhaps not whole.
template <int V, bool Whole>
inline void dense_tile(const SingleDenseArguments& a, const float* input, const float* weights,
                       std::int64_t outputs, float* output, const Epilogue& epilogue) {
    const SingleFilters<Whole> own{weights, a.outputs, outputs};
    Vector sums[1][V];
    for (int v = 0; v < V; ++v) {
        sums[0][v] = Vector::zero();
    }
    for (std::int64_t cell = 0; cell < a.cells; ++cell) {
        accumulate_single<1, V>(sums, input + cell * a.cell_floats, 0, a.channels,
                                weights + cell * a.channels * a.outputs, own);
    }
    for (int v = 0; v < V; ++v) {
        const int count = Whole ? Vector::width : own.within(v);
        const Vector value = finish_single(sums[0][v], epilogue, v * Vector::width, count);
        value.store_partial(output + v * Vector::width, count);
    }
}

using DenseTile = void (*)(const SingleDenseArguments&, const float*, const float*, std::int64_t,
                           float*, const Epilogue&);

template <bool Whole, int... V>
constexpr std::array<DenseTile, sizeof...(V)> dense_tiles(std::integer_sequence<int, V...>) {
    return {dense_tile<V + 1, Whole>...};
}

// Operands: input, weights, bias or null, factors or null, output. Pieces are groups of outputs.
inline void dense_single(const Call& call) {
    const auto& a = arguments<SingleDenseArguments>(call);
    const std::int64_t end = smaller(call.end * lanes, a.outputs);
    static constexpr std::int64_t most = 8;
    static constexpr auto whole =
        dense_tiles<true>(std::make_integer_sequence<int, static_cast<int>(most)>());
    static constexpr auto partial =
        dense_tiles<false>(std::make_integer_sequence<int, static_cast<int>(most)>());
    for (std::int64_t o = call.begin * lanes; o < end; o += most * Vector::width) {
        const std::int64_t count = smaller(end - o, most * Vector::width);
        const auto last = static_cast<std::size_t>((count - 1) / Vector::width);
        const DenseTile tile = count % Vector::width == 0 ? whole[last] : partial[last];
        tile(a, call.operands[0], call.operands[1] + o, count, call.operands[4] + o,
             epilogue_of(call.operands[2], o, a.activation, a.slope, call.operands[3]));
    }
    float* first = call.operands[4] + call.begin * lanes;
    activate_row(first, call.end - call.begin, a.activation);
}

// --- A number for each channel -------------------------------------------------------------------

// Applies `function(vector, channel, count)` to all vectors of all cells.
template <class Function>
KERNELET_INLINE void for_channel_vectors(const ChannelsArguments& a, const float* source,
                                         float* target, Function&& function) {
    const std::int64_t floats = padded_channels(a.channels);
    for (std::int64_t cell = 0; cell < a.cells; ++cell, source += floats, target += floats) {
        for (std::int64_t c = 0; c < a.channels; c += Vector::width) {
            const int count = static_cast<int>(smaller(Vector::width, a.channels - c));
            function(Vector::load(source + c), c, count).store(target + c);
        }
    }
}

// Operands: input, output, scale and offset of each channel.
inline void rescale_single(const Call& call) {
    for_channel_vectors(arguments<ChannelsArguments>(call), call.operands[0], call.operands[1],
                        [&](Vector x, std::int64_t c, int count) {
                            return fma(x, Vector::load_partial(call.operands[2] + c, count),
                                       Vector::load_partial(call.operands[3] + c, count));
                        });
}

// Operands: input, bias, output.
inline void bias_add_single(const Call& call) {
    for_channel_vectors(arguments<ChannelsArguments>(call), call.operands[0], call.operands[2],
                        [&](Vector x, std::int64_t c, int count) {
                            return x + Vector::load_partial(call.operands[1] + c, count);
                        });
}

// Operands: those of `normalize`.
inline void normalize_single(const Call& call) {
    const auto& a = arguments<NormalizeArguments>(call);
    const float* gamma = a.scale ? call.operands[3] : nullptr;
    const float* beta = a.center ? call.operands[3 + a.scale] : nullptr;
    float* y = call.operands[3 + a.scale + a.center];
    const ChannelsArguments size{a.cells, a.channels};
    const Vector epsilon = Vector::broadcast(static_cast<float>(a.epsilon));
    for_channel_vectors(size, call.operands[0], y, [&](Vector x, std::int64_t c, int count) {
        const Vector variance = Vector::load_partial(call.operands[2] + c, count);
        Vector multiplier = Vector::broadcast(1.0F) / sqrt(variance + epsilon);
        if (gamma) multiplier = multiplier * Vector::load_partial(gamma + c, count);
        const Vector offset = beta ? Vector::load_partial(beta + c, count) : Vector::zero();
        const Vector distance = x - Vector::load_partial(call.operands[1] + c, count);
        return activate_sum(fma(distance, multiplier, offset),
                            static_cast<Activation>(a.activation), static_cast<float>(a.slope));
    });
    activate_row(y, a.cells * padded_channels(a.channels) / lanes, a.activation);
}

// --- All channels of a cell ----------------------------------------------------------------------

// Adds up in the order of the channels, as `softmax` does.
inline void softmax_of_cell(const float* scores, std::int64_t channels, float* probabilities) {
    float highest = scores[0];
    for (std::int64_t c = 1; c < channels; ++c) {
        highest = scores[c] > highest ? scores[c] : highest;
    }
    for (std::int64_t c = 0; c < channels; c += Vector::width) {
        exp(Vector::load(scores + c) - Vector::broadcast(highest)).store(probabilities + c);
    }
    float sum = 0.0F;
    for (std::int64_t c = 0; c < channels; ++c) {
        sum += probabilities[c];
    }
    const Vector scale = Vector::broadcast(1.0F) / Vector::broadcast(sum);
    for (std::int64_t c = 0; c < channels; c += Vector::width) {
        (Vector::load(probabilities + c) * scale).store(probabilities + c);
    }
}

// Operands: scores, probabilities.
inline void softmax_single(const Call& call) {
    const auto& a = arguments<ChannelsArguments>(call);
    const std::int64_t floats = padded_channels(a.channels);
    for (std::int64_t cell = 0; cell < a.cells; ++cell) {
        softmax_of_cell(call.operands[0] + cell * floats, a.channels,
                        call.operands[1] + cell * floats);
    }
}

// Operands: inputs, output, a row of the number of channels of each input.
inline void concatenate_single(const Call& call) {
    const auto& a = arguments<ChannelsArguments>(call);
    const std::int64_t inputs = call.operand_count - 2;
    const float* counts = call.operands[inputs + 1];
    const std::int64_t target_floats = padded_channels(a.channels);
    std::int64_t first = 0;
    for (std::int64_t k = 0; k < inputs; ++k) {
        const auto run = static_cast<std::int64_t>(counts[k]);
        const float* source = call.operands[k];
        float* target = call.operands[inputs] + first;
        for (std::int64_t cell = 0; cell < a.cells; ++cell) {
            __builtin_memcpy(target, source, static_cast<std::size_t>(run) * sizeof(float));
            source += padded_channels(run);
            target += target_floats;
        }
        first += run;
    }
}

}  // namespace kernelet::KERNELET_ISA
