// Convolution of single samples: a vector holds neighbouring output channels of one sample.
//
// Filters are read where they lie, [tap][channel][filter]: each product of a broadcast input with a
// vector of filters serves several output cells. Products are added in the order in which
// `convolution` adds them for blocks of samples, so both give the same bits.
#pragma once

#include <array>
#include <utility>

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/convolution.h"
#include "kernels/pointwise.h"
#include "kernels/tile.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

// Floats that the channels of a cell take: groups of `lanes`.
inline std::int64_t padded_channels(std::int64_t channels) {
    return (channels + lanes - 1) / lanes * lanes;
}

inline constexpr int group_vectors = static_cast<int>(lanes) / Vector::width;

// Cells that a tile of V vectors of output channels has: their sums fit the registers beside the
// filters and one broadcast input.
template <int V>
inline constexpr int single_cells =
    (Vector::registers - 1 - V) / V > 14   ? 14
    : (Vector::registers - 1 - V) / V >= 1 ? (Vector::registers - 1 - V) / V
                                           : 1;

// Filters of a tile: whole vectors, but for the last ones where there are no more.
template <bool Whole>
struct SingleFilters {
    const float* first;
    std::int64_t stride;  // floats between channels
    std::int64_t count;

    KERNELET_INLINE Vector load(const float* at, int v) const {
        if constexpr (Whole) return Vector::load(at + v * Vector::width);
        return Vector::load_partial(at + v * Vector::width, within(v));
    }
    // How many of the tile's filters vector v holds.
    KERNELET_INLINE int within(int v) const {
        const std::int64_t left = count - v * Vector::width;
        return static_cast<int>(left < 0 ? 0 : left < Vector::width ? left : Vector::width);
    }
};

template <int P, int V, bool Whole>
KERNELET_INLINE void accumulate_single(Vector (&sums)[P][V], const float* x,
                                       std::int64_t cell_stride, std::int64_t run, const float* w,
                                       const SingleFilters<Whole>& filters) {
    for (std::int64_t k = 0; k < run; ++k, w += filters.stride) {
        Vector weights[V];
        KERNELET_UNROLL
        for (int v = 0; v < V; ++v) {
            weights[v] = filters.load(w, v);
        }
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) {
            const Vector cell = Vector::broadcast_from(x + p * cell_stride + k);
            KERNELET_UNROLL
            for (int v = 0; v < V; ++v) {
                sums[p][v] = fma(cell, weights[v], sums[p][v]);
            }
        }
    }
}

// `count` output channels from `channel` on.
KERNELET_INLINE Vector finish_single(Vector sum, const Epilogue& epilogue, std::int64_t channel,
                                     int count) {
    Vector value = sum;
    if (epilogue.factors) {
        value = fma(sum, Vector::load_partial(epilogue.factors + channel, count),
                    Vector::load_partial(epilogue.bias + channel, count));
    } else if (epilogue.bias) {
        value = sum + Vector::load_partial(epilogue.bias + channel, count);
    }
    return activate_sum(value, epilogue.activation, epilogue.slope);
}

// P neighbouring output cells × V vectors of output channels.
template <int P, int V, bool Whole>
inline void single_tile(const float* input, std::int64_t input_stride, const TapGrid& grid,
                        const float* weights, std::int64_t weight_stride, std::int64_t filters,
                        float* output, std::int64_t output_stride, const Epilogue& epilogue) {
    const SingleFilters<Whole> own{weights, weight_stride, filters};
    Vector sums[P][V];
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) {
        KERNELET_UNROLL
        for (int v = 0; v < V; ++v) {
            sums[p][v] = Vector::zero();
        }
    }
    for (std::int64_t plane = 0; plane < grid.planes; ++plane) {
        for (std::int64_t row = 0; row < grid.rows; ++row) {
            const float* x = input + plane * grid.input_plane_stride + row * grid.input_row_stride;
            const float* w = weights + weight_stride * (plane * grid.weight_plane_stride +
                                                        row * grid.weight_row_stride);
            for (std::int64_t column = 0; column < grid.columns; ++column) {
                accumulate_single<P, V>(sums, x, input_stride, grid.run, w, own);
                x += grid.input_column_stride;
                w += weight_stride * grid.weight_column_stride;
            }
        }
    }
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) {
        KERNELET_UNROLL
        for (int v = 0; v < V; ++v) {
            float* target = output + p * output_stride + v * Vector::width;
            const int count = Whole ? Vector::width : own.within(v);
            const Vector value = finish_single(sums[p][v], epilogue, v * Vector::width, count);
            if constexpr (Whole) {
                value.store(target);
            } else {
                value.store_partial(target, count);
            }
        }
    }
}

