// Convolution of blocks of samples over up to three axes, and its gradient by the input.
//
// Both walk output cells row by row. Cells whose taps all lie inside the picture share one grid of
// taps and go through the tile several at a time; cells at the border get a clipped grid each.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/pointwise.h"
#include "kernels/tile.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

// The axes of a convolution.
struct ConvolutionWindow {
    WindowAxis depth;
    WindowAxis height;
    WindowAxis width;
    Span inside;  // cells of an output row whose taps are all inside

    template <class Arguments>
    explicit ConvolutionWindow(const Arguments& a)
        : depth{a.depth,        a.output_depth,   a.kernel_depth,
                a.stride_depth, a.dilation_depth, a.pad_depth},
          height{a.height,        a.output_height,   a.kernel_height,
                 a.stride_height, a.dilation_height, a.pad_height},
          width{a.width,        a.output_width,   a.kernel_width,
                a.stride_width, a.dilation_width, a.pad_width},
          inside(interior(width)) {}

    std::int64_t taps() const { return depth.kernel * height.kernel * width.kernel; }
};

// Taps along depth, height and width.
struct VolumeTaps {
    AxisTaps planes;
    AxisTaps rows;
    AxisTaps columns;

    // The number of the first tap in row-major order.
    std::int64_t first(const ConvolutionWindow& w) const {
        return (planes.first * w.height.kernel + rows.first) * w.width.kernel + columns.first;
    }
};

// Where the products of an output cell come from, with `cell_floats` floats between input cells and
// `channels` channels in the group. Where taps of one row follow each other `closely`, all their
// channels are one long run.
inline TapGrid forward_grid(const ConvolutionWindow& w, const VolumeTaps& taps,
                            std::int64_t channels, std::int64_t cell_floats, bool closely) {
    const std::int64_t row = w.width.length * cell_floats;
    TapGrid grid{taps.planes.count,
                 taps.rows.count,
                 taps.columns.count,
                 channels,
                 w.depth.dilation * w.height.length * row,
                 w.height.dilation * row,
                 w.width.dilation * cell_floats,
                 w.height.kernel * w.width.kernel * channels,
                 w.width.kernel * channels,
                 channels};
    if (closely && w.width.dilation == 1) {
        grid.run *= grid.columns;
        grid.columns = 1;
    }
    return grid;
}

// Applies `function(begin, end, taps)` to some cells of an output row, together where their taps
// are the same.
template <class Function>
KERNELET_INLINE void for_cells_of_row(const ConvolutionWindow& w, const Span& cells,
                                      Function&& function) {
    const auto alone = [&](std::int64_t cell) {
        function(cell, cell + 1, forward_taps(cell, w.width));
    };
    const std::int64_t begin = larger(cells.begin, w.inside.begin);
    const std::int64_t end = smaller(cells.end, w.inside.end);
    for (std::int64_t cell = cells.begin; cell < smaller(begin, cells.end); ++cell) alone(cell);
    if (begin < end) function(begin, end, forward_taps(begin, w.width));
    for (std::int64_t cell = larger(end, begin); cell < cells.end; ++cell) alone(cell);
}

// Consecutive rows of cells, and which of their cells.
struct RowGroup {
    std::int64_t first;
    std::int64_t count;
    Span cells;
};

// Rows that are taken together: as many as a tile has cells, twice.
inline constexpr std::int64_t most_rows_together = 8;

// Calls `function(rows)` for the rows in a range of pieces, of `convolution_piece` cells of a row
// or fewer. Whole rows go together where `alike(row, next)` says that they have the same taps.
template <class Alike, class Function>
KERNELET_INLINE void for_rows(const Call& call, std::int64_t width, const Alike& alike,
                              Function&& function) {
    const std::int64_t pieces = (width + convolution_piece - 1) / convolution_piece;
    for (std::int64_t piece = call.begin; piece < call.end;) {
        const std::int64_t row = piece / pieces;
        const std::int64_t first = piece % pieces;
        const std::int64_t last = smaller(pieces, first + call.end - piece);
        piece += last - first;
        std::int64_t count = 1;
        if (first == 0 && last == pieces) {
            while (count < most_rows_together && piece + pieces <= call.end &&
                   alike(row + count - 1, row + count)) {
                ++count;
                piece += pieces;
            }
        }
        function(RowGroup{
            row, count, {first * convolution_piece, smaller(last * convolution_piece, width)}});
    }
}

// Whether rows `row` and `next` lie in one plane and have the same taps, which read rows that are
// `step` apart. `taps_of(row)` are those of a row within its plane.
template <class TapsOf>
KERNELET_INLINE bool rows_alike(std::int64_t row, std::int64_t next, std::int64_t height,
                                std::int64_t step, const TapsOf& taps_of) {
    if (next % height == 0) return false;
    const AxisTaps own = taps_of(row % height);
    const AxisTaps other = taps_of(next % height);
    return own.first == other.first && own.count == other.count &&
           other.source == own.source + step;
}

// Cells of several rows with the same taps, and their distances; strides in floats.
struct CellBlock {
    std::int64_t rows;
    std::int64_t cells;
    std::int64_t input_row_stride;
    std::int64_t input_stride;
    std::int64_t output_row_stride;
    std::int64_t output_stride;
};

