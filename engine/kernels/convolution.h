// Two-dimensional convolution of blocks of samples, and its gradient by the input.
//
// Both walk output cells row by row. Cells whose taps all lie inside the picture share one grid of
// taps and go through the tile several at a time; cells at the border get a clipped grid each.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/pointwise.h"
#include "kernels/tile.h"

namespace kernelet::KERNELET_ISA {

// Positions along one axis of the taps that reach one output cell: the first kernel cell, how many
// follow, and the input cell of the first.
struct AxisTaps {
    std::int64_t first;
    std::int64_t count;
    std::int64_t input;
};

// Forward: output cell i reads input cells i·stride − pad + k·dilation.
inline AxisTaps forward_taps(std::int64_t cell, std::int64_t length, std::int64_t kernel,
                             std::int64_t stride, std::int64_t dilation, std::int64_t pad) {
    const std::int64_t start = cell * stride - pad;
    const std::int64_t first = start < 0 ? (-start + dilation - 1) / dilation : 0;
    const std::int64_t last =
        start >= length ? -1 : smaller(kernel - 1, (length - 1 - start) / dilation);
    return {first, larger(last - first + 1, 0), start + first * dilation};
}

// Backward: input cell i was read by output cells (i + pad − k·dilation) / stride where that is
// whole and inside; consecutive such k differ by `step`.
inline AxisTaps backward_taps(std::int64_t cell, std::int64_t output, std::int64_t kernel,
                              std::int64_t stride, std::int64_t dilation, std::int64_t pad,
                              std::int64_t step) {
    AxisTaps taps{0, 0, 0};
    for (std::int64_t k = 0; k < kernel; ++k) {
        const std::int64_t position = cell + pad - k * dilation;
        if (position < 0 || position % stride != 0 || position / stride >= output) {
            continue;
        }
        taps = {k, 1, position / stride};
        // Every further step moves one read back by step·dilation / stride output cells.
        const std::int64_t back = step * dilation / stride;
        taps.count = smaller((kernel - 1 - k) / step, taps.input / back) + 1;
        break;
    }
    return taps;
}

inline std::int64_t greatest_common_divisor(std::int64_t a, std::int64_t b) {
    while (b != 0) {
        const std::int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

// Applies `row(channel block, weights, block size)` to every block of output channels.
template <class Function>
KERNELET_INLINE void for_filter_blocks(std::int64_t filters, std::int64_t taps_by_channels,
                                       const float* weights, Function&& function) {
    for (std::int64_t q = 0; q < filters; q += filter_block) {
        function(q, weights + q * taps_by_channels, smaller(filter_block, filters - q));
    }
}

inline Epilogue epilogue_of(const float* bias, std::int64_t activation, double slope) {
    return {bias, static_cast<Activation>(activation), static_cast<float>(slope)};
}

// One row of output cells for one block of output channels of one group.
struct ForwardRow {
    const ConvolutionArguments& a;
    const float* input;  // first channel of the group
    float* output;       // first cell of the row, first channel of the block
    AxisTaps rows;
    std::int64_t channels;  // of the group

    TapGrid grid(const AxisTaps& columns) const {
        const std::int64_t column_stride = a.dilation_width * a.channels * lanes;
        TapGrid grid{rows.count,    columns.count,
                     channels,      a.dilation_height * a.width * a.channels * lanes,
                     column_stride, a.kernel_width * channels,
                     channels};
        // Neighbouring taps of all channels lie one after the other: one long run.
        if (a.dilation_width == 1 && a.groups == 1) {
            grid.run *= columns.count;
            grid.columns = 1;
        }
        return grid;
    }

    void run(std::int64_t begin, std::int64_t end, const AxisTaps& columns, const float* weights,
             std::int64_t block, const Epilogue& epilogue) const {
        const std::int64_t cell = rows.input * a.width + columns.input;
        const std::int64_t tap = rows.first * a.kernel_width + columns.first;
        cells_of_block[block](end - begin, input + cell * a.channels * lanes,
                              a.stride_width * a.channels * lanes, grid(columns),
                              weights + tap * channels * block, output + begin * a.filters * lanes,
                              a.filters * lanes, epilogue);
    }
};

// Output cells [begin, end) along one axis whose taps are all inside.
struct Interior {
    std::int64_t begin;
    std::int64_t end;
};

inline Interior interior(std::int64_t output, std::int64_t length, std::int64_t kernel,
                         std::int64_t stride, std::int64_t dilation, std::int64_t pad) {
    const std::int64_t reach = length - 1 - (kernel - 1) * dilation + pad;
    const std::int64_t end = reach < 0 ? 0 : smaller(output, reach / stride + 1);
    const std::int64_t begin = smaller((pad + stride - 1) / stride, end);
    return {begin, end};
}

inline void convolution(const Call& call) {
    const auto& a = arguments<ConvolutionArguments>(call);
    const std::int64_t channels = a.channels / a.groups;
    const std::int64_t filters = a.filters / a.groups;
    const std::int64_t taps = a.kernel_height * a.kernel_width;
    const Interior inside = interior(a.output_width, a.width, a.kernel_width, a.stride_width,
                                     a.dilation_width, a.pad_left);
    const auto columns = [&](std::int64_t cell) {
        return forward_taps(cell, a.width, a.kernel_width, a.stride_width, a.dilation_width,
                            a.pad_left);
    };
    for (std::int64_t i = 0; i < a.output_height; ++i) {
        float* output_row = call.operands[3] + i * a.output_width * a.filters * lanes;
        const AxisTaps rows = forward_taps(i, a.height, a.kernel_height, a.stride_height,
                                           a.dilation_height, a.pad_top);
        for (std::int64_t g = 0; g < a.groups; ++g) {
            const float* weights = call.operands[1] + g * taps * channels * filters;
            for_filter_blocks(
                filters, taps * channels, weights,
                [&](std::int64_t q, const float* w, std::int64_t block) {
                    const std::int64_t filter = g * filters + q;
                    const float* bias = call.operands[2] ? call.operands[2] + filter : nullptr;
                    const Epilogue epilogue = epilogue_of(bias, a.activation, a.slope);
                    const ForwardRow row{a, call.operands[0] + g * channels * lanes,
                                         output_row + filter * lanes, rows, channels};
                    for (std::int64_t j = 0; j < inside.begin; ++j) {
                        row.run(j, j + 1, columns(j), w, block, epilogue);
                    }
                    if (inside.begin < inside.end) {
                        row.run(inside.begin, inside.end, columns(inside.begin), w, block,
                                epilogue);
                    }
                    for (std::int64_t j = inside.end; j < a.output_width; ++j) {
                        row.run(j, j + 1, columns(j), w, block, epilogue);
                    }
                });
        }
        activate_row(output_row, a.output_width * a.filters, a.activation);
    }
}

// One row of the gradient by the input for one block of input channels of one group. Cells that
// are `stride_width` apart have the same taps, shifted by one output cell.
struct BackwardRow {
    const ConvolutionArguments& a;
    const float* upstream;  // first filter of the group
    float* gradient;        // first cell of the row, first channel of the block
    AxisTaps rows;
    std::int64_t filters;  // of the group
    std::int64_t row_step;
    std::int64_t column_step;

    void run(std::int64_t cell, std::int64_t count, const AxisTaps& columns, const float* weights,
             std::int64_t block) const {
        const std::int64_t back_rows = row_step * a.dilation_height / a.stride_height;
        const std::int64_t back_columns = column_step * a.dilation_width / a.stride_width;
        const TapGrid grid{rows.count,
                           columns.count,
                           filters,
                           -back_rows * a.output_width * a.filters * lanes,
                           -back_columns * a.filters * lanes,
                           row_step * a.kernel_width * filters,
                           column_step * filters};
        const std::int64_t source = rows.input * a.output_width + columns.input;
        const std::int64_t tap = rows.first * a.kernel_width + columns.first;
        cells_of_block[block](count, upstream + source * a.filters * lanes, a.filters * lanes, grid,
                              weights + tap * filters * block, gradient + cell * a.channels * lanes,
                              a.stride_width * a.channels * lanes, Epilogue{});
    }

    // All cells of the row, in chains of cells `stride_width` apart; runs of cells with equal taps
    // go through the tile together.
    void run_all(const float* weights, std::int64_t block) const {
        const auto columns = [&](std::int64_t cell) {
            return backward_taps(cell, a.output_width, a.kernel_width, a.stride_width,
                                 a.dilation_width, a.pad_left, column_step);
        };
        for (std::int64_t phase = 0; phase < smaller(a.stride_width, a.width); ++phase) {
            std::int64_t start = phase;
            AxisTaps taps = columns(start);
            std::int64_t count = 1;
            for (std::int64_t cell = phase + a.stride_width;; cell += a.stride_width) {
                const bool inside = cell < a.width;
                const AxisTaps next = inside ? columns(cell) : AxisTaps{};
                const bool same = inside && next.first == taps.first && next.count == taps.count &&
                                  (taps.count == 0 || next.input == taps.input + count);
                if (same) {
                    ++count;
                    continue;
                }
                run(start, count, taps, weights, block);
                if (!inside) {
                    break;
                }
                start = cell;
                taps = next;
                count = 1;
            }
        }
    }
};

inline void convolution_input_gradient(const Call& call) {
    const auto& a = arguments<ConvolutionArguments>(call);
    const std::int64_t channels = a.channels / a.groups;
    const std::int64_t filters = a.filters / a.groups;
    const std::int64_t taps = a.kernel_height * a.kernel_width;
    const std::int64_t row_step =
        a.stride_height / greatest_common_divisor(a.stride_height, a.dilation_height);
    const std::int64_t column_step =
        a.stride_width / greatest_common_divisor(a.stride_width, a.dilation_width);
    for (std::int64_t i = 0; i < a.height; ++i) {
        float* gradient_row = call.operands[2] + i * a.width * a.channels * lanes;
        const AxisTaps rows = backward_taps(i, a.output_height, a.kernel_height, a.stride_height,
                                            a.dilation_height, a.pad_top, row_step);
        for (std::int64_t g = 0; g < a.groups; ++g) {
            const float* weights = call.operands[1] + g * taps * channels * filters;
            for_filter_blocks(channels, taps * filters, weights,
                              [&](std::int64_t q, const float* w, std::int64_t block) {
                                  const BackwardRow row{a,
                                                        call.operands[0] + g * filters * lanes,
                                                        gradient_row + (g * channels + q) * lanes,
                                                        rows,
                                                        filters,
                                                        row_step,
                                                        column_step};
                                  row.run_all(w, block);
                              });
        }
    }
}

// Filters [tap][channel][filter] to blocks of output channels, [block][tap][input][output], each
// group apart. Transposed, the filters' channels are the outputs, as the input's gradient needs.
inline void pack_filters(const Call& call) {
    const auto& a = arguments<PackFiltersArguments>(call);
    const std::int64_t inputs = a.transposed ? a.filters : a.channels;
    const std::int64_t outputs = a.transposed ? a.channels : a.filters;
    const std::int64_t total = a.filters * a.groups;
    float* target = call.operands[1];
    for (std::int64_t g = 0; g < a.groups; ++g) {
        for (std::int64_t q = 0; q < outputs; q += filter_block) {
            const std::int64_t block = smaller(filter_block, outputs - q);
            for (std::int64_t tap = 0; tap < a.taps; ++tap) {
                const float* source = call.operands[0] + tap * a.channels * total + g * a.filters;
                for (std::int64_t k = 0; k < inputs; ++k) {
                    for (std::int64_t o = q; o < q + block; ++o) {
                        *target++ = a.transposed ? source[o * total + k] : source[k * total + o];
                    }
                }
            }
        }
    }
}

}  // namespace kernelet::KERNELET_ISA
