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

// Cells that one tap connects: `planes` × `rows` × `columns` of them; strides in floats.
struct CellGrid {
    std::int64_t planes;
    std::int64_t rows;
    std::int64_t columns;
    std::int64_t input_plane_stride;
    std::int64_t input_row_stride;
    std::int64_t input_column_stride;
    std::int64_t input_element_stride;  // between the elements of a cell that rows of weights take
    std::int64_t upstream_plane_stride;
    std::int64_t upstream_row_stride;
    std::int64_t upstream_column_stride;
};

// Sums of I × O weights over vectors of samples. Where they are few, each has two, for vectors in
// turn, so that additions do not wait for each other.
template <int I, int O>
struct GradientSums {
    static constexpr int parts = I * O <= 4 ? 2 : 1;
    Vector of[parts][I][O];
};

// Adds the products of one vector of samples of a cell.
template <int I, int O>
KERNELET_INLINE void accumulate_vector(Vector (&sums)[I][O], const float* x, const float* y,
                                       std::int64_t element_stride) {
    Vector up[O];
    KERNELET_UNROLL
    for (int o = 0; o < O; ++o) {
        up[o] = Vector::load(y + o * lanes);
    }
    KERNELET_UNROLL
    for (int i = 0; i < I; ++i) {
        const Vector element = Vector::load(x + i * element_stride);
        KERNELET_UNROLL
        for (int o = 0; o < O; ++o) {
            sums[i][o] = fma(element, up[o], sums[i][o]);
        }
    }
}

// Adds the products of one row of cells.
template <int I, int O>
KERNELET_INLINE void accumulate_cells(GradientSums<I, O>& sums, const float* x, const float* y,
                                      const CellGrid& grid) {
    constexpr int parts = GradientSums<I, O>::parts;
    constexpr int together = parts * Vector::width > lanes ? parts : 1;  // cells
    std::int64_t column = 0;
    for (; column + together <= grid.columns; column += together) {
        for (std::int64_t lane = 0; lane < lanes; lane += parts / together * Vector::width) {
            KERNELET_UNROLL
            for (int part = 0; part < parts; ++part) {
                const std::int64_t cell = part % together;
                const std::int64_t first = lane + part / together * Vector::width;
                accumulate_vector(sums.of[part], x + cell * grid.input_column_stride + first,
                                  y + cell * grid.upstream_column_stride + first,
                                  grid.input_element_stride);
            }
        }
        x += together * grid.input_column_stride;
        y += together * grid.upstream_column_stride;
    }
    if (column < grid.columns) accumulate_vector(sums.of[0], x, y, grid.input_element_stride);
}

