// Gradients by weights: sums over all cells and samples of input × upstream gradient.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/convolution.h"
#include "kernels/tile.h"

namespace kernelet::KERNELET_ISA {

// Rows × columns of weights whose sums stay in registers, one lane a sample.
inline constexpr int gradient_rows = Vector::registers >= 32 ? 6 : 3;
inline constexpr int gradient_columns = 4;

// Cells that one tap connects: `rows` × `columns` of them; strides in floats.
struct CellGrid {
    std::int64_t rows;
    std::int64_t columns;
    std::int64_t input_row_stride;
    std::int64_t input_column_stride;
    std::int64_t upstream_row_stride;
    std::int64_t upstream_column_stride;
};

// I consecutive input elements × O consecutive filters, added to `gradient` (a row an input
// element, `filters` floats apart).
template <int I, int O>
inline void gradient_tile(const float* input, const float* upstream, const CellGrid& grid,
                          float* gradient, std::int64_t filters) {
    Vector sums[I][O];
    KERNELET_UNROLL
    for (int i = 0; i < I; ++i) {
        KERNELET_UNROLL
        for (int o = 0; o < O; ++o) {
            sums[i][o] = Vector::zero();
        }
    }
    for (std::int64_t row = 0; row < grid.rows; ++row) {
        const float* x = input + row * grid.input_row_stride;
        const float* y = upstream + row * grid.upstream_row_stride;
        for (std::int64_t column = 0; column < grid.columns; ++column) {
            for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                Vector up[O];
                KERNELET_UNROLL
                for (int o = 0; o < O; ++o) {
                    up[o] = Vector::load(y + o * lanes + lane);
                }
                KERNELET_UNROLL
                for (int i = 0; i < I; ++i) {
                    const Vector element = Vector::load(x + i * lanes + lane);
                    KERNELET_UNROLL
                    for (int o = 0; o < O; ++o) {
                        sums[i][o] = fma(element, up[o], sums[i][o]);
                    }
                }
            }
            x += grid.input_column_stride;
            y += grid.upstream_column_stride;
        }
    }
    for (int i = 0; i < I; ++i) {
        for (int o = 0; o < O; ++o) {
            gradient[i * filters + o] += reduce_add(sums[i][o]);
        }
    }
}

using GradientTile = void (*)(const float*, const float*, const CellGrid&, float*, std::int64_t);

template <int I>
inline constexpr GradientTile gradient_tiles[] = {nullptr, gradient_tile<I, 1>, gradient_tile<I, 2>,
                                                  gradient_tile<I, 3>, gradient_tile<I, 4>};

KERNELET_INLINE GradientTile gradient_tile_of(std::int64_t rows, std::int64_t columns) {
    switch (rows) {
        case 1:
            return gradient_tiles<1>[columns];
        case 2:
            return gradient_tiles<2>[columns];
        case 3:
            return gradient_tiles<3>[columns];
        case 4:
            return gradient_tiles<4>[columns];
        case 5:
            return gradient_tiles<5>[columns];
        default:
            return gradient_tiles<6>[columns];
    }
}

// `elements` consecutive input elements × `filters` consecutive filters over a grid of cells.
inline void gradient_block(const float* input, std::int64_t elements, const float* upstream,
                           std::int64_t filters, const CellGrid& grid, float* gradient,
                           std::int64_t gradient_stride) {
    if (grid.rows <= 0 || grid.columns <= 0) {
        return;
    }
    for (std::int64_t o = 0; o < filters; o += gradient_columns) {
        const std::int64_t columns = smaller(gradient_columns, filters - o);
        for (std::int64_t i = 0; i < elements; i += gradient_rows) {
            const std::int64_t rows = smaller(gradient_rows, elements - i);
            gradient_tile_of(rows, columns)(input + i * lanes, upstream + o * lanes, grid,
                                            gradient + i * gradient_stride + o, gradient_stride);
        }
    }
}

