// Sums of outer products over cells: gradients by weights whose vectors run along the weights'
// rows, so that no sum crosses lanes.
//
// An input cell is [element][sample]; each of its numbers is broadcast. The upstream gradient is
// stored anew in panels of neighbouring elements, [panel][cell][sample][element], so that a tile
// reads what it multiplies in one run. A cell has `lanes` samples, or one.
#pragma once

#include <array>
#include <utility>

#include "kernelet/kernel.h"
#include "kernels/tile.h"
#include "simd/transpose.h"

namespace kernelet::KERNELET_ISA {

// Vectors of upstream elements that a panel has; the last panel may have fewer.
inline constexpr int outer_vectors = Vector::registers >= 32 && Vector::width < 8 ? 4 : 2;
inline constexpr std::int64_t outer_width = outer_vectors * Vector::width;

// Input elements that a tile takes at most with O vectors: sums fit the registers beside the
// vectors and one broadcast number.
template <int O>
inline constexpr int outer_rows =
    (Vector::registers - 1 - O) / O > 14 ? 14 : (Vector::registers - 1 - O) / O;

// Elements filled up to whole vectors.
KERNELET_INLINE std::int64_t whole_vectors(std::int64_t elements) {
    return (elements + Vector::width - 1) / Vector::width * Vector::width;
}

// Floats of a cell's panels.
KERNELET_INLINE std::int64_t panels_floats(std::int64_t elements) {
    return whole_vectors(elements) * lanes;
}

// The cells whose products are summed; strides in floats. Those of the upstream gradient are of a
// panel.
struct OuterCells {
    std::int64_t rows;
    std::int64_t columns;
    std::int64_t input_row_stride;
    std::int64_t input_stride;
    std::int64_t upstream_row_stride;
    std::int64_t upstream_stride;
};

// Where sums go: rows of `stride` floats, of which the last vector has `last`.
struct OuterTarget {
    float* sums;
    std::int64_t stride;
    int last;
    bool overwrite;
};

// One panel of a cell, [element][lane] to [lane][element]; `elements` at most are left, and those
// that a vector has too many are zero.
inline void transpose_panel(const float* source, std::int64_t elements, float* target) {
    const std::int64_t width = whole_vectors(smaller(outer_width, elements));
    for (std::int64_t first = 0; first < width; first += Vector::width) {
        for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
            Vector rows[Vector::width];
            KERNELET_UNROLL
            for (int k = 0; k < Vector::width; ++k) {
                rows[k] = first + k < elements ? Vector::load(source + (first + k) * lanes + lane)
                                               : Vector::zero();
            }
            transpose(rows);
            KERNELET_UNROLL
            for (int k = 0; k < Vector::width; ++k) {
                rows[k].store(target + (lane + k) * width + first);
            }
        }
    }
}

// All panels of one cell, one behind the other.
inline void transpose_cell(const float* source, std::int64_t elements, float* target) {
    for (std::int64_t first = 0; first < elements; first += outer_width) {
        transpose_panel(source + first * lanes, elements - first, target + first * lanes);
    }
}

// Adds I rows of O vectors to their place, or overwrites it.
template <int I, int O>
KERNELET_INLINE void store_sums(const Vector (&sums)[I][O], const OuterTarget& target) {
    KERNELET_UNROLL
    for (int i = 0; i < I; ++i) {
        KERNELET_UNROLL
        for (int o = 0; o < O; ++o) {
            float* place = target.sums + i * target.stride + o * Vector::width;
            const int count = o < O - 1 ? Vector::width : target.last;
            const Vector before = target.overwrite ? Vector::zero() : load_some(place, count);
            store_some(before + sums[i][o], place, count);
        }
    }
}

// How many products of a sum are added apart, so that additions do not wait for each other where
// the sums of a tile are few. Where threads share out a tile's rows, its size must not decide on
// the order of additions.
enum class Additions { by_tile, in_order };

constexpr int outer_parts(Additions additions, int sums) {
    if (additions == Additions::in_order || sums >= 6) return 1;
    return sums >= 3 ? 2 : 4;
}

// Sums of I × O vectors, in parts.
template <int I, int O, int Parts>
struct OuterSums {
    static constexpr int parts = Parts;
    Vector of[parts][I][O];

    KERNELET_INLINE void clear() {
        KERNELET_UNROLL
        for (int part = 0; part < parts; ++part) {
            KERNELET_UNROLL
            for (int i = 0; i < I; ++i) {
                KERNELET_UNROLL
                for (int o = 0; o < O; ++o) {
                    of[part][i][o] = Vector::zero();
                }
            }
        }
    }

    // Adds the products of elements that are `stride` apart with O vectors.
    KERNELET_INLINE void add(int part, const float* elements, std::int64_t stride, const float* y) {
        Vector weights[O];
        KERNELET_UNROLL
        for (int o = 0; o < O; ++o) {
            weights[o] = Vector::load(y + o * Vector::width);
        }
        KERNELET_UNROLL
        for (int i = 0; i < I; ++i) {
            const Vector element = Vector::broadcast_from(elements + i * stride);
            KERNELET_UNROLL
            for (int o = 0; o < O; ++o) {
                of[part][i][o] = fma(element, weights[o], of[part][i][o]);
            }
        }
    }

    // Leaves the whole sums in the first part.
    KERNELET_INLINE void join() {
        KERNELET_UNROLL
        for (int part = 1; part < parts; ++part) {
            KERNELET_UNROLL
            for (int i = 0; i < I; ++i) {
                KERNELET_UNROLL
                for (int o = 0; o < O; ++o) {
                    of[0][i][o] = of[0][i][o] + of[part][i][o];
                }
            }
        }
    }
};

