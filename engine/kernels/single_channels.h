// What has a number for each channel, for single samples: vectors run along the channels of a cell,
// which are padded to groups of `lanes`. What pads them is never read into another channel.
#pragma once

#include <utility>

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/normalization.h"
#include "kernels/pointwise.h"
#include "kernels/single_tile.h"
#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

// `count` neighbouring channels, from `channel` on, that a vector holds.
struct ChannelVector {
    std::int64_t channel;
    int count;

    KERNELET_INLINE Vector load(const float* numbers) const {
        return Vector::load_partial(numbers + channel, count);
    }
    KERNELET_INLINE void store(Vector value, float* numbers) const {
        value.store_partial(numbers + channel, count);
    }
    KERNELET_INLINE Vector load_or_zero(const float* numbers) const {
        return numbers ? load(numbers) : Vector::zero();
    }
};

KERNELET_INLINE ChannelVector channel_vector(std::int64_t channel, std::int64_t channels) {
    const std::int64_t left = larger(0, smaller(Vector::width, channels - channel));
    return {channel, static_cast<int>(left)};
}

// Applies rule(vector, place) to V neighbouring vectors of cells [begin, end), from a channel on.
template <int... V, class Make>
inline void for_vectors_of_cells(std::integer_sequence<int, V...>, std::int64_t first,
                                 std::int64_t begin, std::int64_t end, std::int64_t channels,
                                 const float* source, float* target, const Make& make) {
    const std::int64_t floats = padded_channels(channels);
    const decltype(make(channel_vector(first, channels))) rules[] = {
        make(channel_vector(first + V * Vector::width, channels))...};
    for (std::int64_t cell = begin * floats + first; cell < end * floats; cell += floats) {
        KERNELET_UNROLL
        for (int v = 0; v < static_cast<int>(sizeof...(V)); ++v) {
            const std::int64_t at = cell + v * Vector::width;
            rules[v](Vector::load(source + at), at).store(target + at);
        }
    }
}

// Applies rule(vector, place) to all vectors of cells [begin, end), where `rule` is make(vector of
// channels): what is the same in all cells is made once. Several vectors of a cell are taken one
// after the other, as cells are written in long runs so.
template <class Make>
KERNELET_INLINE void for_channels_of_cells(std::int64_t begin, std::int64_t end,
                                           std::int64_t channels, const float* source,
                                           float* target, const Make& make) {
    std::int64_t c = 0;
    const auto take = [&]<int V>() {
        for (; c + (V - 1) * Vector::width < channels; c += V * Vector::width) {
            for_vectors_of_cells(std::make_integer_sequence<int, V>(), c, begin, end, channels,
                                 source, target, make);
        }
    };
    take.template operator()<8>();
    take.template operator()<2>();
    take.template operator()<1>();
}

// Operands: input, output, scale and offset of each channel. Pieces are cells.
inline void rescale_single(const Call& call) {
    const auto& a = arguments<ChannelsArguments>(call);
    for_channels_of_cells(call.begin, call.end, a.channels, call.operands[0], call.operands[1],
                          [&](ChannelVector own) {
                              const Vector scale = own.load(call.operands[2]);
                              const Vector offset = own.load(call.operands[3]);
                              return [=](Vector x, std::int64_t) { return fma(x, scale, offset); };
                          });
}

// Operands: input, bias, output. Pieces are cells.
inline void bias_add_single(const Call& call) {
    const auto& a = arguments<ChannelsArguments>(call);
    for_channels_of_cells(call.begin, call.end, a.channels, call.operands[0], call.operands[2],
                          [&](ChannelVector own) {
                              const Vector bias = own.load(call.operands[1]);
                              return [=](Vector x, std::int64_t) { return x + bias; };
                          });
}

// --- Sums over cells and samples -----------------------------------------------------------------

// Sums of V neighbouring vectors of channels. `centre` has a number for each channel, or is null.
template <int V, class Add, class Finish>
KERNELET_INLINE void sum_channel_vectors(const Call& call, const ChannelsArguments& a,
                                         std::int64_t first, const float* centre, float* partials,
                                         const Add& add, const Finish& finish) {
    const std::int64_t floats = padded_channels(a.channels);
    Vector sums[V];
    Vector centres[V];
    KERNELET_UNROLL
    for (int v = 0; v < V; ++v) {
        sums[v] = Vector::zero();
        centres[v] = channel_vector(first + v * Vector::width, a.channels).load_or_zero(centre);
    }
    for (std::int64_t at = first; at < a.cells * floats; at += floats) {
        KERNELET_UNROLL
        for (int v = 0; v < V; ++v) {
            sums[v] = add(sums[v], at + v * Vector::width, centres[v]);
        }
    }
    for (int v = 0; v < V; ++v) {
        const ChannelVector own = channel_vector(first + v * Vector::width, a.channels);
        Vector total = finish(sums[v], own);
        if (!call.first) total = own.load(partials) + total;
        total.store_partial(partials + own.channel, own.count);
    }
}

