// The gradient by filters by Winograd's algorithm: the values of an input tile times those of the
// upstream gradient's tile, summed over tiles and samples for each position apart.
//
// Vectors of the upstream gradient run along filters, so that the sums,
// [position][channel][filter], never cross lanes; that of a block of samples is transposed first.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/outer_product.h"
#include "kernels/winograd.h"

namespace kernelet::KERNELET_ISA {

// What the workspace holds of `Samples` samples, one behind the other.
template <int Samples>
struct WinogradGradientSpace {
    float* input_values;
    float* upstream_values;
    float* sums;   // [position][channel][filter]
    float* cells;  // of one upstream tile of a block of samples, transposed
    std::int64_t input_floats;
    std::int64_t upstream_floats;
    std::int64_t input_stride;
    std::int64_t upstream_stride;

    template <class Arguments>
    WinogradGradientSpace(float* workspace, const Arguments& a)
        : input_values(workspace),
          input_floats(Samples == 1 ? padded_channels(a.channels) : a.channels * lanes),
          upstream_floats(whole_vectors(a.filters) * Samples),
          input_stride(position_stride(a.tiles, input_floats)),
          upstream_stride(position_stride(a.tiles, upstream_floats)) {
        upstream_values = input_values + winograd_positions * input_stride;
        sums = upstream_values + winograd_positions * upstream_stride;
        cells = sums + winograd_positions * a.channels * a.filters;
    }
};

// The values of a vector of filters at all positions; `read(i, j)` is cell (i, j) of a tile.
template <int Taps, class Read>
KERNELET_INLINE void transform_upstream(const Read& read, float* target, std::int64_t stride) {
    constexpr int outputs = winograd_outputs<Taps>;
    Vector half[winograd_points][outputs];
    KERNELET_UNROLL
    for (int j = 0; j < outputs; ++j) {
        Vector column[outputs];
        Vector values[winograd_points];
        KERNELET_UNROLL
        for (int i = 0; i < outputs; ++i) column[i] = read(i, j);
        evaluate<outputs>(column, values);
        KERNELET_UNROLL
        for (int i = 0; i < winograd_points; ++i) half[i][j] = values[i];
    }
    KERNELET_UNROLL
    for (int i = 0; i < winograd_points; ++i) {
        Vector values[winograd_points];
        evaluate<outputs>(half[i], values);
        KERNELET_UNROLL
        for (int j = 0; j < winograd_points; ++j) {
            values[j].store(target + (i * winograd_points + j) * stride);
        }
    }
}

// Transposes the upstream tile whose first cell is (top, left); cells outside are zero.
template <int Taps>
inline void transpose_tile(const Cells<const float>& upstream, std::int64_t filters,
                           std::int64_t top, std::int64_t left, float* cells) {
    constexpr int outputs = winograd_outputs<Taps>;
    const std::int64_t floats = panels_floats(filters);
    for (int i = 0; i < outputs; ++i) {
        for (int j = 0; j < outputs; ++j) {
            float* cell = cells + (i * outputs + j) * floats;
            if (top + i < upstream.height && left + j < upstream.width) {
                transpose_cell(upstream.at(top + i, left + j), filters, cell);
            } else {
                for (std::int64_t k = 0; k < floats; k += Vector::width) {
                    Vector::zero().store(cell + k);
                }
            }
        }
    }
}

// The values of a tile of a block of samples at all positions.
template <int Taps>
inline void upstream_of_block(const Cells<const float>& upstream, std::int64_t filters,
                              std::int64_t top, std::int64_t left, float* cells, float* target,
                              std::int64_t stride) {
    constexpr int outputs = winograd_outputs<Taps>;
    transpose_tile<Taps>(upstream, filters, top, left, cells);
    const std::int64_t floats = panels_floats(filters);
    for (std::int64_t offset = 0; offset < floats; offset += Vector::width) {
        const auto cell = [&](int i, int j) {
            return Vector::load(cells + (i * outputs + j) * floats + offset);
        };
        transform_upstream<Taps>(cell, target + offset, stride);
    }
}

// The same for a single sample, whose filters lie side by side.
template <int Taps>
inline void upstream_of_sample(const Cells<const float>& upstream, std::int64_t top,
                               std::int64_t left, float* target, std::int64_t stride) {
    const ClippedTile<winograd_outputs<Taps>> tile(upstream, top, left);
    for_vectors(upstream.floats, [&](std::int64_t offset, int count) {
        const auto cell = [&](int i, int j) { return load_some(tile.at(i, j, offset), count); };
        transform_upstream<Taps>(cell, target + offset, stride);
    });
}

// Filters of `Taps` × `Taps` from the sums of all positions, the first `filters` of `size`.
template <int Taps>
inline void transform_gradient(const float* sums, std::int64_t size, std::int64_t filters,
                               float* gradient, bool overwrite) {
    for_vectors(filters, [&](std::int64_t offset, int count) {
        Vector half[winograd_points][Taps];
        for (int i = 0; i < winograd_points; ++i) {
            Vector row[winograd_points];
            for (int j = 0; j < winograd_points; ++j) {
                row[j] = load_some(sums + (i * winograd_points + j) * size + offset, count);
            }
            scale_points(row);
            combine<Taps>(row, half[i]);
        }
        for (int l = 0; l < Taps; ++l) {
            Vector column[winograd_points];
            Vector values[Taps];
            for (int i = 0; i < winograd_points; ++i) column[i] = half[i][l];
            scale_points(column);
            combine<Taps>(column, values);
            for (int k = 0; k < Taps; ++k) {
                float* place = gradient + (k * Taps + l) * size + offset;
                const Vector before = overwrite ? Vector::zero() : load_some(place, count);
                store_some(before + values[k], place, count);
            }
        }
    });
}

template <int Taps, int Samples, class Arguments>
inline void winograd_filter_gradient_of(const Call& call, const Arguments& a,
                                        std::int64_t input_floats, std::int64_t upstream_floats) {
    constexpr std::int64_t outputs = winograd_outputs<Taps>;
    const std::int64_t begin = call.begin * winograd_filter_gradient_piece;
    const std::int64_t channels =
        smaller(call.end * winograd_filter_gradient_piece, a.channels) - begin;
    const Cells<const float> input{call.operands[0] + begin * Samples, a.height, a.width,
                                   input_floats, channels * Samples};
    const Cells<const float> upstream{call.operands[1], a.output_height, a.output_width,
                                      upstream_floats, a.filters * Samples};
    const WinogradGradientSpace<Samples> space(call.operands[3], a);
    const TileGrid grid(a.output_height, a.output_width, outputs);
    const std::int64_t size = a.channels * a.filters;
    for (std::int64_t first = 0; first < grid.count(); first += a.tiles) {
        const std::int64_t tiles = smaller(a.tiles, grid.count() - first);
        for (std::int64_t t = 0; t < tiles; ++t) {
            const std::int64_t top = (first + t) / grid.columns * outputs;
            const std::int64_t left = (first + t) % grid.columns * outputs;
            transform_input<Taps>(input, top - a.pad_height, left - a.pad_width,
                                  space.input_values + t * space.input_floats, space.input_stride);
            float* values = space.upstream_values + t * space.upstream_floats;
            if constexpr (Samples == 1) {
                upstream_of_sample<Taps>(upstream, top, left, values, space.upstream_stride);
            } else {
                upstream_of_block<Taps>(upstream, a.filters, top, left, space.cells, values,
                                        space.upstream_stride);
            }
        }
        for (int k = 0; k < winograd_positions; ++k) {
            outer_products<Samples>(
                space.input_values + k * space.input_stride, channels, space.input_floats,
                space.upstream_values + k * space.upstream_stride, a.filters, space.upstream_floats,
                tiles, space.sums + k * size, first == 0);
        }
    }
    transform_gradient<Taps>(space.sums, size, channels * a.filters,
                             call.operands[2] + begin * a.filters, call.first);
}

// Operands: input, upstream gradient, partial sum of the gradient, workspace. Pieces are
// `winograd_filter_gradient_piece` channels each.
inline void winograd_filter_gradient(const Call& call) {
    constexpr int samples = static_cast<int>(lanes);
    using Arguments = WinogradArguments;
    const auto& a = arguments<Arguments>(call);
    const auto gradient_of = a.taps == 3 ? winograd_filter_gradient_of<3, samples, Arguments>
                                         : winograd_filter_gradient_of<5, samples, Arguments>;
    gradient_of(call, a, a.channels * lanes, a.filters * lanes);
}

// The same for a single sample.
inline void winograd_filter_gradient_single(const Call& call) {
    using Arguments = SingleWinogradGradientArguments;
    const auto& a = arguments<Arguments>(call);
    const auto gradient_of = a.taps == 3 ? winograd_filter_gradient_of<3, 1, Arguments>
                                         : winograd_filter_gradient_of<5, 1, Arguments>;
    gradient_of(call, a, a.input_floats, a.upstream_floats);
}

}  // namespace kernelet::KERNELET_ISA
