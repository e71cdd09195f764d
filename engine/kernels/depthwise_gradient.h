// Gradients by the filters of depthwise convolutions.
#pragma once

#include <array>
#include <utility>

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/filter_gradient.h"
#include "kernels/tile.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

// Channels whose sums of one tap are in registers together.
inline constexpr std::int64_t depthwise_together = 4 * lanes;

// The gradient of one tap over the cells that it connects, for V vectors of channels, of which the
// last has `last`.
template <int V>
inline void depthwise_gradient_tile(const CellGrid& grid, const float* input, const float* upstream,
                                    float* gradient, int last, bool overwrite) {
    Vector sums[V];
    KERNELET_UNROLL
    for (int v = 0; v < V; ++v) sums[v] = Vector::zero();
    for (std::int64_t plane = 0; plane < grid.planes; ++plane) {
        for (std::int64_t row = 0; row < grid.rows; ++row) {
            const float* x = input + plane * grid.input_plane_stride + row * grid.input_row_stride;
            const float* y =
                upstream + plane * grid.upstream_plane_stride + row * grid.upstream_row_stride;
            for (std::int64_t column = 0; column < grid.columns; ++column) {
                KERNELET_UNROLL
                for (int v = 0; v < V; ++v) {
                    const int some = v < V - 1 ? Vector::width : last;
                    sums[v] = fma(load_some(x + v * Vector::width, some),
                                  load_some(y + v * Vector::width, some), sums[v]);
                }
                x += grid.input_column_stride;
                y += grid.upstream_column_stride;
            }
        }
    }
    KERNELET_UNROLL
    for (int v = 0; v < V; ++v) {
        float* target = gradient + v * Vector::width;
        const int some = v < V - 1 ? Vector::width : last;
        const Vector before = overwrite ? Vector::zero() : load_some(target, some);
        store_some(before + sums[v], target, some);
    }
}

using DepthwiseGradientTile = void (*)(const CellGrid&, const float*, const float*, float*, int,
                                       bool);

template <int... V>
constexpr std::array<DepthwiseGradientTile, sizeof...(V)> depthwise_gradient_tiles(
    std::integer_sequence<int, V...>) {
    return {depthwise_gradient_tile<V + 1>...};
}

// Operands: input, upstream gradient, partial sum of the gradient. Pieces are taps.
inline void depthwise_filter_gradient_single(const Call& call) {
    const auto& a = arguments<DepthwiseGradientArguments>(call);
    static constexpr auto tiles = depthwise_gradient_tiles(
        std::make_integer_sequence<int, depthwise_together / Vector::width>());
    const ConvolutionWindow window(a);
    const std::int64_t row = a.width * a.input_floats;
    const std::int64_t upstream_row = a.output_width * a.upstream_floats;
    for (std::int64_t tap = call.begin; tap < call.end; ++tap) {
        const std::int64_t number[] = {tap / a.kernel_width / a.kernel_height,
                                       tap / a.kernel_width % a.kernel_height,
                                       tap % a.kernel_width};
        const Span planes = cells_of_tap(number[0], window.depth);
        const Span rows = cells_of_tap(number[1], window.height);
        const Span columns = cells_of_tap(number[2], window.width);
        const CellGrid grid{planes.end - planes.begin,
                            rows.end - rows.begin,
                            columns.end - columns.begin,
                            a.stride_depth * a.height * row,
                            a.stride_height * row,
                            a.stride_width * a.input_floats,
                            0,
                            a.output_height * upstream_row,
                            upstream_row,
                            a.upstream_floats};
        const auto source = [&](const Span& cells, std::int64_t k, const WindowAxis& axis) {
            return cells.begin * axis.stride + k * axis.dilation - axis.pad;
        };
        const float* input = call.operands[0] +
                             source(planes, number[0], window.depth) * a.height * row +
                             source(rows, number[1], window.height) * row +
                             source(columns, number[2], window.width) * a.input_floats;
        const float* upstream = call.operands[1] +
                                (planes.begin * a.output_height + rows.begin) * upstream_row +
                                columns.begin * a.upstream_floats;
        for (std::int64_t c = 0; c < a.channels; c += depthwise_together) {
            const std::int64_t count = smaller(depthwise_together, a.channels - c);
            const std::int64_t before_last = (count - 1) / Vector::width;
            tiles[static_cast<std::size_t>(before_last)](
                grid, input + c, upstream + c, call.operands[2] + tap * a.channels + c,
                static_cast<int>(count - before_last * Vector::width), call.first);
        }
    }
}