// Adds to the partial sums, one a channel, finish(total, channels), where the total over cells is
// made by add(sum, place, centre). Pieces are groups of channels.
template <class Add, class Finish>
KERNELET_INLINE void single_channel_sums(const Call& call, const ChannelsArguments& a,
                                         const float* centre, float* partials, const Add& add,
                                         const Finish& finish) {
    constexpr int several = 4;
    const std::int64_t end = smaller(call.end * lanes, padded_channels(a.channels));
    std::int64_t c = call.begin * lanes;
    for (; c + several * Vector::width <= end; c += several * Vector::width) {
        sum_channel_vectors<several>(call, a, c, centre, partials, add, finish);
    }
    for (; c < end; c += Vector::width) {
        sum_channel_vectors<1>(call, a, c, centre, partials, add, finish);
    }
}

// Most channels of cells without padding; plan/tight_cells.py says the same.
inline constexpr int most_tight_channels = 8;

// Adds to the partial sums the totals of C channels of cells that lie without padding, so that the
// channels of C vectors repeat.
template <int C>
inline void sum_tight_channels(const float* x, std::int64_t cells, float* partials, bool first) {
    Vector sums[C];
    KERNELET_UNROLL
    for (int v = 0; v < C; ++v) sums[v] = Vector::zero();
    const std::int64_t end = cells * C;
    std::int64_t at = 0;
    for (; at + C * Vector::width <= end; at += C * Vector::width) {
        KERNELET_UNROLL
        for (int v = 0; v < C; ++v) sums[v] = sums[v] + Vector::load(x + at + v * Vector::width);
    }
    float apart[C * Vector::width];
    KERNELET_UNROLL
    for (int v = 0; v < C; ++v) sums[v].store(apart + v * Vector::width);
    float totals[C] = {};
    for (int k = 0; k < C * Vector::width; ++k) totals[k % C] += apart[k];
    for (; at < end; ++at) totals[at % C] += x[at];
    for (int c = 0; c < C; ++c) partials[c] = first ? totals[c] : partials[c] + totals[c];
}

template <int... C>
inline void sum_tight_cells(const Call& call, const CellsArguments& a,
                            std::integer_sequence<int, C...>) {
    using Sum = void (*)(const float*, std::int64_t, float*, bool);
    static constexpr Sum sums[] = {sum_tight_channels<C + 1>...};
    sums[a.channels - 1](call.operands[0], a.cells, call.operands[1], call.first);
}

// Operands: input, partial sum.
inline void channel_sum_single(const Call& call) {
    const auto& a = arguments<CellsArguments>(call);
    if (a.cell_floats < lanes) {
        sum_tight_cells(call, a, std::make_integer_sequence<int, most_tight_channels>());
        return;
    }
    const float* x = call.operands[0];
    single_channel_sums(
        call, {a.cells, a.channels}, nullptr, call.operands[1],
        [=](Vector sum, std::int64_t at, Vector) { return sum + Vector::load(x + at); },
        [](Vector total, ChannelVector) { return total; });
}

// Operands: x, partial sum of the mean.
inline void channel_mean_single(const Call& call) {
    const auto& a = arguments<ChannelsArguments>(call);
    const float* x = call.operands[0];
    const Vector count = Vector::broadcast(numbers_of_channel(call, a.cells));
    single_channel_sums(
        call, a, nullptr, call.operands[1],
        [=](Vector sum, std::int64_t at, Vector) { return sum + Vector::load(x + at); },
        [=](Vector total, ChannelVector) { return total / count; });
}

// Operands: x, mean, partial sum of the variance.
inline void channel_variance_single(const Call& call) {
    const auto& a = arguments<ChannelsArguments>(call);
    const float* x = call.operands[0];
    const Vector count = Vector::broadcast(numbers_of_channel(call, a.cells));
    single_channel_sums(
        call, a, call.operands[1], call.operands[2],
        [=](Vector sum, std::int64_t at, Vector mean) {
            const Vector distance = Vector::load(x + at) - mean;
            return fma(distance, distance, sum);
        },
        [=](Vector total, ChannelVector) { return total / count; });
}

// Operands: upstream gradient, x, mean, variance, partial sum of upstream × normalised x.
inline void normalized_product_sum_single(const Call& call) {
    const auto& a = arguments<NormalizationArguments>(call);
    const float* upstream = call.operands[0];
    const float* x = call.operands[1];
    single_channel_sums(
        call, {a.cells, a.channels}, call.operands[2], call.operands[4],
        [=](Vector sum, std::int64_t at, Vector mean) {
            return fma(Vector::load(upstream + at), Vector::load(x + at) - mean, sum);
        },
        [&](Vector total, ChannelVector own) {
            return total * inverse_deviation(own.load(call.operands[3]), a.epsilon);
        });
}

