// The tile that all convolutions share: P output cells × Q output channels of sums in registers.
//
// Each step of the reduction loads P input vectors (one lane a sample) and multiplies each by Q
// weights broadcast from memory.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

// What is read in place of numbers that there are none of, as outside a picture.
alignas(64) inline constexpr float no_numbers[lanes] = {};

// Filters are packed in blocks of this many output channels, the last block holding the rest.
inline constexpr std::int64_t filter_block = Vector::registers >= 32 ? 8 : 6;

// Vectors of samples that a tile takes of each cell: with AVX2 both halves of the lanes, so that
// every cache line of the input is used whole when it comes from L2.
inline constexpr int lane_vectors = Vector::width == 8 ? 2 : 1;

// Where the sums of one output cell come from: a grid of taps, each a run of consecutive channels.
// Strides are in floats; one element of a value takes `lanes` floats.
struct TapGrid {
    std::int64_t planes;
    std::int64_t rows;
    std::int64_t columns;
    std::int64_t run;
    std::int64_t input_plane_stride;
    std::int64_t input_row_stride;
    std::int64_t input_column_stride;
    std::int64_t weight_plane_stride;  // in taps × channels of one output channel
    std::int64_t weight_row_stride;
    std::int64_t weight_column_stride;
    std::int64_t run_stride = 1;  // of the inputs of a run of single samples
};

// Output cells held in registers for a block of Q output channels; leaves registers for the
// inputs and one broadcast weight.
template <int Q>
inline constexpr int tile_cells = Q >= 8   ? (Vector::registers >= 32 ? 3 : 1)
                                  : Q >= 5 ? (Vector::registers >= 32 ? 4 : 2)
                                  : Q >= 3 ? (Vector::registers >= 32 ? 6 : 3)
                                           : (Vector::registers >= 32 ? 8 : 4);

// Adds the products of one run of consecutive channels. P counts vectors: `lane_vectors` of them
// belong to one cell.
template <int P, int Q>
KERNELET_INLINE void accumulate_run(Vector (&sums)[P][Q], const float* x, std::int64_t cell_stride,
                                    std::int64_t run, const float* w) {
    for (std::int64_t k = 0; k < run; ++k, x += lanes, w += Q) {
        Vector cells[P];
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) {
            cells[p] =
                Vector::load(x + p / lane_vectors * cell_stride + p % lane_vectors * Vector::width);
        }
        KERNELET_UNROLL
        for (int q = 0; q < Q; ++q) {
            const Vector weight = Vector::broadcast_from(w + q);
            KERNELET_UNROLL
            for (int p = 0; p < P; ++p) {
                sums[p][q] = fma(cells[p], weight, sums[p][q]);
            }
        }
    }
}

template <int P, int Q>
KERNELET_INLINE void accumulate(Vector (&sums)[P][Q], const float* input, std::int64_t cell_stride,
                                const TapGrid& grid, const float* weights) {
    for (std::int64_t plane = 0; plane < grid.planes; ++plane) {
        const float* row_input = input + plane * grid.input_plane_stride;
        const float* row_weights = weights + Q * plane * grid.weight_plane_stride;
        for (std::int64_t row = 0; row < grid.rows; ++row) {
            const float* x = row_input;
            const float* w = row_weights;
            for (std::int64_t column = 0; column < grid.columns; ++column) {
                accumulate_run<P, Q>(sums, x, cell_stride, grid.run, w);
                x += grid.input_column_stride;
                w += Q * grid.weight_column_stride;
            }
            row_input += grid.input_row_stride;
            row_weights += Q * grid.weight_row_stride;
        }
    }
}

// Only what costs no more than a few instructions is applied to sums in registers.
struct Epilogue {
    const float* bias;  // of the first output channel of the block, or null
    Activation activation;
    float slope;
    const float* factors = nullptr;  // of the same channels, with a bias; or null
};

// Whether the epilogue applies an activation; `activate_row` does the others.
KERNELET_INLINE bool epilogue_applies(std::int64_t activation) {
    const auto kind = static_cast<Activation>(activation);
    return kind == Activation::linear || kind == Activation::relu || kind == Activation::leaky_relu;
}

KERNELET_INLINE Vector activate_sum(Vector value, Activation activation, float slope) {
    if (activation == Activation::relu) {
        return max(Vector::zero(), value);
    }
    if (activation == Activation::leaky_relu) {
        return select(less(value, Vector::zero()), value * Vector::broadcast(slope), value);
    }
    return value;
}

KERNELET_INLINE Vector load_some(const float* from, int count) {
    return count == Vector::width ? Vector::load(from) : Vector::load_partial(from, count);
}

KERNELET_INLINE void store_some(Vector value, float* to, int count) {
    if (count == Vector::width) {
        value.store(to);
    } else {
        value.store_partial(to, count);
    }
}

// Whether sums are stored as they are.
KERNELET_INLINE bool is_plain(const Epilogue& epilogue) {
    return epilogue.factors == nullptr && epilogue.bias == nullptr &&
           epilogue.activation != Activation::relu && epilogue.activation != Activation::leaky_relu;
}

// Applies an epilogue to sums of one output channel, or of a vector of neighbouring ones. Without
// factors, bias or activation it takes those that change no bit, 1, −0 and −∞: conditions for each
// vector stored took more time than its arithmetic.
class Finish {
  public:
    static constexpr float no_factor = 1.0F;
    static constexpr float no_bias = -0.0F;

