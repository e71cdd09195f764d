// Depthwise convolutions, where each channel has one filter of its own. Taps outside the picture
// are left out, and products of blocks and of single samples are added in the same order.
//
// All channels of some cells are taken before the next cells, because those of a cell lie side by
// side in memory: one channel of all cells after the other takes up to twice the time.
#pragma once

#include <array>
#include <utility>

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/convolution.h"
#include "kernels/single_axes.h"
#include "kernels/single_tile.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

// Neighbouring channels of a single sample, a vector of them or, unless `Whole`, fewer.
template <bool Whole>
class NeighbouringChannels {
  public:
    NeighbouringChannels(std::int64_t channel, int count) : channel_(channel), count_(count) {}

    KERNELET_INLINE Vector read(const float* cell) const {
        if constexpr (Whole) return Vector::load(cell + channel_);
        return Vector::load_partial(cell + channel_, count_);
    }
    KERNELET_INLINE Vector weights(const float* tap) const { return read(tap); }
    KERNELET_INLINE Finish finish(const Epilogue& epilogue) const {
        return Finish::of_channels(epilogue, channel_, count_);
    }
    KERNELET_INLINE void write(Vector value, float* cell) const {
        if constexpr (Whole) {
            value.store(cell + channel_);
        } else {
            value.store_partial(cell + channel_, count_);
        }
    }

  private:
    std::int64_t channel_;
    int count_;
};

// Samples of a block from `lane` on, of one channel.
class SamplesOfChannel {
  public:
    SamplesOfChannel(std::int64_t channel, std::int64_t lane)
        : channel_(channel), offset_(channel * lanes + lane) {}

    KERNELET_INLINE Vector read(const float* cell) const { return Vector::load(cell + offset_); }
    KERNELET_INLINE Vector weights(const float* tap) const {
        return Vector::broadcast_from(tap + channel_);
    }
    KERNELET_INLINE Finish finish(const Epilogue& epilogue) const {
        return Finish::of_channel(epilogue, channel_);
    }
    KERNELET_INLINE void write(Vector value, float* cell) const { value.store(cell + offset_); }

  private:
    std::int64_t channel_;
    std::int64_t offset_;  // from the beginning of a cell
};

// Calls `function` for the vectors of all channels of cells that have `lanes` samples, or one.
template <int Samples, class Function>
KERNELET_INLINE void for_depthwise_vectors(std::int64_t channels, const Function& function) {
    if constexpr (Samples > 1) {
        for (std::int64_t channel = 0; channel < channels; ++channel) {
            for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                function(SamplesOfChannel(channel, lane));
            }
        }
    } else {
        for_vectors(channels, [&](std::int64_t channel, int count) {
            if (count == Vector::width) {
                function(NeighbouringChannels<true>(channel, count));
            } else {
                function(NeighbouringChannels<false>(channel, count));
            }
        });
    }
}

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
template <int P, int K, int Step, class Numbers>
KERNELET_INLINE void add_near_taps(Vector (&sums)[P], const float* x, const float* w,
                                   const DepthwiseCells& cells, const Numbers& numbers) {
    Vector weights[K];
    KERNELET_UNROLL
    for (int k = 0; k < K; ++k) weights[k] = numbers.weights(w + k * cells.channels);
    KERNELET_UNROLL
    for (int n = 0; n < P + K - 1; ++n) {
        const int cell = Step > 0 ? n : P - 1 - n;
        const Vector read = numbers.read(x + cell * cells.input_stride);
        KERNELET_UNROLL
        for (int k = 0; k < K; ++k) {
            const int p = cell - Step * k;
            if (p >= 0 && p < P) sums[p] = fma(read, weights[k], sums[p]);
        }
    }
}

// Adds a row of any taps.
template <int P, class Numbers>
KERNELET_INLINE void add_taps(Vector (&sums)[P], const float* x, const float* w,
                              const DepthwiseCells& cells, const Numbers& numbers) {
    for (std::int64_t column = 0; column < cells.taps.columns; ++column) {
        const Vector weights = numbers.weights(w);
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) {
            sums[p] = fma(numbers.read(x + p * cells.input_stride), weights, sums[p]);
        }
        x += cells.taps.input_column_stride;
        w += cells.channels * cells.taps.weight_column_stride;
    }
}

