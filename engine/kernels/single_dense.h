// Dense layers of single samples: a vector holds neighbouring outputs.
//
// Weights are read once, where they lie. Where the outputs fill more than a few vectors, some rows
// of weights are taken at a time from end to end, so that they come from memory in one stream,
// while the sums stay in the first-level cache. Products are added in the order in which `dense`
// adds them, in parts where it does.
#pragma once

#include <array>
#include <utility>

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/convolution.h"
#include "kernels/dense.h"
#include "kernels/pointwise.h"
#include "kernels/single_tile.h"

namespace kernelet::KERNELET_ISA {

inline constexpr int dense_vectors = 8;  // of sums in registers
inline constexpr int dense_rows = Vector::registers >= 32 ? 16 : 8;
inline constexpr std::int64_t dense_outputs = 2048;  // sums in the first-level cache

// Weights that come from further away than the second-level cache are asked for some rows ahead,
// which doubles the rate at which one thread reads memory; nearer ones would only be asked for
// twice.
inline constexpr std::int64_t near_weights = 1 << 18;
inline constexpr std::int64_t weights_ahead = 1 << 12;

// How many rows; 0 where the weights are near.
template <class Arguments>
inline std::int64_t rows_ahead(const Arguments& a) {
    if (a.cells * a.channels * a.outputs <= near_weights) return 0;
    return larger(dense_rows, (weights_ahead + a.outputs - 1) / a.outputs);
}

// V vectors of outputs, `last` of them in the last vector.
template <int V>
inline void dense_tile(const SingleDenseProductArguments& a, const float* input,
                       const float* weights, int last, float* output) {
    Vector sums[V];
    KERNELET_UNROLL
    for (int v = 0; v < V; ++v) sums[v] = Vector::zero();
    for (std::int64_t cell = 0; cell < a.cells; ++cell, input += a.cell_floats) {
        for (std::int64_t c = 0; c < a.channels; ++c, weights += a.outputs) {
            const Vector x = Vector::broadcast_from(input + c);
            KERNELET_UNROLL
            for (int v = 0; v < V; ++v) {
                const float* w = weights + v * Vector::width;
                sums[v] = fma(x, load_some(w, v < V - 1 ? Vector::width : last), sums[v]);
            }
        }
    }
    KERNELET_UNROLL
    for (int v = 0; v < V; ++v) {
        store_some(sums[v], output + v * Vector::width, v < V - 1 ? Vector::width : last);
    }
}

// Where the inputs of a part continue, and how many channels of their cell are left.
struct InputPlace {
    const float* input;
    std::int64_t left;
};

inline InputPlace place_of_input(const SingleDenseProductArguments& a, const float* first,
                                 std::int64_t index) {
    const std::int64_t channel = index % a.channels;
    return {first + index / a.channels * a.cell_floats + channel, a.channels - channel};
}

inline void advance(const SingleDenseProductArguments& a, std::int64_t count, InputPlace& place) {
    place.input += count;
    place.left -= count;
    if (place.left == 0) place = {place.input + a.cell_floats - a.channels, a.channels};
}

// Few outputs are so few sums that each product would wait for the one before: parts of the inputs
// are summed side by side.
template <int V, bool Far>
inline void dense_parts_tile(const SingleDenseProductArguments& a, const float* input,
                             const float* weights, int last, float* output) {
    const std::int64_t inputs = a.cells * a.channels;
    const std::int64_t ahead = rows_ahead(a) * a.outputs / dense_parts;
    InputPlace x[dense_parts];
    const float* w[dense_parts];
    Vector sums[dense_parts][V];
    for (int p = 0; p < dense_parts; ++p) {
        const std::int64_t first = inputs_of_part(inputs, dense_parts, p).begin;
        x[p] = place_of_input(a, input, first);
        w[p] = weights + first * a.outputs;
        KERNELET_UNROLL
        for (int v = 0; v < V; ++v) sums[p][v] = Vector::zero();
    }
    const auto add = [&](int p, std::int64_t k) {
        const Vector element = Vector::broadcast_from(x[p].input + k);
        if constexpr (Far) __builtin_prefetch(w[p] + ahead);
        KERNELET_UNROLL
        for (int v = 0; v < V; ++v) {
            const Vector own =
                load_some(w[p] + v * Vector::width, v < V - 1 ? Vector::width : last);
            sums[p][v] = fma(element, own, sums[p][v]);
        }
        w[p] += a.outputs;
    };
    for (std::int64_t left = inputs / dense_parts; left > 0;) {
        std::int64_t run = left;
        for (const InputPlace& place : x) run = smaller(run, place.left);
        for (std::int64_t k = 0; k < run; ++k) {
            KERNELET_UNROLL
            for (int p = 0; p < dense_parts; ++p) add(p, k);
        }
        for (InputPlace& place : x) advance(a, run, place);
        left -= run;
    }
    KERNELET_UNROLL
    for (int p = 0; p < dense_parts; ++p) {
        const Span part = inputs_of_part(inputs, dense_parts, p);
        if (part.end - part.begin > inputs / dense_parts) add(p, 0);
    }
    KERNELET_UNROLL
    for (int v = 0; v < V; ++v) {
        KERNELET_UNROLL
        for (int p = 1; p < dense_parts; ++p) sums[0][v] = sums[0][v] + sums[p][v];
        store_some(sums[0][v], output + v * Vector::width, v < V - 1 ? Vector::width : last);
    }
}

using DenseTile = void (*)(const SingleDenseProductArguments&, const float*, const float*, int,
                           float*);

template <int... V>
constexpr std::array<DenseTile, sizeof...(V)> dense_tiles(std::integer_sequence<int, V...>) {
    return {dense_tile<V + 1>...};
}

template <bool Far, int... V>
constexpr std::array<DenseTile, sizeof...(V)> dense_parts_tiles(std::integer_sequence<int, V...>) {
    return {dense_parts_tile<V + 1, Far>...};
}

// Adds to the outputs what R inputs contribute.
template <int R, bool Far>
KERNELET_INLINE void add_rows(const float* input, const float* weights, std::int64_t stride,
                              std::int64_t ahead, std::int64_t outputs, float* sums) {
    Vector x[R];
    KERNELET_UNROLL
    for (int r = 0; r < R; ++r) x[r] = Vector::broadcast_from(input + r);
    for_vectors(outputs, [&](std::int64_t o, int count) {
        Vector sum = load_some(sums + o, count);
        KERNELET_UNROLL
        for (int r = 0; r < R; ++r) {
            const float* w = weights + r * stride + o;
            if constexpr (Far) __builtin_prefetch(w + ahead);
            sum = fma(x[r], load_some(w, count), sum);
        }
        store_some(sum, sums + o, count);
    });
}

template <bool Far>
inline void dense_stream(const SingleDenseProductArguments& a, const float* input,
                         const float* weights, std::int64_t outputs, float* sums) {
    const std::int64_t ahead = rows_ahead(a) * a.outputs;
    for (std::int64_t o = 0; o < outputs; ++o) sums[o] = 0.0F;
    for (std::int64_t cell = 0; cell < a.cells; ++cell, input += a.cell_floats) {
        std::int64_t c = 0;
        for (; c + dense_rows <= a.channels; c += dense_rows, weights += dense_rows * a.outputs) {
            add_rows<dense_rows, Far>(input + c, weights, a.outputs, ahead, outputs, sums);
        }
        for (; c < a.channels; ++c, weights += a.outputs) {
            add_rows<1, Far>(input + c, weights, a.outputs, ahead, outputs, sums);
        }
    }
}

// Applies to the sums of some outputs of a sample what follows them.
inline void finish_outputs(const float* bias, const float* factors, const Span& outputs,
                           std::int64_t activation, double slope, float* output) {
    const Epilogue epilogue = epilogue_of(bias, outputs.begin, activation, slope, factors);
    float* first = output + outputs.begin;
    const std::int64_t count = outputs.end - outputs.begin;
    for_vectors(count, [&](std::int64_t o, int some) {
        const Finish finish = Finish::of_channels(epilogue, o, some);
        store_some(finish(load_some(first + o, some)), first + o, some);
    });
    activate_row(first, panels_of(count), activation);
}

// Where a sample's numbers, the weights of some outputs and these outputs begin.
struct DenseOperands {
    const float* input;
    const float* weights;
    float* output;
};

// Sums of some outputs, in parts of the inputs.
inline void dense_in_parts(const SingleDenseProductArguments& a, const DenseOperands& operands,
                           std::int64_t outputs) {
    constexpr int most = Vector::width >= 8 ? 2 : 4;  // vectors of sums of each part
    static constexpr auto near = dense_parts_tiles<false>(std::make_integer_sequence<int, most>());
    static constexpr auto far = dense_parts_tiles<true>(std::make_integer_sequence<int, most>());
    const auto& tiles = rows_ahead(a) > 0 ? far : near;
    for (std::int64_t o = 0; o < outputs; o += most * Vector::width) {
        const std::int64_t count = smaller(most * Vector::width, outputs - o);
        const std::int64_t vectors = (count + Vector::width - 1) / Vector::width;
        tiles[static_cast<std::size_t>(vectors - 1)](
            a, operands.input, operands.weights + o,
            static_cast<int>(count - (vectors - 1) * Vector::width), operands.output + o);
    }
}

// The same in one part.
inline void dense_in_order(const SingleDenseProductArguments& a, const DenseOperands& operands,
                           std::int64_t outputs) {
    static constexpr auto tiles = dense_tiles(std::make_integer_sequence<int, dense_vectors>());
    const bool far = rows_ahead(a) > 0;
    if (!far && outputs <= dense_vectors * Vector::width) {
        const std::int64_t vectors = (outputs + Vector::width - 1) / Vector::width;
        tiles[static_cast<std::size_t>(vectors - 1)](
            a, operands.input, operands.weights,
            static_cast<int>(outputs - (vectors - 1) * Vector::width), operands.output);
        return;
    }
    const auto stream = far ? dense_stream<true> : dense_stream<false>;
    for (std::int64_t o = 0; o < outputs; o += dense_outputs) {
        stream(a, operands.input, operands.weights + o, smaller(dense_outputs, outputs - o),
               operands.output + o);
    }
}

// Operands: input, weights, bias or null, factors or null, output. Pieces are groups of outputs.
inline void dense_single(const Call& call) {
    const auto& a = arguments<SingleDenseProductArguments>(call);
    const std::int64_t begin = call.begin * lanes;
    const std::int64_t end = smaller(call.end * lanes, a.outputs);
    if (begin >= end) return;
    (a.in_parts ? dense_in_parts : dense_in_order)(
        a, {call.operands[0], call.operands[1] + begin, call.operands[4] + begin}, end - begin);
    finish_outputs(call.operands[2], call.operands[3], {begin, end}, a.activation, a.slope,
                   call.operands[4]);
}

// Sums of the products of R rows of weights with one row of upstream numbers, each along its own
// lanes first.
template <int R, bool Far>
KERNELET_INLINE void dot_rows(const float* upstream, const float* weights, std::int64_t ahead,
                              std::int64_t outputs, float* results) {
    Vector sums[R];
    KERNELET_UNROLL
    for (int r = 0; r < R; ++r) sums[r] = Vector::zero();
    for_vectors(outputs, [&](std::int64_t o, int count) {
        const Vector x = load_some(upstream + o, count);
        KERNELET_UNROLL
        for (int r = 0; r < R; ++r) {
            const float* w = weights + r * outputs + o;
            if constexpr (Far) __builtin_prefetch(w + ahead);
            sums[r] = fma(x, load_some(w, count), sums[r]);
        }
    });
    KERNELET_UNROLL
    for (int r = 0; r < R; ++r) results[r] = reduce_add(sums[r]);
}

template <bool Far>
inline void dense_input_gradient(const Call& call, const SingleDenseArguments& a) {
    const std::int64_t ahead = rows_ahead(a) * a.outputs;
    const std::int64_t end = smaller(call.end * lanes, a.cells * a.cell_floats);
    for (std::int64_t k = call.begin * lanes; k < end;) {
        const std::int64_t cell = k / a.cell_floats;
        const std::int64_t channel = k % a.cell_floats;
        const std::int64_t left = smaller(end - k, a.channels - channel);
        const float* weights = call.operands[1] + (cell * a.channels + channel) * a.outputs;
        float* gradient = call.operands[2] + k;
        if (left >= dense_rows) {
            dot_rows<dense_rows, Far>(call.operands[0], weights, ahead, a.outputs, gradient);
            k += dense_rows;
        } else if (left > 0) {
            dot_rows<1, Far>(call.operands[0], weights, ahead, a.outputs, gradient);
            k += 1;
        } else {
            k += a.cell_floats - channel;  // padding, which is left alone
        }
    }
}

// Operands: gradient of the outputs, weights, gradient by the input. Pieces are groups of `lanes`
// floats of the latter.
inline void dense_input_gradient_single(const Call& call) {
    const auto& a = arguments<SingleDenseArguments>(call);
    if (rows_ahead(a) > 0) {
        dense_input_gradient<true>(call, a);
    } else {
        dense_input_gradient<false>(call, a);
    }
}

}  // namespace kernelet::KERNELET_ISA
