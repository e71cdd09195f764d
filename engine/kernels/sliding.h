// The sliding dot product on rows of an array: lanes along x, sums in registers.
//
// A tile is R output rows × V vectors. Each input vector is loaded once and serves up to R output
// rows, each weight is broadcast once and serves V vectors. Taps are summed in the order of the
// window, whatever the tile, so that an output cell has the same bits in every tile.
//
// Loops over taps test at their end: a window has at least one tap, and around a loop that may
// have none GCC 12 keeps the sums in memory.
#pragma once

#include "kernelet/array_kernels.h"
#include "simd/common.h"
#include "simd/elements.h"

namespace kernelet::KERNELET_ISA {

// Vectors of a tile of R rows: sums and inputs must fit the registers beside one weight.
template <int R>
inline constexpr int tile_vectors = Vector::registers >= 32 ? (R >= 4 ? 4 : 8) : (R >= 3 ? 3 : 5);

// Adds the products of one input row: output row First + r has the window row `weights` − r rows.
template <int First, int Count, class T, int R, int V>
KERNELET_INLINE void add_row(VectorOf<T> (&sums)[R][V], const T* input, const T* weights,
                             const Taps& taps) {
    using Lanes = VectorOf<T>;
    std::int64_t column = 0;
    do {
        Lanes cells[V];
        KERNELET_UNROLL
        for (int v = 0; v < V; ++v) {
            Lanes loaded = Lanes::load(input + column + v * Lanes::width);
            // GCC 12 would load it again for every weight, which takes longer than the product.
            KERNELET_IN_REGISTER(loaded.v);
            cells[v] = loaded;
        }
        KERNELET_UNROLL
        for (int r = 0; r < Count; ++r) {
            const Lanes weight = Lanes::broadcast_from(weights + column - r * taps.row_stride);
            KERNELET_UNROLL
            for (int v = 0; v < V; ++v) {
                sums[First + r][v] = fma(cells[v], weight, sums[First + r][v]);
            }
        }
    } while (++column < taps.width);
}

// The first R − 1 input rows, which only the first output rows see.
template <int Row, class T, int R, int V>
KERNELET_INLINE void add_first_rows(VectorOf<T> (&sums)[R][V], const T* const* rows, std::int64_t x,
                                    const T* weights, const Taps& taps) {
    if constexpr (Row < R - 1) {
        add_row<0, Row + 1, T>(sums, rows[Row] + x, weights + Row * taps.row_stride, taps);
        add_first_rows<Row + 1, T>(sums, rows, x, weights, taps);
    }
}

// The last R − 1 input rows, which output rows from First on see; `rows` begins there.
template <int First, class T, int R, int V>
KERNELET_INLINE void add_last_rows(VectorOf<T> (&sums)[R][V], const T* const* rows, std::int64_t x,
                                   const T* last_weights, const Taps& taps) {
    if constexpr (First < R) {
        add_row<First, R - First, T>(sums, rows[First - 1] + x, last_weights, taps);
        add_last_rows<First + 1, T>(sums, rows, x, last_weights, taps);
    }
}

template <class T, int R, int V>
KERNELET_INLINE void add_slice(VectorOf<T> (&sums)[R][V], const T* const* rows, std::int64_t x,
                               const T* weights, const Taps& taps) {
    add_first_rows<0, T>(sums, rows, x, weights, taps);
    std::int64_t row = R - 1;
    do {
        add_row<0, R, T>(sums, rows[row] + x, weights + row * taps.row_stride, taps);
    } while (++row < taps.height);
    add_last_rows<1, T>(sums, rows + taps.height, x, weights + (taps.height - 1) * taps.row_stride,
                        taps);
}

// Writes sums over what `output` holds, or adds them to it.
template <class Lanes, class T, int V>
KERNELET_INLINE void put(const Lanes (&sums)[V], T* output, bool add) {
    if (add) {
        KERNELET_UNROLL
        for (int v = 0; v < V; ++v) {
            (Lanes::load(output + v * Lanes::width) + sums[v]).store(output + v * Lanes::width);
        }
    } else {
        KERNELET_UNROLL
        for (int v = 0; v < V; ++v) {
            sums[v].store(output + v * Lanes::width);
        }
    }
}

template <class T, int R, int V>
inline void sliding_tile(const SlidingCall<T>& call, std::int64_t x) {
    using Lanes = VectorOf<T>;
    const Taps taps = call.taps;
    Lanes sums[R][V];
    KERNELET_UNROLL
    for (int r = 0; r < R; ++r) {
        KERNELET_UNROLL
        for (int v = 0; v < V; ++v) {
            sums[r][v] = Lanes::zero();
        }
    }
    const T* const* rows = call.rows;
    const T* weights = call.weights;
    std::int64_t slice = 0;
    do {
        add_slice<T>(sums, rows, x, weights, taps);
        rows += taps.height + R - 1;
        weights += taps.depth_stride;
    } while (++slice < taps.depth);
    KERNELET_UNROLL
    for (int r = 0; r < R; ++r) {
        put(sums[r], call.output + r * call.output_stride + x, call.add);
    }
}

template <class T, int R>
inline void slide_rows(const SlidingCall<T>& call) {
    constexpr int width = VectorOf<T>::width;
    constexpr int V = tile_vectors<R>;
    std::int64_t vector = 0;
    for (; vector + V <= call.vectors; vector += V) {
        sliding_tile<T, R, V>(call, vector * width);
    }
    for (; vector + 2 <= call.vectors; vector += 2) {
        sliding_tile<T, R, 2>(call, vector * width);
    }
    for (; vector < call.vectors; ++vector) {
        sliding_tile<T, R, 1>(call, vector * width);
    }
}

// Adds the products of J taps, `width` elements apart, to V neighbouring vectors: V + J − 1 loads
// serve V × J products.
template <int J, class T, int V>
KERNELET_INLINE void add_spaced_taps(VectorOf<T> (&sums)[V], const T* input, const T* weights) {
    using Lanes = VectorOf<T>;
    Lanes weight[J];
    KERNELET_UNROLL
    for (int j = 0; j < J; ++j) {
        weight[j] = Lanes::broadcast_from(weights + j * Lanes::width);
    }
    KERNELET_UNROLL
    for (int k = 0; k < V + J - 1; ++k) {
        Lanes cells = Lanes::load(input + k * Lanes::width);
        KERNELET_IN_REGISTER(cells.v);
        KERNELET_UNROLL
        for (int j = 0; j < J; ++j) {
            if (k >= j && k - j < V) {
                sums[k - j] = fma(cells, weight[j], sums[k - j]);
            }
        }
    }
}

template <class T, int V>
inline void line_tile(const SlidingCall<T>& call, std::int64_t x) {
    using Lanes = VectorOf<T>;
    constexpr int J = 4;
    Lanes sums[V];
    KERNELET_UNROLL
    for (int v = 0; v < V; ++v) {
        sums[v] = Lanes::zero();
    }
    const T* input = call.rows[0] + x;
    for (std::int64_t first = 0; first < Lanes::width && first < call.taps.width; ++first) {
        std::int64_t tap = first;
        for (; tap + (J - 1) * Lanes::width < call.taps.width; tap += J * Lanes::width) {
            add_spaced_taps<J, T>(sums, input + tap, call.weights + tap);
        }
        for (; tap + Lanes::width < call.taps.width; tap += 2 * Lanes::width) {
            add_spaced_taps<2, T>(sums, input + tap, call.weights + tap);
        }
        if (tap < call.taps.width) {
            add_spaced_taps<1, T>(sums, input + tap, call.weights + tap);
        }
    }
    put(sums, call.output + x, call.add);
}

template <class T>
inline void slide_line(const SlidingCall<T>& call) {
    constexpr int width = VectorOf<T>::width;
    constexpr int V = Vector::registers >= 32 ? 12 : 8;
    std::int64_t vector = 0;
    for (; vector + V <= call.vectors; vector += V) {
        line_tile<T, V>(call, vector * width);
    }
    for (; vector + 4 <= call.vectors; vector += 4) {
        line_tile<T, 4>(call, vector * width);
    }
    for (; vector < call.vectors; ++vector) {
        line_tile<T, 1>(call, vector * width);
    }
}

template <class T>
inline constexpr SlidingKernels<T> sliding_kernels = {
    VectorOf<T>::width,
    {nullptr, slide_rows<T, 1>, slide_rows<T, 2>, slide_rows<T, 3>, slide_rows<T, 4>},
    slide_line<T>};

}  // namespace kernelet::KERNELET_ISA
