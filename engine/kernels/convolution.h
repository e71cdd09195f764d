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
#include "simd/transpose.h"

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

// Calls `function(row, cells)` for the rows in a range of pieces, of `convolution_piece` cells of a
// row or fewer, with those of their cells that belong to it.
template <class Function>
KERNELET_INLINE void for_rows(const Call& call, std::int64_t width, Function&& function) {
    const std::int64_t pieces = (width + convolution_piece - 1) / convolution_piece;
    for (std::int64_t piece = call.begin; piece < call.end;) {
        const std::int64_t row = piece / pieces;
        const std::int64_t first = piece % pieces;
        const std::int64_t last = smaller(pieces, first + call.end - piece);
        function(row, Span{first * convolution_piece, smaller(last * convolution_piece, width)});
        piece += last - first;
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

// One row of output cells for one block of output channels of one group.
struct ForwardRow {
    const ConvolutionArguments& a;
    const ConvolutionWindow& window;
    const float* input;  // first channel of the group
    float* output;       // first cell of the row, first channel of the block
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
        cells_of_block[block](end - begin, input + cell * cell_floats, a.stride_width * cell_floats,
                              forward_grid(window, taps, channels, cell_floats, a.groups == 1),
                              weights + taps.first(window) * channels * block,
                              output + begin * a.filters * lanes, a.filters * lanes, epilogue);
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
    for_rows(call, a.output_width, [&](std::int64_t row, const Span& cells) {
        const AxisTaps planes = forward_taps(row / a.output_height, window.depth);
        const AxisTaps rows = forward_taps(row % a.output_height, window.height);
        float* output = call.operands[4] + row * a.output_width * a.filters * lanes;
        for (std::int64_t g = 0; g < a.groups; ++g) {
            for_filter_blocks(filters, taps * channels,
                              call.operands[1] + g * taps * channels * filters,
                              [&](std::int64_t q, const float* weights, std::int64_t block) {
                                  const std::int64_t filter = g * filters + q;
                                  ForwardRow{a,
                                             window,
                                             call.operands[0] + g * channels * lanes,
                                             output + filter * lanes,
                                             planes,
                                             rows,
                                             channels,
                                             weights,
                                             block,
                                             epilogue_of(call.operands[2], filter, a.activation,
                                                         a.slope, call.operands[3])}
                                      .run_all(cells);
                              });
        }
        activate_row(output + cells.begin * a.filters * lanes,
                     (cells.end - cells.begin) * a.filters, a.activation);
    });
}

// One row of the gradient by the input for one block of input channels of one group. Cells that
// are `stride_width` apart have the same taps, shifted by one output cell.
struct BackwardRow {
    const ConvolutionArguments& a;
    const ConvolutionWindow& window;
    const float* upstream;  // first filter of the group
    float* gradient;        // first cell of the row, first channel of the block
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
        cells_of_block[block](count, upstream + source * a.filters * lanes, a.filters * lanes,
                              grid(columns), weights + tap * filters * block,
                              gradient + cell * a.channels * lanes,
                              a.stride_width * a.channels * lanes, epilogue);
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
    for_rows(call, a.width, [&](std::int64_t row, const Span& cells) {
        const AxisTaps planes = backward_taps(row / a.height, window.depth);
        const AxisTaps rows = backward_taps(row % a.height, window.height);
        float* gradient = call.operands[4] + row * a.width * a.channels * lanes;
        for (std::int64_t g = 0; g < a.groups; ++g) {
            for_filter_blocks(channels, taps * filters,
                              call.operands[1] + g * taps * channels * filters,
                              [&](std::int64_t q, const float* weights, std::int64_t block) {
                                  const std::int64_t channel = g * channels + q;
                                  BackwardRow{a,
                                              window,
                                              call.operands[0] + g * filters * lanes,
                                              gradient + channel * lanes,
                                              planes,
                                              rows,
                                              filters,
                                              weights,
                                              block,
                                              epilogue_of(call.operands[2], channel, a.activation,
                                                          a.slope, call.operands[3])}
                                      .run_all(cells);
                              });
        }
        activate_row(gradient + cells.begin * a.channels * lanes,
                     (cells.end - cells.begin) * a.channels, a.activation);
    });
}

static_assert(pack_filters_piece % filter_block == 0);

// Filters [tap][channel][filter] of one group. Transposed, the filters' channels are the outputs.
struct FilterSource {
    const float* first;
    std::int64_t taps;
    std::int64_t inputs;
    std::int64_t tap_stride;
    std::int64_t input_stride;
    std::int64_t output_stride;

    // Outputs [begin, end) to blocks [tap][input][output]. A few inputs are taken at a time, so
    // that all blocks find them in the cache.
    void pack(std::int64_t begin, std::int64_t end, float* packed) const {
        for (std::int64_t tap = 0; tap < taps; ++tap) {
            for (std::int64_t k = 0; k < inputs; k += lanes) {
                for (std::int64_t q = begin; q < end; q += filter_block) {
                    const std::int64_t block = smaller(filter_block, end - q);
                    pack_inputs(tap, k, q, block,
                                packed + q * taps * inputs + (tap * inputs + k) * block);
                }
            }
        }
    }

    void pack_inputs(std::int64_t tap, std::int64_t begin, std::int64_t output, std::int64_t block,
                     float* target) const {
        const float* from =
            first + tap * tap_stride + begin * input_stride + output * output_stride;
        const std::int64_t count = smaller(lanes, inputs - begin);
        for (std::int64_t o = 0; o < block; o += Vector::width) {
            const int own = static_cast<int>(smaller(Vector::width, block - o));
            if (output_stride == 1) {
                copy(from + o, count, own, target + o, block);
            } else {
                turn(from + o * output_stride, count, own, target + o, block);
            }
        }
    }

    // `count` inputs of `outputs` outputs that lie side by side.
    void copy(const float* from, std::int64_t count, int outputs, float* target,
              std::int64_t block) const {
        for (std::int64_t k = 0; k < count; ++k) {
            Vector::load_partial(from + k * input_stride, outputs)
                .store_partial(target + k * block, outputs);
        }
    }

    // The same where inputs lie side by side.
    void turn(const float* from, std::int64_t count, int outputs, float* target,
              std::int64_t block) const {
        for (std::int64_t k = 0; k < count; k += Vector::width) {
            const int together = static_cast<int>(smaller(Vector::width, count - k));
            Vector rows[Vector::width];
            for (int o = 0; o < Vector::width; ++o) {
                rows[o] = o < outputs ? Vector::load_partial(from + o * output_stride + k, together)
                                      : Vector::zero();
            }
            transpose(rows);
            for (int n = 0; n < together; ++n) {
                rows[n].store_partial(target + (k + n) * block, outputs);
            }
        }
    }
};

// Filters [tap][channel][filter] to blocks of output channels, [block][tap][input][output], each
// group apart. Transposed, the filters' channels are the outputs, as the input's gradient needs.
// Pieces are `pack_filters_piece` outputs of a group each.
inline void pack_filters(const Call& call) {
    const auto& a = arguments<PackFiltersArguments>(call);
    const std::int64_t total = a.filters * a.groups;
    const std::int64_t outputs = a.transposed ? a.channels : a.filters;
    const std::int64_t chunks = (outputs + pack_filters_piece - 1) / pack_filters_piece;
    for (std::int64_t piece = call.begin; piece < call.end; ++piece) {
        const std::int64_t group = piece / chunks;
        const std::int64_t begin = piece % chunks * pack_filters_piece;
        FilterSource{call.operands[0] + group * a.filters,
                     a.taps,
                     a.transposed ? a.filters : a.channels,
                     a.channels * total,
                     a.transposed ? 1 : total,
                     a.transposed ? total : 1}
            .pack(begin, smaller(begin + pack_filters_piece, outputs),
                  call.operands[1] + group * a.taps * a.channels * a.filters);
    }
}

}  // namespace kernelet::KERNELET_ISA