// Tiles go along rows, or, where these are shorter, across them: cells at the border of a picture
// have taps of their own, but all rows have such cells.
inline void run_cells(const CellBlock& all, std::int64_t block, const float* input,
                      const TapGrid& grid, const float* weights, float* output,
                      const Epilogue& epilogue) {
    const bool along = all.cells >= all.rows;
    const std::int64_t count = along ? all.cells : all.rows;
    const std::int64_t lines = along ? all.rows : all.cells;
    const std::int64_t input_stride = along ? all.input_stride : all.input_row_stride;
    const std::int64_t input_line = along ? all.input_row_stride : all.input_stride;
    const std::int64_t output_stride = along ? all.output_stride : all.output_row_stride;
    const std::int64_t output_line = along ? all.output_row_stride : all.output_stride;
    const CellsFunction run = cells_of_block<Finish>[block];
    for (std::int64_t line = 0; line < lines; ++line) {
        run(count, input + line * input_line, input_stride, grid, weights,
            output + line * output_line, output_stride, epilogue);
    }
}

// Applies `function(channel block, weights, block size)` to every block of output channels.
template <class Function>
KERNELET_INLINE void for_filter_blocks(std::int64_t filters, std::int64_t taps_by_channels,
                                       const float* weights, Function&& function) {
    for (std::int64_t q = 0; q < filters; q += filter_block) {
        function(q, weights + q * taps_by_channels, smaller(filter_block, filters - q));
    }
}

inline Epilogue epilogue_of(const float* bias, std::int64_t channel, std::int64_t activation,
                            double slope, const float* factors = nullptr) {
    return {bias ? bias + channel : nullptr, static_cast<Activation>(activation),
            static_cast<float>(slope), factors ? factors + channel : nullptr};
}

// Rows of output cells, which have the same taps, for one block of output channels of one group.
struct ForwardRows {
    const ConvolutionArguments& a;
    const ConvolutionWindow& window;
    const float* input;  // first channel of the group
    float* output;       // first cell of the first row, first channel of the block
    std::int64_t count;
    AxisTaps planes;
    AxisTaps rows;
    std::int64_t channels;  // of the group
    const float* weights;
    std::int64_t block;
    Epilogue epilogue;

    // Cells [begin, end), which have the same taps.
    void run(std::int64_t begin, std::int64_t end, const AxisTaps& columns) const {
        const VolumeTaps taps{planes, rows, columns};
        const std::int64_t cell =
            (planes.source * a.height + rows.source) * a.width + columns.source;
        const std::int64_t cell_floats = a.channels * lanes;
        const std::int64_t output_floats = a.filters * lanes;
        const CellBlock all{count,
                            end - begin,
                            a.stride_height * a.width * cell_floats,
                            a.stride_width * cell_floats,
                            a.output_width * output_floats,
                            output_floats};
        run_cells(all, block, input + cell * cell_floats,
                  forward_grid(window, taps, channels, cell_floats, a.groups == 1),
                  weights + taps.first(window) * channels * block, output + begin * output_floats,
                  epilogue);
    }

    void run_all(const Span& cells) const {
        for_cells_of_row(window, cells,
                         [&](std::int64_t begin, std::int64_t end, const AxisTaps& columns) {
                             run(begin, end, columns);
                         });
    }
};

// Operands: input, filters packed by `pack_filters`, bias or null, factors or null, output. Pieces
// are `convolution_piece` cells of an output row or fewer.
inline void convolution(const Call& call) {
    const auto& a = arguments<ConvolutionArguments>(call);
    const ConvolutionWindow window(a);
    const std::int64_t channels = a.channels / a.groups;
    const std::int64_t filters = a.filters / a.groups;
    const std::int64_t taps = window.taps();
    const auto taps_of = [&](std::int64_t row) { return forward_taps(row, window.height); };
    const auto alike = [&](std::int64_t row, std::int64_t next) {
        return rows_alike(row, next, a.output_height, a.stride_height, taps_of);
    };
    for_rows(call, a.output_width, alike, [&](const RowGroup& group) {
        const AxisTaps planes = forward_taps(group.first / a.output_height, window.depth);
        const AxisTaps rows = taps_of(group.first % a.output_height);
        float* output = call.operands[4] + group.first * a.output_width * a.filters * lanes;
        for (std::int64_t g = 0; g < a.groups; ++g) {
            for_filter_blocks(filters, taps * channels,
                              call.operands[1] + g * taps * channels * filters,
                              [&](std::int64_t q, const float* weights, std::int64_t block) {
                                  const std::int64_t filter = g * filters + q;
                                  ForwardRows{a,
                                              window,
                                              call.operands[0] + g * channels * lanes,
                                              output + filter * lanes,
                                              group.count,
                                              planes,
                                              rows,
                                              channels,
                                              weights,
                                              block,
                                              epilogue_of(call.operands[2], filter, a.activation,
                                                          a.slope, call.operands[3])}
                                      .run_all(group.cells);
                              });
        }
        // Several rows are whole ones.
        activate_row(output + group.cells.begin * a.filters * lanes,
                     group.count * (group.cells.end - group.cells.begin) * a.filters, a.activation);
    });
}

