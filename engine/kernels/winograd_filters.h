// The transform of filters for Winograd's convolution: [position][channel][filter], in the order
// that the products of blocks of samples or of single ones read.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/tile.h"
#include "kernels/winograd_transforms.h"
#include "simd/transpose.h"

namespace kernelet::KERNELET_ISA {

// Filters of `Taps` × `Taps` from one input to a vector of outputs: tap t begins t · `stride`
// behind the first.
struct TapVectors {
    const float* first;
    std::int64_t stride;
    int outputs;
};

// Their values at all positions.
template <int Taps>
KERNELET_INLINE void transform_taps(const TapVectors& taps, float (*values)[Vector::width]) {
    Vector half[winograd_points][Taps];
    for (int l = 0; l < Taps; ++l) {
        Vector column[Taps];
        Vector result[winograd_points];
        for (int k = 0; k < Taps; ++k) {
            const float* tap = taps.first + (k * Taps + l) * taps.stride;
            column[k] = Vector::load_partial(tap, taps.outputs);
        }
        evaluate<Taps>(column, result);
        scale_points(result);
        for (int i = 0; i < winograd_points; ++i) half[i][l] = result[i];
    }
    for (int i = 0; i < winograd_points; ++i) {
        Vector result[winograd_points];
        evaluate<Taps>(half[i], result);
        scale_points(result);
        for (int j = 0; j < winograd_points; ++j) {
            result[j].store(values[i * winograd_points + j]);
        }
    }
}

// Transformed filters: at each position those of `pack_filters`, blocks of output channels, or
// with `rows` all outputs of one input after the other.
struct TransformedFilters {
    float* first;
    std::int64_t inputs;
    std::int64_t outputs;
    bool rows;

    // Puts the values from input k to outputs [o, o + count).
    void put(float (*values)[Vector::width], std::int64_t k, std::int64_t o, int count) const {
        for (int done = 0; done < count;) {
            const std::int64_t output = o + done;
            const std::int64_t begin = rows ? 0 : output / filter_block * filter_block;
            const std::int64_t block = rows ? outputs : smaller(filter_block, outputs - begin);
            const int together = static_cast<int>(smaller(begin + block - output, count - done));
            float* place = first + begin * inputs + k * block + output - begin;
            for (int p = 0; p < winograd_positions; ++p) {
                Vector::load_partial(values[p] + done, together)
                    .store_partial(place + p * inputs * outputs, together);
            }
            done += together;
        }
    }
};

// Turned filters of `width` inputs × `width` outputs of the convolution, transposed: the taps in
// reverse order, [tap][output][input].
template <int Taps>
inline void turn_filters(const float* weights, std::int64_t tap_floats, std::int64_t filters,
                         int inputs, int outputs, float* turned) {
    for (int tap = 0; tap < Taps * Taps; ++tap) {
        const float* source = weights + (Taps * Taps - 1 - tap) * tap_floats;
        Vector block[Vector::width];
        for (int c = 0; c < Vector::width; ++c) {
            block[c] =
                c < inputs ? Vector::load_partial(source + c * filters, outputs) : Vector::zero();
        }
        transpose(block);
        for (int f = 0; f < outputs; ++f) {
            block[f].store(turned + (tap * Vector::width + f) * Vector::width);
        }
    }
}

template <int Taps>
inline void transform_filters(const float* weights, std::int64_t channels, std::int64_t filters,
                              const TransformedFilters& target) {
    float values[winograd_positions][Vector::width];
    for (std::int64_t c = 0; c < channels; ++c) {
        for (std::int64_t f = 0; f < filters; f += Vector::width) {
            const int count = static_cast<int>(smaller(Vector::width, filters - f));
            transform_taps<Taps>({weights + c * filters + f, channels * filters, count}, values);
            target.put(values, c, f, count);
        }
    }
}

template <int Taps>
inline void transform_turned_filters(const float* weights, std::int64_t channels,
                                     std::int64_t filters, const TransformedFilters& target) {
    float turned[Taps * Taps * Vector::width * Vector::width];
    float values[winograd_positions][Vector::width];
    for (std::int64_t c = 0; c < channels; c += Vector::width) {
        const int inputs = static_cast<int>(smaller(Vector::width, channels - c));
        for (std::int64_t f = 0; f < filters; f += Vector::width) {
            const int outputs = static_cast<int>(smaller(Vector::width, filters - f));
            turn_filters<Taps>(weights + c * filters + f, channels * filters, filters, inputs,
                               outputs, turned);
            for (int k = 0; k < outputs; ++k) {
                transform_taps<Taps>(
                    {turned + k * Vector::width, Vector::width * Vector::width, inputs}, values);
                target.put(values, f + k, c, inputs);
            }
        }
    }
}

template <int Taps>
inline void winograd_filters_of(const Call& call) {
    const auto& a = arguments<WinogradFiltersArguments>(call);
    if (a.transposed) {
        transform_turned_filters<Taps>(call.operands[0], a.channels, a.filters,
                                       {call.operands[1], a.filters, a.channels, a.rows != 0});
    } else {
        transform_filters<Taps>(call.operands[0], a.channels, a.filters,
                                {call.operands[1], a.channels, a.filters, a.rows != 0});
    }
}

// Operands: filters [tap][channel][filter], transformed filters.
inline void pack_filters_winograd(const Call& call) {
    if (arguments<WinogradFiltersArguments>(call).taps == 3) {
        winograd_filters_of<3>(call);
    } else {
        winograd_filters_of<5>(call);
    }
}

}  // namespace kernelet::KERNELET_ISA