// Output cells of a row that a block of samples takes together.
inline constexpr int depthwise_gradient_cells = 8;

// The cells of a row that K taps of `depthwise_gradient_cells` output cells read, `Stride` apart,
// or those output cells themselves (one tap); those outside are zeros. So a number that is not
// finite may reach a tap that only an output cell beyond the end of a row would connect it with.
template <int K, int Stride>
class CellsOfRow {
  public:
    static constexpr int count = (depthwise_gradient_cells - 1) * Stride + K;

    // `first` is the column of the first one.
    CellsOfRow(std::int64_t first, std::int64_t columns, std::int64_t cell_floats)
        : cell_floats_(cell_floats) {
        for (int n = 0; n < count; ++n) {
            inside_[n] = first + n >= 0 && first + n < columns;
            places_[n] = (first + n) * cell_floats;
        }
    }

    // Numbers of cell n at `offset` from its beginning.
    KERNELET_INLINE Vector read(const float* row, int n, std::int64_t offset) const {
        return Vector::load(inside_[n] ? row + places_[n] + offset : no_numbers);
    }

    // Asks for those that the next output cells read beyond these.
    KERNELET_INLINE void ask_for_next(const float* row, std::int64_t offset) const {
        const float* last = row + places_[count - 1] + offset;
        KERNELET_UNROLL
        for (int n = 1; n <= depthwise_gradient_cells * Stride; ++n) {
            __builtin_prefetch(last + n * cell_floats_, 0, 2);
        }
    }

  private:
    bool inside_[count];
    std::int64_t places_[count];
    std::int64_t cell_floats_;
};

// The gradient by the filters of some channels for a block of samples, with K neighbouring taps a
// row. Sums are [tap][channel][lane] until all cells are added.
template <int K, int Stride>
class DepthwiseGradient {
  public:
    DepthwiseGradient(const Call& call, const Span& channels)
        : a_(arguments<ConvolutionArguments>(call)),
          window_(a_),
          call_(call),
          channels_(channels),
          cell_floats_(a_.channels * lanes),
          sum_floats_((channels.end - channels.begin) * lanes) {}

    void run() const {
        for (std::int64_t k = 0; k < window_.taps() * sum_floats_; k += Vector::width) {
            Vector::zero().store(sums() + k);
        }
        for (std::int64_t row = 0; row < a_.output_depth * a_.output_height; ++row) {
            const AxisTaps planes = forward_taps(row / a_.output_height, window_.depth);
            const AxisTaps rows = forward_taps(row % a_.output_height, window_.height);
            for (std::int64_t cell = 0; cell < a_.output_width; cell += depthwise_gradient_cells) {
                add_cells(row, cell, planes, rows);
            }
        }
        store();
    }

  private:
    using Inputs = CellsOfRow<K, Stride>;
    using Upstream = CellsOfRow<1, 1>;

    float* sums() const { return call_.operands[3]; }

