// Depthwise convolutions of single samples, where each channel has one filter of its own: a vector
// holds neighbouring channels of input, filters and output alike. Taps outside the picture are left
// out, and products are added in the order in which blocks of samples add them.
#pragma once

#include <array>
#include <utility>

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/convolution.h"
#include "kernels/filter_gradient.h"
#include "kernels/single_axes.h"
#include "kernels/single_channels.h"
#include "kernels/single_convolution.h"
#include "kernels/single_tile.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

// Neighbouring output cells that share each vector of filters: enough sums to wait for.
inline constexpr int depthwise_cells = 8;

// Output cells with the same taps; those of neighbours are `input_stride` and `output_stride`
// floats apart, filters of neighbouring taps `channels`. A run of the grid is one channel.
struct DepthwiseCells {
    TapGrid taps;
    const float* input;
    std::int64_t input_stride;
    const float* filters;
    float* output;
    std::int64_t output_stride;
    std::int64_t channels;
    Epilogue epilogue;
};

// Adds a row of K taps, of which each reads the cell behind (Step 1) or before (−1) that of the
// last one: every input is loaded once.
template <int P, int K, int Step, class Load>
KERNELET_INLINE void add_near_taps(Vector (&sums)[P], const float* x, const float* w,
                                   const DepthwiseCells& cells, const Load& load) {
    Vector weights[K];
    KERNELET_UNROLL
    for (int k = 0; k < K; ++k) weights[k] = load(w + k * cells.channels);
    KERNELET_UNROLL
    for (int n = 0; n < P + K - 1; ++n) {
        const int cell = Step > 0 ? n : P - 1 - n;
        const Vector read = load(x + cell * cells.input_stride);
        KERNELET_UNROLL
        for (int k = 0; k < K; ++k) {
            const int p = cell - Step * k;
            if (p >= 0 && p < P) sums[p] = fma(read, weights[k], sums[p]);
        }
    }
}

// Adds a row of any taps.
template <int P, class Load>
KERNELET_INLINE void add_taps(Vector (&sums)[P], const float* x, const float* w,
                              const DepthwiseCells& cells, const Load& load) {
    for (std::int64_t column = 0; column < cells.taps.columns; ++column) {
        const Vector weights = load(w);
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) {
            sums[p] = fma(load(x + p * cells.input_stride), weights, sums[p]);
        }
        x += cells.taps.input_column_stride;
        w += cells.channels * cells.taps.weight_column_stride;
    }
}

// P cells of `count` channels from `channel` on. K is 0 for any taps.
template <int P, int K, int Step, bool Whole>
KERNELET_INLINE void depthwise_tile(const DepthwiseCells& cells, std::int64_t channel, int count) {
    const auto load = [&](const float* from) {
        if constexpr (Whole) return Vector::load(from);
        return Vector::load_partial(from, count);
    };
    const TapGrid& taps = cells.taps;
    Vector sums[P];
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) sums[p] = Vector::zero();
    for (std::int64_t plane = 0; plane < taps.planes; ++plane) {
        const float* x = cells.input + channel + plane * taps.input_plane_stride;
        const float* w =
            cells.filters + channel + cells.channels * plane * taps.weight_plane_stride;
        for (std::int64_t row = 0; row < taps.rows; ++row) {
            if constexpr (K > 0) {
                add_near_taps<P, K, Step>(sums, x, w, cells, load);
            } else {
                add_taps<P>(sums, x, w, cells, load);
            }
            x += taps.input_row_stride;
            w += cells.channels * taps.weight_row_stride;
        }
    }
    const Finish finish = Finish::of_channels(cells.epilogue, channel, count);
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) {
        float* target = cells.output + channel + p * cells.output_stride;
        if constexpr (Whole) {
            finish(sums[p]).store(target);
        } else {
            finish(sums[p]).store_partial(target, count);
        }
    }
}

template <int P, int K, int Step>
inline void depthwise_channels(const DepthwiseCells& cells) {
    for_vectors(cells.channels, [&](std::int64_t channel, int count) {
        if (count == Vector::width) {
            depthwise_tile<P, K, Step, true>(cells, channel, count);
        } else {
            depthwise_tile<P, K, Step, false>(cells, channel, count);
        }
    });
}

using DepthwiseTile = void (*)(const DepthwiseCells&);

template <int... P>
constexpr std::array<DepthwiseTile, sizeof...(P)> depthwise_tiles(
    std::integer_sequence<int, P...>) {
    return {depthwise_channels<P + 1, 0, 1>...};
}

// Fewer cells with near taps go by the tiles of any taps.
inline constexpr std::int64_t fewest_near = 4;

// Runs all channels of `count` cells with K near taps a row, P at a time: the last tile begins
// early enough to be whole, and writes some cells again.
template <int P, int K, int Step>
inline void run_near(const DepthwiseCells& cells, std::int64_t count) {
    for (std::int64_t cell = 0; cell < count; cell += P) {
        DepthwiseCells own = cells;
        own.input += smaller(cell, count - P) * cells.input_stride;
        own.output += smaller(cell, count - P) * cells.output_stride;
        depthwise_channels<P, K, Step>(own);
    }
}