// Rows of the gradient by the input, which have the same taps, for one block of input channels of
// one group. Cells that are `stride_width` apart have the same taps, shifted by one output cell.
struct BackwardRows {
    const ConvolutionArguments& a;
    const ConvolutionWindow& window;
    const float* upstream;  // first filter of the group
    float* gradient;        // first cell of the first row, first channel of the block
    std::int64_t row_count;
    AxisTaps planes;
    AxisTaps rows;
    std::int64_t filters;  // of the group
    const float* weights;
    std::int64_t block;
    Epilogue epilogue;

    TapGrid grid(const AxisTaps& columns) const {
        const std::int64_t row = a.output_width * a.filters * lanes;
        const std::int64_t kernel_row = a.kernel_width * filters;
        return {planes.count,
                rows.count,
                columns.count,
                filters,
                -window.depth.backward_distance * a.output_height * row,
                -window.height.backward_distance * row,
                -window.width.backward_distance * a.filters * lanes,
                window.depth.backward_step * a.kernel_height * kernel_row,
                window.height.backward_step * kernel_row,
                window.width.backward_step * filters};
    }

    // `count` cells from `cell` on, `stride_width` apart.
    void run(std::int64_t cell, std::int64_t count, const AxisTaps& columns) const {
        const std::int64_t source =
            (planes.source * a.output_height + rows.source) * a.output_width + columns.source;
        const std::int64_t tap = VolumeTaps{planes, rows, columns}.first(window);
        const std::int64_t upstream_floats = a.filters * lanes;
        const std::int64_t gradient_floats = a.channels * lanes;
        const CellBlock all{row_count,
                            count,
                            a.output_width * upstream_floats,
                            upstream_floats,
                            a.width * gradient_floats,
                            a.stride_width * gradient_floats};
        run_cells(all, block, upstream + source * upstream_floats, grid(columns),
                  weights + tap * filters * block, gradient + cell * gradient_floats, epilogue);
    }

    // Every `stride_width`th cell from `first` up to `end`; runs of cells with equal taps go
    // through the tile together.
    void run_phase(std::int64_t first, std::int64_t end) const {
        std::int64_t start = first;
        std::int64_t count = 1;
        AxisTaps taps = backward_taps(start, window.width);
        for (std::int64_t cell = first + a.stride_width;; cell += a.stride_width) {
            const bool inside = cell < end;
            const AxisTaps next = inside ? backward_taps(cell, window.width) : AxisTaps{};
            if (inside && next.first == taps.first && next.count == taps.count &&
                (taps.count == 0 || next.source == taps.source + count)) {
                ++count;
                continue;
            }
            run(start, count, taps);
            if (!inside) {
                return;
            }
            start = cell;
            count = 1;
            taps = next;
        }
    }

    void run_all(const Span& cells) const {
        const std::int64_t phases = smaller(a.stride_width, cells.end - cells.begin);
        for (std::int64_t phase = 0; phase < phases; ++phase) {
            run_phase(cells.begin + phase, cells.end);
        }
    }
};

// Operands: gradient of the output, filters packed transposed by `pack_filters`, bias or null,
// factors or null, gradient by the input. Pieces are `convolution_piece` cells of an input row or
// fewer.
inline void convolution_input_gradient(const Call& call) {
    const auto& a = arguments<ConvolutionArguments>(call);
    const ConvolutionWindow window(a);
    const std::int64_t channels = a.channels / a.groups;
    const std::int64_t filters = a.filters / a.groups;
    const std::int64_t taps = window.taps();
    const auto taps_of = [&](std::int64_t row) { return backward_taps(row, window.height); };
    const auto alike = [&](std::int64_t row, std::int64_t next) {
        return rows_alike(row, next, a.height, 1, taps_of);
    };
    for_rows(call, a.width, alike, [&](const RowGroup& group) {
        const AxisTaps planes = backward_taps(group.first / a.height, window.depth);
        const AxisTaps rows = taps_of(group.first % a.height);
        float* gradient = call.operands[4] + group.first * a.width * a.channels * lanes;
        for (std::int64_t g = 0; g < a.groups; ++g) {
            for_filter_blocks(channels, taps * filters,
                              call.operands[1] + g * taps * channels * filters,
                              [&](std::int64_t q, const float* weights, std::int64_t block) {
                                  const std::int64_t channel = g * channels + q;
                                  BackwardRows{a,
                                               window,
                                               call.operands[0] + g * filters * lanes,
                                               gradient + channel * lanes,
                                               group.count,
                                               planes,
                                               rows,
                                               filters,
                                               weights,
                                               block,
                                               epilogue_of(call.operands[2], channel, a.activation,
                                                           a.slope, call.operands[3])}
                                      .run_all(group.cells);
                              });
        }
        activate_row(gradient + group.cells.begin * a.channels * lanes,
                     group.count * (group.cells.end - group.cells.begin) * a.channels,
                     a.activation);
    });
}

}  // namespace kernelet::KERNELET_ISA