// Adds the products of a row of cells.
template <int Samples, int I, int O, int parts>
KERNELET_INLINE void add_outer_row(OuterSums<I, O, parts>& sums, const float* x, const float* y,
                                   const OuterCells& cells) {
    constexpr int together = Samples == 1 ? parts : 1;  // cells
    static_assert(Samples == 1 || Samples % parts == 0);
    std::int64_t column = 0;
    for (; column + together <= cells.columns; column += together) {
        for (int sample = 0; sample < Samples; sample += parts / together) {
            KERNELET_UNROLL
            for (int part = 0; part < parts; ++part) {
                const std::int64_t cell = part % together;
                const std::int64_t own = sample + part / together;
                sums.add(part, x + cell * cells.input_stride + own, Samples,
                         y + cell * cells.upstream_stride + own * O * Vector::width);
            }
        }
        x += together * cells.input_stride;
        y += together * cells.upstream_stride;
    }
    for (; column < cells.columns; ++column) {
        for (int sample = 0; sample < Samples; ++sample) {
            sums.add(0, x + sample, Samples, y + std::int64_t{sample} * O * Vector::width);
        }
        x += cells.input_stride;
        y += cells.upstream_stride;
    }
}

// I input elements × O vectors of a panel.
template <int Samples, int I, int O, Additions additions>
inline void outer_tile(const float* input, const float* upstream, const OuterCells& cells,
                       const OuterTarget& target) {
    OuterSums<I, O, outer_parts(additions, I * O)> sums;
    sums.clear();
    KERNELET_UNROLL
    for (int i = 0; i < I; ++i) {
        __builtin_prefetch(target.sums + i * target.stride, 1);
    }
    for (std::int64_t row = 0; row < cells.rows; ++row) {
        add_outer_row<Samples>(sums, input + row * cells.input_row_stride,
                               upstream + row * cells.upstream_row_stride, cells);
    }
    sums.join();
    store_sums<I, O>(sums.of[0], target);
}

using OuterTile = void (*)(const float*, const float*, const OuterCells&, const OuterTarget&);

template <int Samples, int O, Additions additions, int... I>
constexpr std::array<OuterTile, sizeof...(I)> outer_tiles(std::integer_sequence<int, I...>) {
    return {outer_tile<Samples, I + 1, O, additions>...};
}

// `inputs` neighbouring elements × one panel of O vectors, in tiles of nearly equal size.
template <int Samples, int O, Additions additions>
inline void outer_panel_of(const float* input, std::int64_t inputs, const float* upstream,
                           const OuterCells& cells, OuterTarget target) {
    constexpr std::int64_t most = outer_rows<O>;
    static constexpr auto tiles = outer_tiles<Samples, O, additions>(
        std::make_integer_sequence<int, static_cast<int>(most)>());
    for (std::int64_t left = inputs; left > 0;) {
        const std::int64_t pieces = (left + most - 1) / most;
        const std::int64_t together = (left + pieces - 1) / pieces;
        tiles[static_cast<std::size_t>(together - 1)](input, upstream, cells, target);
        input += together * Samples;
        target.sums += together * target.stride;
        left -= together;
    }
}

// `inputs` neighbouring elements × the panel of `outputs` at most.
template <int Samples, Additions additions>
inline void outer_panel(const float* input, std::int64_t inputs, const float* upstream,
                        std::int64_t outputs, const OuterCells& cells, float* sums,
                        std::int64_t stride, bool overwrite) {
    const std::int64_t rest = smaller(outer_width, outputs);
    const std::int64_t vectors = whole_vectors(rest) / Vector::width;
    const int last = static_cast<int>(rest - (vectors - 1) * Vector::width);
    const OuterTarget target{sums, stride, last, overwrite};
    if constexpr (outer_vectors > 2) {
        if (vectors == 4)
            return outer_panel_of<Samples, 4, additions>(input, inputs, upstream, cells, target);
        if (vectors == 3)
            return outer_panel_of<Samples, 3, additions>(input, inputs, upstream, cells, target);
    }
    if (vectors == 2)
        return outer_panel_of<Samples, 2, additions>(input, inputs, upstream, cells, target);
    outer_panel_of<Samples, 1, additions>(input, inputs, upstream, cells, target);
}

// Inputs whose rows of sums stay in the first-level cache while all panels pass: whole tiles.
inline constexpr std::int64_t outer_together = 48;

// Sums [input][output] over the samples of `count` cells, whose upstream gradient is as
// `transpose_cell` stores it.
template <int Samples>
inline void outer_products(const float* input, std::int64_t inputs, std::int64_t input_stride,
                           const float* upstream, std::int64_t outputs,
                           std::int64_t upstream_stride, std::int64_t count, float* sums,
                           bool overwrite) {
    const OuterCells cells{1, count, 0, input_stride, 0, upstream_stride};
    for (std::int64_t i = 0; i < inputs; i += outer_together) {
        const std::int64_t rows = smaller(outer_together, inputs - i);
        for (std::int64_t o = 0; o < outputs; o += outer_width) {
            outer_panel<Samples, Additions::in_order>(input + i * Samples, rows,
                                                      upstream + o * Samples, outputs - o, cells,
                                                      sums + i * outputs + o, outputs, overwrite);
        }
    }
}

}  // namespace kernelet::KERNELET_ISA