using SingleTile = void (*)(const float*, std::int64_t, const TapGrid&, const float*, std::int64_t,
                            std::int64_t, float*, std::int64_t, const Epilogue&);

template <int V, bool Whole, int... P>
constexpr std::array<SingleTile, sizeof...(P)> single_tiles(std::integer_sequence<int, P...>) {
    return {single_tile<P + 1, V, Whole>...};
}

// Output cells of one row, in tiles of nearly equal size.
template <int V, bool Whole>
inline void single_run(std::int64_t count, const float* input, std::int64_t input_stride,
                       const TapGrid& grid, const float* weights, std::int64_t weight_stride,
                       std::int64_t filters, float* output, std::int64_t output_stride,
                       const Epilogue& epilogue) {
    constexpr std::int64_t most = single_cells<V>;
    static constexpr auto tiles =
        single_tiles<V, Whole>(std::make_integer_sequence<int, static_cast<int>(most)>());
    for (std::int64_t cell = 0; cell < count;) {
        const std::int64_t left = count - cell;
        const std::int64_t pieces = (left + most - 1) / most;
        const std::int64_t together = (left + pieces - 1) / pieces;
        tiles[static_cast<std::size_t>(together - 1)](
            input + cell * input_stride, input_stride, grid, weights, weight_stride, filters,
            output + cell * output_stride, output_stride, epilogue);
        cell += together;
    }
}

using SingleRun = void (*)(std::int64_t, const float*, std::int64_t, const TapGrid&, const float*,
                           std::int64_t, std::int64_t, float*, std::int64_t, const Epilogue&);

// The run for up to two groups of output channels.
inline SingleRun single_run_of(std::int64_t filters) {
    constexpr int two = 2 * group_vectors;
    return filters == 2 * lanes ? single_run<two, true>
           : filters > lanes    ? single_run<two, false>
           : filters == lanes   ? single_run<group_vectors, true>
                                : single_run<group_vectors, false>;
}

// One row of output cells for up to two groups of output channels of one group of channels.
struct SingleRow {
    const SingleConvolutionArguments& a;
    const ConvolutionWindow& window;
    const float* input;  // first channel of the group
    float* output;       // first cell of the row, first of the output channels
    AxisTaps planes;
    AxisTaps rows;
    std::int64_t channels;  // of the group
    const float* weights;
    std::int64_t filters;
    Epilogue epilogue;

    // Cells [begin, end), which have the same taps.
    void run(std::int64_t begin, std::int64_t end, const AxisTaps& columns) const {
        const VolumeTaps taps{planes, rows, columns};
        const std::int64_t cell =
            (planes.source * a.height + rows.source) * a.width + columns.source;
        const std::int64_t stride = padded_channels(a.filters);
        single_run_of(filters)(
            end - begin, input + cell * a.cell_floats, a.stride_width * a.cell_floats,
            forward_grid(window, taps, channels, a.cell_floats, a.cell_floats == channels),
            weights + taps.first(window) * channels * a.filters, a.filters, filters,
            output + begin * stride, stride, epilogue);
    }

    void run_all() const {
        for_cells_of_row(window, [&](std::int64_t begin, std::int64_t end,
                                     const AxisTaps& columns) { run(begin, end, columns); });
    }
};

// Operands: input, filters, bias or null, factors or null, output. Pieces are rows of output cells.
inline void convolution_single(const Call& call) {
    const auto& a = arguments<SingleConvolutionArguments>(call);
    const ConvolutionWindow window(a);
    const std::int64_t channels = a.channels / a.groups;
    const std::int64_t filters = a.filters / a.groups;
    const std::int64_t row_floats = a.output_width * padded_channels(a.filters);
    for (std::int64_t row = call.begin; row < call.end; ++row) {
        const AxisTaps planes = forward_taps(row / a.output_height, window.depth);
        const AxisTaps rows = forward_taps(row % a.output_height, window.height);
        float* output = call.operands[4] + row * row_floats;
        for (std::int64_t g = 0; g < a.groups; ++g) {
            for (std::int64_t q = 0; q < filters; q += 2 * lanes) {
                const std::int64_t filter = g * filters + q;
                SingleRow{
                    a,
                    window,
                    call.operands[0] + g * channels,
                    output + filter,
                    planes,
                    rows,
                    channels,
                    call.operands[1] + filter,
                    smaller(2 * lanes, filters - q),
                    epilogue_of(call.operands[2], filter, a.activation, a.slope, call.operands[3])}
                    .run_all();
            }
        }
        activate_row(output, row_floats / lanes, a.activation);
    }
}

}  // namespace kernelet::KERNELET_ISA
