// The gradient by the filters in bfloat16: sums over cells and samples in registers.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/bfloat16/lane_pairs.h"
#include "kernels/bfloat16/upstream_rows.h"
#include "kernels/filter_gradient.h"

namespace kernelet::KERNELET_ISA {

// The upstream gradient of some filters in a band as [filter][cell][pair], rows filled up to whole
// pairs of cells with zeros.
inline void write_filters(const ChannelPlanes& layout, const UpstreamRows& upstream,
                          const Span& filters, const Span& band, Pair* target) {
    const auto& a = layout.a;
    const std::int64_t count = band.end - band.begin;
    for (std::int64_t row = 0; row < a.output_depth * count; ++row) {
        const std::int64_t line = row / count * a.output_height + band.begin + row % count;
        const float* source = upstream.rows().row(line);
        for (std::int64_t f = filters.begin; f < filters.end; f += channels_written) {
            Pair* place = target + f * layout.filter_size() + row * layout.upstream_row();
            for (std::int64_t cell = 0; cell < 2 * layout.output_pairs; ++cell) {
                const bool inside = cell < a.output_width;
                write_cell(inside ? source + (cell * a.filters + f) * lanes : nullptr,
                           smaller(channels_written, filters.end - f), layout.filter_size(),
                           place + cell * cell_pairs);
            }
        }
        upstream.add(line);
    }
}

// I rows of the gradient, whose inputs begin at `inputs`, × O filters, of `count` rows of output
// cells of each plane.
template <int I, int O>
inline void lane_pair_tile(const Pair* const* inputs, const Pair* upstream,
                           const ChannelPlanes& layout, std::int64_t count, float* gradient) {
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
    for (std::int64_t row = 0; row < a.output_depth * count; ++row) {
        const std::int64_t start = layout.row_offset(row / count, row % count);
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

using LanePairTile = void (*)(const Pair* const*, const Pair*, const ChannelPlanes&, std::int64_t,
                              float*);

template <int I>
inline constexpr LanePairTile lane_pair_tiles[] = {nullptr, lane_pair_tile<I, 1>,
                                                   lane_pair_tile<I, 2>, lane_pair_tile<I, 3>,
                                                   lane_pair_tile<I, 4>};

// All rows of the gradient of some filters of one group: taps × channels, `offsets` those of their
// inputs, and `lines` the rows of output cells of each plane.
inline void lane_pair_rows(const Pair* input, const Pair* offsets, std::int64_t rows,
                           const Pair* upstream, const ChannelPlanes& layout, std::int64_t lines,
                           const Span& filters, float* gradient) {
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
                tiles[columns](inputs, upstream + o * layout.filter_size(), layout, lines,
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
// by the bias or null, workspace. Pieces are filters.
inline void filter_gradient_in_registers(const Call& call) {
    const auto& a = arguments<FilterGradientBfloat16Arguments>(call);
    const ChannelPlanes layout(a);
    auto* input = reinterpret_cast<Pair*>(call.operands[5]);
    Pair* upstream = input + layout.size();
    Pair* offsets = upstream + layout.upstream_size();
    const FiltersOfCall wanted(call);
    const Span groups = wanted.groups();
    const UpstreamRows upstream_rows(call);
    const std::int64_t rows = layout.gradient_rows();
    write_row_offsets(layout, offsets);
    if (call.first) {
        const Span filters = wanted.all();
        for (std::int64_t row = 0; row < rows; ++row) {
            clear_floats(filters.end - filters.begin,
                         call.operands[3] + row * a.filters + filters.begin);
        }
    }
    for (std::int64_t begin = 0; begin < a.output_height; begin += layout.band) {
        const Span band{begin, smaller(begin + layout.band, a.output_height)};
        write_channels(layout, gradient_input_rows(call), groups, begin, input);
        write_filters(layout, upstream_rows, wanted.all(), band, upstream);
        for (std::int64_t g = groups.begin; g < groups.end; ++g) {
            const std::int64_t first = g * wanted.filters;
            lane_pair_rows(input + g * (a.channels / a.groups) * layout.channel_size(), offsets,
                           rows, upstream + first * layout.filter_size(), layout,
                           band.end - band.begin, wanted.of_group(g), call.operands[3] + first);
        }
    }
    upstream_rows.finish();
}

}  // namespace kernelet::KERNELET_ISA