// P cells of a vector of numbers. K is 0 for any taps.
template <int P, int K, int Step, class Numbers>
KERNELET_INLINE void depthwise_tile(const DepthwiseCells& cells, const Numbers& numbers) {
    const TapGrid& taps = cells.taps;
    Vector sums[P];
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) sums[p] = Vector::zero();
    for (std::int64_t plane = 0; plane < taps.planes; ++plane) {
        const float* x = cells.input + plane * taps.input_plane_stride;
        const float* w = cells.filters + cells.channels * plane * taps.weight_plane_stride;
        for (std::int64_t row = 0; row < taps.rows; ++row) {
            if constexpr (K > 0) {
                add_near_taps<P, K, Step>(sums, x, w, cells, numbers);
            } else {
                add_taps<P>(sums, x, w, cells, numbers);
            }
            x += taps.input_row_stride;
            w += cells.channels * taps.weight_row_stride;
        }
    }
    const Finish finish = numbers.finish(cells.epilogue);
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) {
        numbers.write(finish(sums[p]), cells.output + p * cells.output_stride);
    }
}

template <int Samples, int P, int K, int Step>
inline void depthwise_channels(const DepthwiseCells& cells) {
    for_depthwise_vectors<Samples>(
        cells.channels, [&](const auto& numbers) { depthwise_tile<P, K, Step>(cells, numbers); });
}

using DepthwiseTile = void (*)(const DepthwiseCells&);

template <int Samples, int... P>
constexpr std::array<DepthwiseTile, sizeof...(P)> depthwise_tiles(
    std::integer_sequence<int, P...>) {
    return {depthwise_channels<Samples, P + 1, 0, 1>...};
}

// Fewer cells with near taps go by the tiles of any taps.
inline constexpr std::int64_t fewest_near = 4;

// Runs all channels of `count` cells with K near taps a row, P at a time: the last tile begins
// early enough to be whole, and writes some cells again.
template <int Samples, int P, int K, int Step>
inline void run_near(const DepthwiseCells& cells, std::int64_t count) {
    for (std::int64_t cell = 0; cell < count; cell += P) {
        DepthwiseCells own = cells;
        own.input += smaller(cell, count - P) * cells.input_stride;
        own.output += smaller(cell, count - P) * cells.output_stride;
        depthwise_channels<Samples, P, K, Step>(own);
    }
}

template <int Samples, int K, int Step>
inline void run_near(const DepthwiseCells& cells, std::int64_t count) {
    if (count >= depthwise_cells) {
        run_near<Samples, depthwise_cells, K, Step>(cells, count);
    } else {
        run_near<Samples, static_cast<int>(fewest_near), K, Step>(cells, count);
    }
}

// Cells of a single tap, and nothing else to do: no sum waits, and memory is fastest in order.
template <int Samples>
inline void scale_cells(const DepthwiseCells& cells, std::int64_t count) {
    const float* input = cells.input;
    float* output = cells.output;
    for (std::int64_t cell = 0; cell < count; ++cell) {
        for_depthwise_vectors<Samples>(cells.channels, [&](const auto& numbers) {
            numbers.write(fma(numbers.read(input), numbers.weights(cells.filters), Vector::zero()),
                          output);
        });
        input += cells.input_stride;
        output += cells.output_stride;
    }
}

// Runs all channels of `count` cells. `step` is 1 or −1 where taps in a row read neighbouring cells
// in this direction, otherwise 0.
template <int Samples>
inline void run_depthwise(DepthwiseCells cells, std::int64_t count, std::int64_t step) {
    static constexpr auto any =
        depthwise_tiles<Samples>(std::make_integer_sequence<int, depthwise_cells>());
    const std::int64_t columns = cells.taps.columns;
    if (cells.taps.planes * cells.taps.rows * columns == 1 && is_plain(cells.epilogue)) {
        return scale_cells<Samples>(cells, count);
    }
    if (step != 0 && count >= fewest_near && (columns == 3 || columns == 5)) {
        const bool forward = step > 0;
        if (columns == 3) {
            return forward ? run_near<Samples, 3, 1>(cells, count)
                           : run_near<Samples, 3, -1>(cells, count);
        }
        return forward ? run_near<Samples, 5, 1>(cells, count)
                       : run_near<Samples, 5, -1>(cells, count);
    }
    while (count > 0) {
        const std::int64_t together = smaller(count, depthwise_cells);
        any[static_cast<std::size_t>(together - 1)](cells);
        cells.input += together * cells.input_stride;
        cells.output += together * cells.output_stride;
        count -= together;
    }
}

template <int Samples, bool Backward>
class DepthwiseConvolution {
  public:
    // Cells of the input and of the output lie `input_floats` and `output_floats` apart.
    template <class Arguments>
    DepthwiseConvolution(const Call& call, const Arguments& a, std::int64_t input_floats,
                         std::int64_t output_floats)
        : call_(call),
          window_(a),
          depth_{window_.depth},
          height_{window_.height},
          width_{window_.width},
          channels_(a.channels),
          input_floats_(input_floats),
          output_floats_(output_floats),
          activation_(a.activation),
          slope_(a.slope) {}