    // All lanes belong to one channel.
    KERNELET_INLINE static Finish of_channel(const Epilogue& epilogue, std::int64_t channel) {
        return {epilogue,
                epilogue.factors ? Vector::broadcast_from(epilogue.factors + channel) : one(),
                epilogue.bias ? Vector::broadcast_from(epilogue.bias + channel) : nothing()};
    }

    // Of an epilogue that has both factors and bias.
    KERNELET_INLINE static Finish of_whole(const Epilogue& epilogue, std::int64_t channel) {
        return {epilogue, Vector::broadcast_from(epilogue.factors + channel),
                Vector::broadcast_from(epilogue.bias + channel)};
    }

    // The first `count` lanes belong to channels from `channel` on.
    KERNELET_INLINE static Finish of_channels(const Epilogue& epilogue, std::int64_t channel,
                                              int count) {
        return {epilogue, epilogue.factors ? load_some(epilogue.factors + channel, count) : one(),
                epilogue.bias ? load_some(epilogue.bias + channel, count) : nothing()};
    }

    KERNELET_INLINE Vector operator()(Vector sum) const {
        const Vector value = fma(sum, factors_, bias_);
        if (leaky_) return activate_sum(value, Activation::leaky_relu, slope_);
        return max(least_, value);
    }

  private:
    KERNELET_INLINE Finish(const Epilogue& epilogue, Vector factors, Vector bias)
        : factors_(factors),
          bias_(bias),
          least_(Vector::broadcast(epilogue.activation == Activation::relu ? 0.0F
                                                                           : -__builtin_inff())),
          slope_(epilogue.slope),
          leaky_(epilogue.activation == Activation::leaky_relu) {}

    KERNELET_INLINE static Vector one() { return Vector::broadcast(no_factor); }
    KERNELET_INLINE static Vector nothing() { return Vector::broadcast(no_bias); }

    Vector factors_;
    Vector bias_;
    Vector least_;
    float slope_;
    bool leaky_;
};

// Leaves sums as they are: where few products are added, arithmetic that changes no bit takes a
// fiftieth of the time.
struct Unfinished {
    KERNELET_INLINE static Unfinished of_channel(const Epilogue&, std::int64_t) { return {}; }
    KERNELET_INLINE Vector operator()(Vector sum) const { return sum; }
};

// P / `lane_vectors` output cells × Q output channels, for all lanes.
template <int P, int Q, class Finishing>
inline void tile(const float* input, std::int64_t input_stride, const TapGrid& grid,
                 const float* weights, float* output, std::int64_t output_stride,
                 const Epilogue& epilogue) {
    for (std::int64_t lane = 0; lane < lanes; lane += lane_vectors * Vector::width) {
        Vector sums[P][Q];
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) {
            KERNELET_UNROLL
            for (int q = 0; q < Q; ++q) {
                sums[p][q] = Vector::zero();
            }
        }
        accumulate<P, Q>(sums, input + lane, input_stride, grid, weights);
        const auto place = [&](int p, int q) {
            return output + p / lane_vectors * output_stride + q * lanes + lane +
                   p % lane_vectors * Vector::width;
        };
        KERNELET_UNROLL
        for (int q = 0; q < Q; ++q) {
            const Finishing finish = Finishing::of_channel(epilogue, q);
            KERNELET_UNROLL
            for (int p = 0; p < P; ++p) finish(sums[p][q]).store(place(p, q));
        }
    }
}

// `count` output cells, Q output channels.
template <int Q, class Finishing>
inline void cells(std::int64_t count, const float* input, std::int64_t input_stride,
                  const TapGrid& grid, const float* weights, float* output,
                  std::int64_t output_stride, const Epilogue& epilogue) {
    constexpr int vectors = tile_cells<Q> / lane_vectors * lane_vectors;
    constexpr int several = vectors > lane_vectors ? vectors : lane_vectors;
    // Sums of one cell would wait for each other.
    constexpr int few = lane_vectors == 1 && several > 2 ? (several + 1) / 2 : lane_vectors;
    std::int64_t cell = 0;
    const auto run = [&]<int P>() {
        for (; cell + P / lane_vectors <= count; cell += P / lane_vectors) {
            tile<P, Q, Finishing>(input + cell * input_stride, input_stride, grid, weights,
                                  output + cell * output_stride, output_stride, epilogue);
        }
    };
    run.template operator()<several>();
    if constexpr (few > lane_vectors) run.template operator()<few>();
    run.template operator()<lane_vectors>();
}

using CellsFunction = void (*)(std::int64_t, const float*, std::int64_t, const TapGrid&,
                               const float*, float*, std::int64_t, const Epilogue&);

template <class Finishing>
inline constexpr CellsFunction cells_of_block[] = {nullptr,
                                                   cells<1, Finishing>,
                                                   cells<2, Finishing>,
                                                   cells<3, Finishing>,
                                                   cells<4, Finishing>,
                                                   cells<5, Finishing>,
                                                   cells<6, Finishing>,
                                                   cells<7, Finishing>,
                                                   cells<8, Finishing>};

KERNELET_INLINE std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
KERNELET_INLINE std::int64_t larger(std::int64_t a, std::int64_t b) { return a > b ? a : b; }

// Calls `function(offset, count)` for the vectors of a run of floats; only the last may have fewer
// lanes.
template <class Function>
KERNELET_INLINE void for_vectors(std::int64_t floats, Function&& function) {
    std::int64_t offset = 0;
    for (; offset + Vector::width <= floats; offset += Vector::width) {
        function(offset, Vector::width);
    }
    if (offset < floats) function(offset, static_cast<int>(floats - offset));
}

}  // namespace kernelet::KERNELET_ISA
