// Sums of outer products over samples and cells: gradients by weights whose vectors run along the
// weights' rows, so that no sum crosses lanes.
#pragma once

#include "kernelet/kernel.h"
#include "kernels/tile.h"
#include "simd/transpose.h"

namespace kernelet::KERNELET_ISA {

KERNELET_INLINE std::int64_t padded_to_lanes(std::int64_t elements) {
    return (elements + lanes - 1) / lanes * lanes;
}

// The cells whose products are summed; strides in floats. An input cell is [element][lane], an
// upstream cell [lane][element] with `width` floats between lanes.
struct OuterCells {
    std::int64_t count;
    std::int64_t input_stride;
    std::int64_t upstream_stride;
    std::int64_t width;
};

// [element][lane] to [lane][element], elements padded with zeros to `width`, a multiple of the
// lanes.
inline void transpose_cell(const float* source, std::int64_t elements, float* target,
                           std::int64_t width) {
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

// I rows × O vectors of the sums, which overwrite `target` or are added to it.
template <int I, int O>
inline void outer_tile(const float* input, const float* upstream, const OuterCells& cells,
                       float* target, std::int64_t stride, int last, bool overwrite) {
    Vector sums[I][O];
    KERNELET_UNROLL
    for (int i = 0; i < I; ++i) {
        KERNELET_UNROLL
        for (int o = 0; o < O; ++o) {
            sums[i][o] = Vector::zero();
        }
    }
    for (std::int64_t cell = 0; cell < cells.count; ++cell) {
        const float* x = input + cell * cells.input_stride;
        const float* y = upstream + cell * cells.upstream_stride;
        for (std::int64_t lane = 0; lane < lanes; ++lane, ++x, y += cells.width) {
            Vector row[O];
            KERNELET_UNROLL
            for (int o = 0; o < O; ++o) {
                row[o] = Vector::load(y + o * Vector::width);
            }
            KERNELET_UNROLL
            for (int i = 0; i < I; ++i) {
                const Vector element = Vector::broadcast_from(x + i * lanes);
                KERNELET_UNROLL
                for (int o = 0; o < O; ++o) {
                    sums[i][o] = fma(element, row[o], sums[i][o]);
                }
            }
        }
    }
    KERNELET_UNROLL
    for (int i = 0; i < I; ++i) {
        KERNELET_UNROLL
        for (int o = 0; o < O; ++o) {
            float* place = target + i * stride + o * Vector::width;
            const int count = o == O - 1 ? last : Vector::width;
            const Vector before = overwrite ? Vector::zero() : Vector::load_partial(place, count);
            (before + sums[i][o]).store_partial(place, count);
        }
    }
}

// Inputs that are taken together.
inline constexpr int outer_rows_together = Vector::registers >= 32 ? 6 : 3;

// Rows [0, inputs) of O vectors.
template <int O>
inline void outer_rows(const float* input, std::int64_t inputs, const float* upstream,
                       const OuterCells& cells, float* target, std::int64_t stride, int last,
                       bool overwrite) {
    constexpr int I = outer_rows_together;
    std::int64_t i = 0;
    for (; i + I <= inputs; i += I) {
        outer_tile<I, O>(input + i * lanes, upstream, cells, target + i * stride, stride, last,
                         overwrite);
    }
    for (; i < inputs; ++i) {
        outer_tile<1, O>(input + i * lanes, upstream, cells, target + i * stride, stride, last,
                         overwrite);
    }
}

// Sums [input][output] of input × upstream over the lanes of all cells.
inline void outer_products(const float* input, std::int64_t inputs, const float* upstream,
                           std::int64_t outputs, const OuterCells& cells, float* target,
                           bool overwrite) {
    constexpr std::int64_t step = 4 * Vector::width;
    for (std::int64_t o = 0; o < outputs; o += step) {
        const std::int64_t rest = smaller(step, outputs - o);
        const std::int64_t vectors = (rest + Vector::width - 1) / Vector::width;
        const int last = static_cast<int>(rest - (vectors - 1) * Vector::width);
        const auto rows = vectors == 4   ? outer_rows<4>
                          : vectors == 3 ? outer_rows<3>
                          : vectors == 2 ? outer_rows<2>
                                         : outer_rows<1>;
        rows(input, inputs, upstream + o, cells, target + o, outputs, last, overwrite);
    }
}

}  // namespace kernelet::KERNELET_ISA