    void add_cells(std::int64_t row, std::int64_t cell, const AxisTaps& planes,
                   const AxisTaps& rows) const {
        const Inputs inputs(cell * Stride - a_.pad_width, a_.width, cell_floats_);
        const Upstream cells(cell, a_.output_width, cell_floats_);
        const float* upstream = call_.operands[1] + row * a_.output_width * cell_floats_;
        for (std::int64_t k = 0; k < sum_floats_; k += Vector::width) {
            const std::int64_t offset = channels_.begin * lanes + k;
            Vector y[depthwise_gradient_cells];
            KERNELET_UNROLL
            for (int p = 0; p < depthwise_gradient_cells; ++p) {
                y[p] = cells.read(upstream, p, offset);
            }
            cells.ask_for_next(upstream, offset);
            for (std::int64_t plane = 0; plane < planes.count; ++plane) {
                for (std::int64_t tap_row = 0; tap_row < rows.count; ++tap_row) {
                    const std::int64_t depth = planes.source + plane * a_.dilation_depth;
                    const std::int64_t height = rows.source + tap_row * a_.dilation_height;
                    const float* x =
                        call_.operands[0] + (depth * a_.height + height) * a_.width * cell_floats_;
                    const std::int64_t tap =
                        (planes.first + plane) * a_.kernel_height + rows.first + tap_row;
                    if (tap_row == rows.count - 1) inputs.ask_for_next(x, offset);
                    add_row(inputs, x, offset, y, sums() + tap * K * sum_floats_ + k);
                }
            }
        }
    }

    KERNELET_INLINE void add_row(const Inputs& inputs, const float* x, std::int64_t offset,
                                 const Vector (&y)[depthwise_gradient_cells], float* target) const {
        Vector totals[K];
        KERNELET_UNROLL
        for (int k = 0; k < K; ++k) totals[k] = Vector::load(target + k * sum_floats_);
        KERNELET_UNROLL
        for (int n = 0; n < Inputs::count; ++n) {
            const Vector cell = inputs.read(x, n, offset);
            KERNELET_UNROLL
            for (int k = 0; k < K; ++k) {
                const int p = (n - k) / Stride;
                if (n >= k && (n - k) % Stride == 0 && p < depthwise_gradient_cells) {
                    totals[k] = fma(cell, y[p], totals[k]);
                }
            }
        }
        KERNELET_UNROLL
        for (int k = 0; k < K; ++k) totals[k].store(target + k * sum_floats_);
    }

    void store() const {
        for (std::int64_t tap = 0; tap < window_.taps(); ++tap) {
            for (std::int64_t c = channels_.begin; c < channels_.end; ++c) {
                const float* own = sums() + tap * sum_floats_ + (c - channels_.begin) * lanes;
                Vector sum = Vector::load(own);
                for (std::int64_t lane = Vector::width; lane < lanes; lane += Vector::width) {
                    sum = sum + Vector::load(own + lane);
                }
                float& place = call_.operands[2][tap * a_.channels + c];
                place = (call_.first ? 0.0F : place) + reduce_add(sum);
            }
        }
    }

    const ConvolutionArguments& a_;
    ConvolutionWindow window_;
    const Call& call_;
    Span channels_;
    std::int64_t cell_floats_;
    std::int64_t sum_floats_;
};

template <int K>
inline void depthwise_gradient_piece(const Call& call, const Span& channels) {
    if (arguments<ConvolutionArguments>(call).stride_width == 1) {
        DepthwiseGradient<K, 1>(call, channels).run();
    } else {
        DepthwiseGradient<K, 2>(call, channels).run();
    }
}

// For three or five neighbouring taps a row, and steps of one or two cells. Operands: input,
// upstream gradient, partial sum of the gradient, workspace of a piece's sums. Pieces are
// `depthwise_filter_gradient_piece` channels each.
inline void depthwise_filter_gradient(const Call& call) {
    const auto& a = arguments<ConvolutionArguments>(call);
    for (std::int64_t piece = call.begin; piece < call.end; ++piece) {
        const std::int64_t begin = piece * depthwise_filter_gradient_piece;
        const Span channels{begin, smaller(begin + depthwise_filter_gradient_piece, a.channels)};
        if (a.kernel_width == 3) {
            depthwise_gradient_piece<3>(call, channels);
        } else {
            depthwise_gradient_piece<5>(call, channels);
        }
    }
}

}  // namespace kernelet::KERNELET_ISA
