// The gradient by the filters in bfloat16: sums over cells and samples in registers.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/bfloat16/lane_pairs.h"
#include "kernels/bfloat16/upstream_rows.h"
#include "kernels/filter_gradient.h"

namespace kernelet::KERNELET_ISA {

// The upstream gradient of some filters as [filter][cell][pair], rows filled up to whole pairs of
// cells with zeros.
inline void write_filters(const ChannelPlanes& layout, const UpstreamRows& upstream,
                          const Span& filters, Pair* target) {
    const auto& a = layout.a;
    for (std::int64_t row = 0; row < a.output_depth * a.output_height; ++row) {
        const float* source = upstream.rows().row(row);
        for (std::int64_t f = filters.begin; f < filters.end; ++f) {
            Pair* place = target + f * layout.filter_size() + row * layout.upstream_row();
            for (std::int64_t cell = 0; cell < 2 * layout.output_pairs; ++cell) {
                store_neighbours(
                    cell < a.output_width ? source + (cell * a.filters + f) * lanes : no_numbers,
                    place + cell * cell_pairs);
            }
        }
        upstream.add(row);
    }
}

// I rows of the gradient, whose inputs begin at `inputs`, × O filters.
template <int I, int O>
inline void lane_pair_tile(const Pair* const* inputs, const Pair* upstream,
                           const ChannelPlanes& layout, float* gradient) {
    const auto& a = layout.a;
    Vector sums[I][O];
    KERNELET_UNROLL
    for (int i = 0; i < I; ++i) {
        KERNELET_UNROLL
        for (int o = 0; o < O; ++o) {
            sums[i][o] = Vector::zero();
        }
    }
    const std::int64_t filter_size = layout.filter_size();
    const Pair* y = upstream;
    for (std::int64_t row = 0; row < a.output_depth * a.output_height; ++row) {
        const std::int64_t start = layout.row_offset(row / a.output_height, row % a.output_height);
        const Pair* x[I];
        KERNELET_UNROLL
        for (int i = 0; i < I; ++i) {
            x[i] = inputs[i] + start;
        }
        for (std::int64_t k = 0; k < layout.upstream_row(); k += IntVector::width) {
            IntVector up[O];
            KERNELET_UNROLL
            for (int o = 0; o < O; ++o) {
                up[o] = IntVector::load(y + o * filter_size + k);
            }
            KERNELET_UNROLL
            for (int i = 0; i < I; ++i) {
                const IntVector element = IntVector::load(x[i] + k);
                KERNELET_UNROLL
                for (int o = 0; o < O; ++o) {
                    sums[i][o] = add_products(element, up[o], sums[i][o]);
                }
            }
        }
        y += layout.upstream_row();
    }
    for (int i = 0; i < I; ++i) {
        for (int o = 0; o < O; ++o) {
            gradient[i * a.filters + o] += reduce_add(sums[i][o]);
        }
    }
}

using LanePairTile = void (*)(const Pair* const*, const Pair*, const ChannelPlanes&, float*);

template <int I>
inline constexpr LanePairTile lane_pair_tiles[] = {nullptr, lane_pair_tile<I, 1>,
                                                   lane_pair_tile<I, 2>, lane_pair_tile<I, 3>,
                                                   lane_pair_tile<I, 4>};

// All rows of the gradient of some filters of one group: taps × channels, `offsets` those of their
// inputs.
inline void lane_pair_rows(const Pair* input, const Pair* offsets, std::int64_t rows,
                           const Pair* upstream, const ChannelPlanes& layout, const Span& filters,
                           float* gradient) {
    const auto& a = layout.a;
    for (std::int64_t o = filters.begin; o < filters.end; o += gradient_columns) {
        const std::int64_t columns = smaller(gradient_columns, filters.end - o);
        std::int64_t row = 0;
        const auto run = [&](const LanePairTile* tiles, int count) {
            const Pair* inputs[gradient_rows];
            for (; row + count <= rows; row += count) {
                for (int i = 0; i < count; ++i) {
                    inputs[i] = input + offsets[row + i];
                }
                tiles[columns](inputs, upstream + o * layout.filter_size(), layout,
                               gradient + row * a.filters + o);
            }
        };
        run(lane_pair_tiles<gradient_rows>, gradient_rows);
        run(lane_pair_tiles<2>, 2);
        run(lane_pair_tiles<1>, 1);
    }
}

// Where the inputs of the gradient's rows, taps × channels of a group, begin.
inline void write_row_offsets(const ChannelPlanes& layout, Pair* offsets) {
    const auto& a = layout.a;
    for (std::int64_t tap = 0; tap < a.kernel_depth * a.kernel_height * a.kernel_width; ++tap) {
        for (std::int64_t c = 0; c < a.channels / a.groups; ++c) {
            *offsets++ = static_cast<Pair>(layout.tap_offset(tap) + c * layout.channel_size());
        }
    }
}

// Operands: input, upstream gradient, its indices or null, partial sums of the gradient and of that
// by the bias or null, workspace.
inline void filter_gradient_in_registers(const Call& call) {
    const auto& a = arguments<FilterGradientBfloat16Arguments>(call);
    const ChannelPlanes layout(a);
    auto* input = reinterpret_cast<Pair*>(call.operands[5]);
    Pair* upstream = input + layout.size();
    Pair* offsets = upstream + layout.upstream_size();
    const FiltersOfCall wanted(call);
    const Span groups = wanted.groups();
    write_channels(layout, gradient_input_rows(call), groups, input);
    const UpstreamRows upstream_rows(call);
    write_filters(layout, upstream_rows, wanted.all(), upstream);
    upstream_rows.finish();
    write_row_offsets(layout, offsets);
    const std::int64_t rows = layout.gradient_rows();
    for (std::int64_t g = groups.begin; g < groups.end; ++g) {
        const Span filters = wanted.of_group(g);
        const std::int64_t first = g * wanted.filters;
        float* gradient = call.operands[3] + first;
        if (call.first) {
            for (std::int64_t row = 0; row < rows; ++row) {
                clear_floats(filters.end - filters.begin,
                             gradient + row * a.filters + filters.begin);
            }
        }
        lane_pair_rows(input + g * (a.channels / a.groups) * layout.channel_size(), offsets, rows,
                       upstream + first * layout.filter_size(), layout, filters, gradient);
    }
}

}  // namespace kernelet::KERNELET_ISA