template <int K, int Step>
inline void run_near(const DepthwiseCells& cells, std::int64_t count) {
    if (count >= depthwise_cells) {
        run_near<depthwise_cells, K, Step>(cells, count);
    } else {
        run_near<static_cast<int>(fewest_near), K, Step>(cells, count);
    }
}

// Runs all channels of `count` cells. `step` is 1 or −1 where taps in a row read neighbouring cells
// in this direction, otherwise 0.
inline void run_depthwise(DepthwiseCells cells, std::int64_t count, std::int64_t step) {
    static constexpr auto any = depthwise_tiles(std::make_integer_sequence<int, depthwise_cells>());
    const std::int64_t columns = cells.taps.columns;
    if (step != 0 && count >= fewest_near && (columns == 3 || columns == 5)) {
        if (columns == 3)
            return step > 0 ? run_near<3, 1>(cells, count) : run_near<3, -1>(cells, count);
        return step > 0 ? run_near<5, 1>(cells, count) : run_near<5, -1>(cells, count);
    }
    while (count > 0) {
        const std::int64_t together = smaller(count, depthwise_cells);
        any[static_cast<std::size_t>(together - 1)](cells);
        cells.input += together * cells.input_stride;
        cells.output += together * cells.output_stride;
        count -= together;
    }
}

template <bool Backward>
class DepthwiseConvolution {
  public:
    DepthwiseConvolution(const Call& call, const SingleConvolutionArguments& a)
        : call_(call),
          a_(a),
          depth_{ConvolutionWindow(a).depth},
          height_{ConvolutionWindow(a).height},
          width_{ConvolutionWindow(a).width},
          output_floats_(a.output_floats) {}

    // Pieces are output rows.
    void run() const {
        for (std::int64_t row = call_.begin; row < call_.end; ++row) {
            float* output = call_.operands[4] + row * width_.written() * output_floats_;
            run_row(depth_.taps(row / height_.written()), height_.taps(row % height_.written()),
                    output);
            activate_channels(output, width_.written(), output_floats_, a_.channels, a_.activation);
        }
    }

  private:
    void run_row(const AxisTaps& planes, const AxisTaps& rows, float* output) const {
        for (std::int64_t cell = 0; cell < width_.written();) {
            const VolumeTaps taps{planes, rows, width_.taps(cell)};
            const std::int64_t count = alike(cell, taps.columns);
            run_depthwise(cells_of(taps, output + cell * output_floats_), count, near_step());
            cell += count;
        }
    }

    // What `run_depthwise` is told.
    std::int64_t near_step() const {
        if (width_.tap_step() != 1 || cell_step() != 1) return 0;
        const std::int64_t distance = width_.tap_distance();
        return distance == 1 || distance == -1 ? distance : 0;
    }

    // Cells from `cell` on whose taps are the same, one step further each.
    std::int64_t alike(std::int64_t cell, const AxisTaps& taps) const {
        if (Backward && a_.stride_width > 1) return 1;
        std::int64_t count = 1;
        for (; cell + count < width_.written(); ++count) {
            const AxisTaps next = width_.taps(cell + count);
            if (next.first != taps.first || next.count != taps.count ||
                next.source != taps.source + count * cell_step()) {
                break;
            }
        }
        return count;
    }

    std::int64_t cell_step() const { return Backward ? 1 : a_.stride_width; }

    // Output cells with some taps, from `output` on.
    DepthwiseCells cells_of(const VolumeTaps& taps, float* output) const {
        const std::int64_t row = width_.read() * a_.cell_floats;
        const std::int64_t plane = height_.read() * row;
        const TapGrid grid{taps.planes.count,
                           taps.rows.count,
                           taps.columns.count,
                           1,
                           depth_.tap_distance() * plane,
                           height_.tap_distance() * row,
                           width_.tap_distance() * a_.cell_floats,
                           depth_.tap_step() * a_.kernel_height * a_.kernel_width,
                           height_.tap_step() * a_.kernel_width,
                           width_.tap_step()};
        const std::int64_t first_tap =
            (taps.planes.first * a_.kernel_height + taps.rows.first) * a_.kernel_width +
            taps.columns.first;
        return {grid,
                call_.operands[0] + taps.planes.source * plane + taps.rows.source * row +
                    taps.columns.source * a_.cell_floats,
                cell_step() * a_.cell_floats,
                call_.operands[1] + first_tap * a_.channels,
                output,
                output_floats_,
                a_.channels,
                epilogue_of(call_.operands[2], 0, a_.activation, a_.slope, call_.operands[3])};
    }

    const Call& call_;
    const SingleConvolutionArguments& a_;
    SingleAxis<Backward> depth_;
    SingleAxis<Backward> height_;
    SingleAxis<Backward> width_;
    std::int64_t output_floats_;
};

// Operands: input, filters as they lie, bias or null, factors or null, output. Pieces are output
// rows.
inline void depthwise_single(const Call& call) {
    DepthwiseConvolution<false>(call, arguments<SingleConvolutionArguments>(call)).run();
}

// The same with the gradient of the output as the input, and the gradient by the input as the
// output.
inline void depthwise_input_gradient_single(const Call& call) {
    DepthwiseConvolution<true>(call, arguments<SingleConvolutionArguments>(call)).run();
}

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

}  // namespace kernelet::KERNELET_ISA