    // Pieces are output rows, or parts of them.
    void run() const {
        const std::int64_t most = Samples > 1 ? convolution_piece : width_.written();
        const std::int64_t parts = (width_.written() + most - 1) / most;
        for (std::int64_t piece = call_.begin; piece < call_.end; ++piece) {
            const std::int64_t row = piece / parts;
            const std::int64_t begin = piece % parts * most;
            const Span cells{begin, smaller(begin + most, width_.written())};
            float* output = call_.operands[4] + row * width_.written() * output_floats_;
            run_row(depth_.taps(row / height_.written()), height_.taps(row % height_.written()),
                    cells, output);
            activate_channels(output + begin * output_floats_, cells.end - begin, output_floats_,
                              channels_ * Samples, activation_);
        }
    }

  private:
    void run_row(const AxisTaps& planes, const AxisTaps& rows, const Span& cells,
                 float* output) const {
        for (std::int64_t cell = cells.begin; cell < cells.end;) {
            const VolumeTaps taps{planes, rows, width_.taps(cell)};
            const std::int64_t count = alike(cell, cells.end, taps.columns);
            run_depthwise<Samples>(cells_of(taps, output + cell * output_floats_), count,
                                   near_step());
            cell += count;
        }
    }

    // What `run_depthwise` is told.
    std::int64_t near_step() const {
        if (width_.tap_step() != 1 || cell_step() != 1) return 0;
        const std::int64_t distance = width_.tap_distance();
        return distance == 1 || distance == -1 ? distance : 0;
    }

    // Cells from `cell` on, before `end`, whose taps are the same, one step further each.
    std::int64_t alike(std::int64_t cell, std::int64_t end, const AxisTaps& taps) const {
        if (Backward && window_.width.stride > 1) return 1;
        const Span whole = width_.whole();
        if (cell >= whole.begin && cell < whole.end) return smaller(whole.end, end) - cell;
        std::int64_t count = 1;
        for (; cell + count < end; ++count) {
            const AxisTaps next = width_.taps(cell + count);
            if (next.first != taps.first || next.count != taps.count ||
                next.source != taps.source + count * cell_step()) {
                break;
            }
        }
        return count;
    }

    std::int64_t cell_step() const { return Backward ? 1 : window_.width.stride; }

    // Output cells with some taps, from `output` on.
    DepthwiseCells cells_of(const VolumeTaps& taps, float* output) const {
        const std::int64_t row = width_.read() * input_floats_;
        const std::int64_t plane = height_.read() * row;
        const TapGrid grid{taps.planes.count,
                           taps.rows.count,
                           taps.columns.count,
                           1,
                           depth_.tap_distance() * plane,
                           height_.tap_distance() * row,
                           width_.tap_distance() * input_floats_,
                           depth_.tap_step() * window_.height.kernel * window_.width.kernel,
                           height_.tap_step() * window_.width.kernel,
                           width_.tap_step()};
        const std::int64_t first_tap =
            (taps.planes.first * window_.height.kernel + taps.rows.first) * window_.width.kernel +
            taps.columns.first;
        return {grid,
                call_.operands[0] + taps.planes.source * plane + taps.rows.source * row +
                    taps.columns.source * input_floats_,
                cell_step() * input_floats_,
                call_.operands[1] + first_tap * channels_,
                output,
                output_floats_,
                channels_,
                epilogue_of(call_.operands[2], 0, activation_, slope_, call_.operands[3])};
    }

    const Call& call_;
    ConvolutionWindow window_;
    SingleAxis<Backward> depth_;
    SingleAxis<Backward> height_;
    SingleAxis<Backward> width_;
    std::int64_t channels_;
    std::int64_t input_floats_;
    std::int64_t output_floats_;
    std::int64_t activation_;
    double slope_;
};

template <bool Backward>
inline void depthwise_block(const Call& call) {
    constexpr int samples = static_cast<int>(lanes);
    const auto& a = arguments<ConvolutionArguments>(call);
    const std::int64_t floats = a.channels * lanes;
    DepthwiseConvolution<samples, Backward>(call, a, floats, floats).run();
}

template <bool Backward>
inline void depthwise_sample(const Call& call) {
    const auto& a = arguments<SingleConvolutionArguments>(call);
    DepthwiseConvolution<1, Backward>(call, a, a.cell_floats, a.output_floats).run();
}

// Operands: input, filters as they lie, bias or null, factors or null, output. Pieces are
// `convolution_piece` cells of an output row or fewer; of single samples, output rows.
inline void depthwise(const Call& call) { depthwise_block<false>(call); }
inline void depthwise_single(const Call& call) { depthwise_sample<false>(call); }

// The same with the gradient of the output as the input, and the gradient by the input as the
// output.
inline void depthwise_input_gradient(const Call& call) { depthwise_block<true>(call); }
inline void depthwise_input_gradient_single(const Call& call) { depthwise_sample<true>(call); }

}  // namespace kernelet::KERNELET_ISA