// --- Normalisation -------------------------------------------------------------------------------

// Operands: those of `normalize`. Pieces are cells.
inline void normalize_single(const Call& call) {
    const auto& a = arguments<NormalizeArguments>(call);
    const float* gamma = a.scale ? call.operands[3] : nullptr;
    const float* beta = a.center ? call.operands[3 + a.scale] : nullptr;
    float* y = call.operands[3 + a.scale + a.center];
    const auto activation = static_cast<Activation>(a.activation);
    const auto slope = static_cast<float>(a.slope);
    for_channels_of_cells(
        call.begin, call.end, a.channels, call.operands[0], y, [&](ChannelVector own) {
            const Vector mean = own.load(call.operands[1]);
            Vector multiplier = inverse_deviation(own.load(call.operands[2]), a.epsilon);
            if (gamma) multiplier = multiplier * own.load(gamma);
            const Vector offset = own.load_or_zero(beta);
            return [=](Vector x, std::int64_t) {
                return activate_sum(fma(x - mean, multiplier, offset), activation, slope);
            };
        });
    const std::int64_t floats = padded_channels(a.channels);
    activate_row(y + call.begin * floats, (call.end - call.begin) * floats / lanes, a.activation);
}

// Operands: those of `normalize_gradient`. Pieces are cells.
inline void normalize_gradient_single(const Call& call) {
    const auto& a = arguments<NormalizationArguments>(call);
    const float* gamma = a.scale ? call.operands[6] : nullptr;
    const float* x = call.operands[1];
    const Vector share = Vector::broadcast(1.0F / numbers_of_channel(call, a.cells));
    for_channels_of_cells(
        call.begin, call.end, a.channels, call.operands[0], call.operands[6 + a.scale],
        [&](ChannelVector own) {
            const Vector inverse = inverse_deviation(own.load(call.operands[3]), a.epsilon);
            const Vector mean = own.load(call.operands[2]);
            const Vector shift = share * own.load(call.operands[4]);
            const Vector slope = share * inverse * own.load(call.operands[5]);
            const Vector multiplier = gamma ? inverse * own.load(gamma) : inverse;
            return [=](Vector upstream, std::int64_t at) {
                return multiplier * (upstream - fma(Vector::load(x + at) - mean, slope, shift));
            };
        });
}

// Operands: those of `normalize_fixed_gradient`. Pieces are cells.
inline void normalize_fixed_gradient_single(const Call& call) {
    const auto& a = arguments<NormalizationArguments>(call);
    const float* gamma = a.scale ? call.operands[2] : nullptr;
    for_channels_of_cells(
        call.begin, call.end, a.channels, call.operands[0], call.operands[2 + a.scale],
        [&](ChannelVector own) {
            Vector multiplier = inverse_deviation(own.load(call.operands[1]), a.epsilon);
            if (gamma) multiplier = multiplier * own.load(gamma);
            return [=](Vector upstream, std::int64_t) { return upstream * multiplier; };
        });
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

// Operands: scores, probabilities. Pieces are cells.
inline void softmax_single(const Call& call) {
    const auto& a = arguments<ChannelsArguments>(call);
    const std::int64_t floats = padded_channels(a.channels);
    for (std::int64_t cell = call.begin; cell < call.end; ++cell) {
        softmax_of_cell(call.operands[0] + cell * floats, a.channels,
                        call.operands[1] + cell * floats);
    }
}

// Operands: upstream gradient, probabilities, gradient by the scores. Pieces are cells.
inline void softmax_gradient_single(const Call& call) {
    const auto& a = arguments<ChannelsArguments>(call);
    const std::int64_t floats = padded_channels(a.channels);
    for (std::int64_t cell = call.begin * floats; cell < call.end * floats; cell += floats) {
        const float* upstream = call.operands[0] + cell;
        const float* probabilities = call.operands[1] + cell;
        Vector products = Vector::zero();
        for (std::int64_t c = 0; c < a.channels; c += Vector::width) {
            const ChannelVector own = channel_vector(c, a.channels);
            products = fma(own.load(upstream), own.load(probabilities), products);
        }
        const Vector mean = Vector::broadcast(reduce_add(products));
        for (std::int64_t c = 0; c < a.channels; c += Vector::width) {
            const Vector difference = Vector::load(upstream + c) - mean;
            (Vector::load(probabilities + c) * difference).store(call.operands[2] + cell + c);
        }
    }
}

}  // namespace kernelet::KERNELET_ISA