// Output cells [begin, end) along one axis that tap `k` connects to cells inside the input.
inline Interior cells_of_tap(std::int64_t k, std::int64_t output, std::int64_t length,
                             std::int64_t stride, std::int64_t dilation, std::int64_t pad) {
    const std::int64_t shift = k * dilation - pad;
    const std::int64_t begin = shift < 0 ? (-shift + stride - 1) / stride : 0;
    const std::int64_t reach = length - 1 - shift;
    const std::int64_t end = reach < 0 ? 0 : smaller(output, reach / stride + 1);
    return {begin, larger(end, begin)};
}

// The gradient of one row of taps for one group.
struct FilterGradientRow {
    const ConvolutionArguments& a;
    const float* input;     // first channel of the group
    const float* upstream;  // first filter of the group
    float* gradient;        // first filter of the group, first tap of the row
    std::int64_t kernel_row;
    Interior rows;

    // Taps [tap, tap + count) of the row, whose channels lie one after the other, over the output
    // columns of `span`.
    void run(std::int64_t tap, std::int64_t count, Interior span) const {
        const std::int64_t channels = a.channels / a.groups;
        const std::int64_t input_row =
            rows.begin * a.stride_height + kernel_row * a.dilation_height - a.pad_top;
        const std::int64_t input_column =
            span.begin * a.stride_width + tap * a.dilation_width - a.pad_left;
        const CellGrid grid{rows.end - rows.begin,
                            span.end - span.begin,
                            a.stride_height * a.width * a.channels * lanes,
                            a.stride_width * a.channels * lanes,
                            a.output_width * a.filters * lanes,
                            a.filters * lanes};
        gradient_block(
            input + (input_row * a.width + input_column) * a.channels * lanes, count * channels,
            upstream + (rows.begin * a.output_width + span.begin) * a.filters * lanes,
            a.filters / a.groups, grid, gradient + tap * channels * a.filters, a.filters);
    }

    void run_all() const {
        // Where all taps of the row are inside, their inputs are one run of neighbours.
        const bool merged = a.dilation_width == 1 && a.groups == 1;
        const Interior inside = merged ? interior(a.output_width, a.width, a.kernel_width,
                                                  a.stride_width, a.dilation_width, a.pad_left)
                                       : Interior{0, 0};
        if (inside.begin < inside.end) {
            run(0, a.kernel_width, inside);
        }
        for (std::int64_t tap = 0; tap < a.kernel_width; ++tap) {
            const Interior span = cells_of_tap(tap, a.output_width, a.width, a.stride_width,
                                               a.dilation_width, a.pad_left);
            if (inside.begin >= inside.end) {
                run(tap, 1, span);
                continue;
            }
            run(tap, 1, {span.begin, smaller(inside.begin, span.end)});
            run(tap, 1, {larger(inside.end, span.begin), span.end});
        }
    }
};

// Operands: input, upstream gradient, partial sum of the gradient.
inline void convolution_filter_gradient(const Call& call) {
    const auto& a = arguments<ConvolutionArguments>(call);
    const std::int64_t channels = a.channels / a.groups;
    const std::int64_t filters = a.filters / a.groups;
    const std::int64_t row_size = a.kernel_width * channels * a.filters;
    float* gradient = call.operands[2];
    if (call.first) {
        for (std::int64_t k = 0; k < a.kernel_height * row_size; ++k) {
            gradient[k] = 0.0F;
        }
    }
    for (std::int64_t row = 0; row < a.kernel_height; ++row) {
        const Interior rows = cells_of_tap(row, a.output_height, a.height, a.stride_height,
                                           a.dilation_height, a.pad_top);
        for (std::int64_t g = 0; g < a.groups; ++g) {
            FilterGradientRow{a,
                              call.operands[0] + g * channels * lanes,
                              call.operands[1] + g * filters * lanes,
                              gradient + row * row_size + g * filters,
                              row,
                              rows}
                .run_all();
        }
    }
}

}  // namespace kernelet::KERNELET_ISA