// I input elements × O consecutive filters, added to `gradient` (a row an input element, `filters`
// floats apart).
template <int I, int O>
inline void gradient_tile(const float* input, const float* upstream, const CellGrid& grid,
                          float* gradient, std::int64_t filters) {
    constexpr int parts = GradientSums<I, O>::parts;
    GradientSums<I, O> sums;
    KERNELET_UNROLL
    for (int part = 0; part < parts; ++part) {
        KERNELET_UNROLL
        for (int i = 0; i < I; ++i) {
            KERNELET_UNROLL
            for (int o = 0; o < O; ++o) {
                sums.of[part][i][o] = Vector::zero();
            }
        }
    }
    for (std::int64_t plane = 0; plane < grid.planes; ++plane) {
        for (std::int64_t row = 0; row < grid.rows; ++row) {
            const float* x = input + plane * grid.input_plane_stride + row * grid.input_row_stride;
            const float* y =
                upstream + plane * grid.upstream_plane_stride + row * grid.upstream_row_stride;
            accumulate_cells<I, O>(sums, x, y, grid);
        }
    }
    KERNELET_UNROLL
    for (int i = 0; i < I; ++i) {
        KERNELET_UNROLL
        for (int o = 0; o < O; ++o) {
            Vector sum = sums.of[0][i][o];
            if constexpr (parts == 2) sum = sum + sums.of[1][i][o];
            gradient[i * filters + o] += reduce_add(sum);
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

// `elements` input elements × `filters` consecutive filters over a grid of cells.
inline void gradient_block(const float* input, std::int64_t elements, const float* upstream,
                           std::int64_t filters, const CellGrid& grid, float* gradient,
                           std::int64_t gradient_stride) {
    if (grid.planes <= 0 || grid.rows <= 0 || grid.columns <= 0) {
        return;
    }
    for (std::int64_t o = 0; o < filters; o += gradient_columns) {
        const std::int64_t columns = smaller(gradient_columns, filters - o);
        for (std::int64_t i = 0; i < elements; i += gradient_rows) {
            const std::int64_t rows = smaller(gradient_rows, elements - i);
            gradient_tile_of(rows, columns)(input + i * grid.input_element_stride,
                                            upstream + o * lanes, grid,
                                            gradient + i * gradient_stride + o, gradient_stride);
        }
    }
}

static_assert(convolution_filter_gradient_piece % gradient_columns == 0);

// The gradient of one row of taps for some filters of one group.
struct FilterGradientRow {
    const ConvolutionArguments& a;
    const ConvolutionWindow& window;
    const float* input;     // first channel of the group
    const float* upstream;  // first of the filters
    float* gradient;        // first of the filters, first tap of the row
    std::int64_t filters;
    std::int64_t kernel_plane;
    std::int64_t kernel_row;
    Span planes;
    Span rows;

    // Whether a group has one channel, whose taps are then the elements of a run.
    bool alone() const { return a.channels == a.groups; }

    CellGrid grid(Span columns) const {
        const std::int64_t input_row = a.width * a.channels * lanes;
        const std::int64_t upstream_row = a.output_width * a.filters * lanes;
        return {planes.end - planes.begin,
                rows.end - rows.begin,
                columns.end - columns.begin,
                a.stride_depth * a.height * input_row,
                a.stride_height * input_row,
                a.stride_width * a.channels * lanes,
                alone() ? a.dilation_width * a.channels * lanes : lanes,
                a.output_height * upstream_row,
                upstream_row,
                a.filters * lanes};
    }

    // The input cell that a tap connects with an output cell, along one axis.
    static std::int64_t source(std::int64_t cell, std::int64_t tap, const WindowAxis& axis) {
        return cell * axis.stride + tap * axis.dilation - axis.pad;
    }

    // Taps [tap, tap + count) of the row, whose elements lie equally far apart, over the output
    // cells of `columns`.
    void run(std::int64_t tap, std::int64_t count, Span columns) const {
        const std::int64_t channels = a.channels / a.groups;
        const std::int64_t input_cell =
            (source(planes.begin, kernel_plane, window.depth) * a.height +
             source(rows.begin, kernel_row, window.height)) *
                a.width +
            source(columns.begin, tap, window.width);
        const std::int64_t output_cell =
            (planes.begin * a.output_height + rows.begin) * a.output_width + columns.begin;
        gradient_block(input + input_cell * a.channels * lanes, count * channels,
                       upstream + output_cell * a.filters * lanes, filters, grid(columns),
                       gradient + tap * channels * a.filters, a.filters);
    }

    void run_all() const {
        // Where all taps of the row are inside, they may be one run.
        const bool merged = alone() || (a.dilation_width == 1 && a.groups == 1);
        const Span inside = merged ? window.inside : Span{0, 0};
        if (inside.begin < inside.end) {
            run(0, a.kernel_width, inside);
        }
        for (std::int64_t tap = 0; tap < a.kernel_width; ++tap) {
            const Span cells = cells_of_tap(tap, window.width);
            if (inside.begin >= inside.end) {
                run(tap, 1, cells);
                continue;
            }
            run(tap, 1, {cells.begin, smaller(inside.begin, cells.end)});
            run(tap, 1, {larger(inside.end, cells.begin), cells.end});
        }
    }
};

// Sets some filters' sums to zero: `rows` rows of them, `stride` floats apart.
inline void clear_gradient(float* gradient, std::int64_t rows, std::int64_t filters,
                           std::int64_t stride) {
    for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t f = 0; f < filters; ++f) gradient[row * stride + f] = 0.0F;
    }
}

// Operands: input, upstream gradient, partial sum of the gradient. Pieces are rows of taps, of
// those groups, of those `convolution_filter_gradient_piece` filters each.
inline void convolution_filter_gradient(const Call& call) {
    const auto& a = arguments<ConvolutionArguments>(call);
    const ConvolutionWindow window(a);
    const std::int64_t channels = a.channels / a.groups;
    const std::int64_t filters = a.filters / a.groups;
    const std::int64_t row_size = a.kernel_width * channels * a.filters;
    const std::int64_t chunks =
        (filters + convolution_filter_gradient_piece - 1) / convolution_filter_gradient_piece;
    for (std::int64_t piece = call.begin; piece < call.end; ++piece) {
        const std::int64_t begin = piece % chunks * convolution_filter_gradient_piece;
        const std::int64_t count = smaller(convolution_filter_gradient_piece, filters - begin);
        const std::int64_t g = piece / chunks % a.groups;
        const std::int64_t k = piece / chunks / a.groups;
        const std::int64_t plane = k / a.kernel_height;
        const std::int64_t row = k % a.kernel_height;
        const std::int64_t first = g * filters + begin;
        float* gradient = call.operands[2] + k * row_size + first;
        if (call.first) clear_gradient(gradient, a.kernel_width * channels, count, a.filters);
        FilterGradientRow{a,
                          window,
                          call.operands[0] + g * channels * lanes,
                          call.operands[1] + first * lanes,
                          gradient,
                          count,
                          plane,
                          row,
                          cells_of_tap(plane, window.depth),
                          cells_of_tap(row, window.height)}
            .run_all();
    }
}

}  // namespace kernelet::KERNELET_ISA
