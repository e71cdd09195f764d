// The transform of filters for Winograd's convolution: at each position in the order that the
// products of blocks of samples or of single ones read.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/single_tile.h"
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
// those of `pack_filters_single`, panels filled up with zeros.
struct TransformedFilters {
    float* first;
    std::int64_t inputs;
    std::int64_t outputs;
    bool panels;

    std::int64_t stride() const {
        return position_stride(inputs, panels ? padded_channels(outputs) : outputs);
    }

    // Puts the values from input k to outputs [o, o + count).
    void put(float (*values)[Vector::width], std::int64_t k, std::int64_t o, int count) const {
        if (panels) {
            put_part(values, inputs * (o / lanes * lanes) + k * lanes + o % lanes, Vector::width);
            return;
        }
        for (int done = 0; done < count;) {
            const std::int64_t output = o + done;
            const std::int64_t begin = output / filter_block * filter_block;
            const std::int64_t block = smaller(filter_block, outputs - begin);
            const int together = static_cast<int>(smaller(begin + block - output, count - done));
            put_part(values, begin * inputs + k * block + output - begin, together, done);
            done += together;
        }
    }

  private:
    void put_part(float (*values)[Vector::width], std::int64_t place, int count,
                  int from = 0) const {
        for (int p = 0; p < winograd_positions; ++p) {
            store_some(load_some(values[p] + from, count), first + p * stride() + place, count);
        }
    }
};

// Inputs [begin, end) of the filters of up to `lanes` outputs from `output` on.
struct FilterPart {
    std::int64_t output;
    std::int64_t begin;
    std::int64_t end;
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
inline void transform_filters(const float* weights, const FilterPart& part,
                              const TransformedFilters& target) {
    float values[winograd_positions][Vector::width];
    for (std::int64_t c = part.begin; c < part.end; ++c) {
        for (std::int64_t f = part.output; f < part.output + lanes; f += Vector::width) {
            const auto count =
                static_cast<int>(larger(0, smaller(Vector::width, target.outputs - f)));
            transform_taps<Taps>(
                {weights + c * target.outputs + f, target.inputs * target.outputs, count}, values);
            target.put(values, c, f, count);
        }
    }
}

template <int Taps>
inline void transform_turned_filters(const float* weights, const FilterPart& part,
                                     const TransformedFilters& target) {
    float turned[Taps * Taps * Vector::width * Vector::width];
    float values[winograd_positions][Vector::width];
    for (std::int64_t c = part.output; c < part.output + lanes; c += Vector::width) {
        const auto inputs = static_cast<int>(larger(0, smaller(Vector::width, target.outputs - c)));
        for (std::int64_t f = part.begin; f < part.end; f += Vector::width) {
            const auto outputs = static_cast<int>(smaller(Vector::width, part.end - f));
            turn_filters<Taps>(weights + c * target.inputs + f, target.inputs * target.outputs,
                               target.inputs, inputs, outputs, turned);
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
    const std::int64_t inputs = a.transposed ? a.filters : a.channels;
    const std::int64_t outputs = a.transposed ? a.channels : a.filters;
    const TransformedFilters target{call.operands[1], inputs, outputs, a.panels != 0};
    for (std::int64_t row = call.begin; row < call.end;) {
        const std::int64_t begin = row % inputs;
        const FilterPart part{row / inputs * lanes, begin, smaller(inputs, begin + call.end - row)};
        if (a.transposed) {
            transform_turned_filters<Taps>(call.operands[0], part, target);
        } else {
            transform_filters<Taps>(call.operands[0], part, target);
        }
        row += part.end - part.begin;
    }
}

// Operands: filters [tap][channel][filter], transformed filters. Pieces are inputs of panels.
inline void pack_filters_winograd(const Call& call) {
    if (arguments<WinogradFiltersArguments>(call).taps == 3) {
        winograd_filters_of<3>(call);
    } else {
        winograd_filters_of<5>(call);
    }
}

}  // namespace kernelet::KERNELET_ISA
