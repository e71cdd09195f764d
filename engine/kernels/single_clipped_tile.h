// Sums of single samples where some taps of some cells read nothing, as at the border of a picture.
#pragma once

#include <array>

#include "kernelet/kernel.h"
#include "kernels/single_tile.h"
#include "kernels/tile.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

// Where the taps of output cells read along one axis: tap k of cell i reads cell
// `first` + i · `step` + k · `distance` of `length`, or nothing.
struct TapReach {
    std::int64_t first;
    std::int64_t step;
    std::int64_t taps;
    std::int64_t distance;
    std::int64_t length;

    std::int64_t start(std::int64_t cell) const { return first + cell * step; }
    bool inside(std::int64_t cell) const {
        const std::int64_t begin = start(cell);
        const std::int64_t end = begin + (taps - 1) * distance;
        return smaller(begin, end) >= 0 && larger(begin, end) < length;
    }
};

// What tells taps that read nothing from others: reaches along both axes, and taps of which those
// of a row are not one run.
struct Clipping {
    TapReach rows;
    TapReach columns;
    TapGrid taps;
};

// Adds `run` products to the sums of the cells whose bits are set, of P cells × N panels.
template <int P, int N, int V>
KERNELET_INLINE void accumulate_some(Vector (&sums)[P][N * V], const float* const (&x)[P],
                                     std::uint32_t bits, std::int64_t offset, std::int64_t run,
                                     const float* w, std::int64_t panel_floats) {
    for (std::int64_t k = 0; k < run; ++k, ++offset, w += lanes) {
        Vector weights[N * V];
        KERNELET_UNROLL
        for (int n = 0; n < N * V; ++n) {
            weights[n] = Vector::load(w + n / V * panel_floats + n % V * Vector::width);
        }
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) {
            if ((bits >> p & 1U) == 0) continue;
            const Vector cell = Vector::broadcast_from(x[p] + offset);
            KERNELET_UNROLL
            for (int n = 0; n < N * V; ++n) sums[p][n] = fma(cell, weights[n], sums[p][n]);
        }
    }
}

// A bit for each of P cells whose tap, `shift` behind the first one, reads a cell.
template <int P>
KERNELET_INLINE std::uint32_t reading(const std::array<std::int64_t, most_tile_cells>& starts,
                                      std::int64_t shift, std::int64_t length) {
    std::uint32_t bits = 0;
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) {
        const auto cell = static_cast<std::uint64_t>(starts[static_cast<std::size_t>(p)] + shift);
        bits |= static_cast<std::uint32_t>(cell < static_cast<std::uint64_t>(length)) << p;
    }
    return bits;
}

// P cells × N panels, without the taps that read nothing.
template <int P, int N, int V>
inline void clipped_tile(const TileCells& cells, const Panels& panels) {
    constexpr std::uint32_t all = (1U << P) - 1;
    const auto& [rows, columns, taps] = *cells.clipping;
    const float* x[P];
    Vector sums[P][N * V];
    start_tile(cells, x, sums);
    for (std::int64_t plane = 0; plane < taps.planes; ++plane) {
        for (std::int64_t row = 0; row < taps.rows; ++row) {
            const auto in_row = reading<P>(cells.rows, row * rows.distance, rows.length);
            if (in_row == 0) continue;
            for (std::int64_t column = 0; column < taps.columns; ++column) {
                const std::uint32_t bits =
                    in_row & reading<P>(cells.columns, column * columns.distance, columns.length);
                const std::int64_t offset = plane * taps.input_plane_stride +
                                            row * taps.input_row_stride +
                                            column * taps.input_column_stride;
                const float* w = panels.first + lanes * (plane * taps.weight_plane_stride +
                                                         row * taps.weight_row_stride +
                                                         column * taps.weight_column_stride);
                if (bits == all) {
                    accumulate_panels<P, N, V>(sums, x, offset, taps, w, panels.floats);
                } else if (bits != 0) {
                    accumulate_some<P, N, V>(sums, x, bits, offset, taps.run, w, panels.floats);
                }
            }
        }
    }
    store_tile<P, N, V>(sums, cells, panels);
}

}  // namespace kernelet::KERNELET_ISA
