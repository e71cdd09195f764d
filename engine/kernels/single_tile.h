// Sums of single samples in registers: P output cells × panels of `lanes` output channels.
//
// Filters are packed in panels, [panel][tap][channel][lane], the last one filled up with zeros, and
// read from end to end. Each product of a broadcast input with a vector of filters serves several
// output cells, which may lie anywhere: a tile takes cells of several rows where these are short.
// Products are added in the order in which `tile` adds them for blocks of samples, so both give the
// same bits.
#pragma once

#include <array>
#include <utility>

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/pointwise.h"
#include "kernels/tile.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

// Floats that the channels of a cell take: groups of `lanes`.
inline std::int64_t padded_channels(std::int64_t channels) {
    return (channels + lanes - 1) / lanes * lanes;
}

// Panels that a number of output channels fill.
inline std::int64_t panels_of(std::int64_t channels) { return (channels + lanes - 1) / lanes; }

inline constexpr int panel_vectors = static_cast<int>(lanes) / Vector::width;
inline constexpr int most_tile_cells = 14;
inline constexpr int most_tile_panels = 4;

// Whether the filters of a step stay in registers while cells pass by, or the cells while filters
// do.
constexpr bool keeps_filters(int cells, int vectors) {
    return cells * vectors + vectors + 1 <= Vector::registers;
}

// Cells whose sums fit the registers beside V vectors of filters and one broadcast input, or beside
// one vector of filters and an input of each cell.
template <int V>
constexpr int tile_cells_of() {
    constexpr int filters_kept = (Vector::registers - 1 - V) / V;
    constexpr int cells_kept = (Vector::registers - 1) / (V + 1);
    constexpr int most = filters_kept > cells_kept ? filters_kept : cells_kept;
    return most < 1 ? 1 : most > most_tile_cells ? most_tile_cells : most;
}

// Whether taps that read nothing are worth leaving out: for each cell that has a tap there is a
// test, beside as many products as vectors.
inline constexpr bool leaves_out_taps = Vector::registers >= 32;

// Panels that are taken together where a tile has the most cells: two, if each is one vector.
inline constexpr int usual_panels = Vector::registers >= 32 && panel_vectors == 1 ? 2 : 1;

struct Clipping;

// Cells of a row or band that a tile may consist of, and where the panels' filters lie. Where some
// taps of some cells read nothing, `clipping` says which, and `rows` and `columns` are the cells
// that their first taps read, or would.
struct TileCells {
    std::array<const float*, most_tile_cells> inputs;
    std::array<float*, most_tile_cells> outputs;
    const Clipping* clipping = nullptr;
    std::array<std::int64_t, most_tile_cells> rows;
    std::array<std::int64_t, most_tile_cells> columns;
};

// Channels and filters of each group that shares a panel; none where a panel has one group.
struct MergedGroups {
    std::int64_t inputs;
    std::int64_t outputs;
};

struct Panels {
    const float* first;
    std::int64_t floats;   // between panels
    std::int64_t filters;  // from the first one on; perhaps more than a tile takes
    Epilogue epilogue;
    MergedGroups merged{};

    // Without the first `count`.
    Panels behind(std::int64_t count) const {
        Panels rest = *this;
        rest.first += count * floats;
        rest.filters -= count * lanes;
        if (rest.epilogue.bias) rest.epilogue.bias += count * lanes;
        if (rest.epilogue.factors) rest.epilogue.factors += count * lanes;
        return rest;
    }
};

// Filters come from the second-level cache or beyond, once a tile: they are asked for so many
// floats ahead, which is a tenth of the time where they come from the third-level cache.
inline constexpr std::int64_t filters_ahead = 64 * lanes;

// `run` steps from `offset` floats behind each cell's input on. N panels have V vectors each.
template <int P, int N, int V>
KERNELET_INLINE void accumulate_panels(Vector (&sums)[P][N * V], const float* const (&x)[P],
                                       std::int64_t offset, const TapGrid& grid, const float* w,
                                       std::int64_t panel_floats) {
    const auto filters = [&](int n) {
        return Vector::load(w + n / V * panel_floats + n % V * Vector::width);
    };
    for (std::int64_t k = 0; k < grid.run; ++k, offset += grid.run_stride, w += lanes) {
        KERNELET_UNROLL
        for (int n = 0; n < N; ++n) __builtin_prefetch(w + n * panel_floats + filters_ahead);
        if constexpr (keeps_filters(P, N * V)) {
            Vector weights[N * V];
            KERNELET_UNROLL
            for (int n = 0; n < N * V; ++n) weights[n] = filters(n);
            KERNELET_UNROLL
            for (int p = 0; p < P; ++p) {
                const Vector cell = Vector::broadcast_from(x[p] + offset);
                KERNELET_UNROLL
                for (int n = 0; n < N * V; ++n) sums[p][n] = fma(cell, weights[n], sums[p][n]);
            }
        } else {
            Vector cells[P];
            KERNELET_UNROLL
            for (int p = 0; p < P; ++p) cells[p] = Vector::broadcast_from(x[p] + offset);
            KERNELET_UNROLL
            for (int n = 0; n < N * V; ++n) {
                const Vector weights = filters(n);
                KERNELET_UNROLL
                for (int p = 0; p < P; ++p) sums[p][n] = fma(cells[p], weights, sums[p][n]);
            }
        }
    }
}

// Stores a vector of output channels of P cells, as far as there are filters.
template <int P>
KERNELET_INLINE void store_channels(const Vector (&sums)[P], std::int64_t channel,
                                    const TileCells& cells, const Panels& panels) {
    const auto place = [&](int p) { return cells.outputs[static_cast<std::size_t>(p)] + channel; };
    const std::int64_t left = panels.filters - channel;
    if (left >= Vector::width && is_plain(panels.epilogue)) {
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) sums[p].store(place(p));
        return;
    }
    const int count = static_cast<int>(larger(0, smaller(left, Vector::width)));
    const Finish finish = Finish::of_channels(panels.epilogue, channel, count);
    if (count == Vector::width) {
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) finish(sums[p]).store(place(p));
        return;
    }
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) finish(sums[p]).store_partial(place(p), count);
}

// Where a tile's cells read, and sums of zero.
template <int P, int W>
KERNELET_INLINE void start_tile(const TileCells& cells, const float* (&x)[P],
                                Vector (&sums)[P][W]) {
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) {
        x[p] = cells.inputs[static_cast<std::size_t>(p)];
        KERNELET_UNROLL
        for (int n = 0; n < W; ++n) sums[p][n] = Vector::zero();
    }
}

template <int P, int N, int V>
KERNELET_INLINE void store_tile(const Vector (&sums)[P][N * V], const TileCells& cells,
                                const Panels& panels) {
    KERNELET_UNROLL
    for (int n = 0; n < N * V; ++n) {
        Vector own[P];
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) own[p] = sums[p][n];
        store_channels(own, n / V * lanes + n % V * Vector::width, cells, panels);
    }
}

// P cells × N panels, of which the first V vectors have filters; rows [begin, end) of the taps.
template <int P, int N, int V>
inline void panel_tile(const TileCells& cells, const TapGrid& grid, const Span& rows,
                       const Panels& panels) {
    const float* x[P];
    Vector sums[P][N * V];
    start_tile(cells, x, sums);
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) {
        KERNELET_UNROLL
        for (int n = 0; n < N; ++n)
            __builtin_prefetch(cells.outputs[static_cast<std::size_t>(p)] + n * lanes, 1);
    }
    for (std::int64_t plane = 0; plane < grid.planes; ++plane) {
        for (std::int64_t row = rows.begin; row < rows.end; ++row) {
            std::int64_t offset = plane * grid.input_plane_stride + row * grid.input_row_stride;
            const float* w = panels.first + lanes * (plane * grid.weight_plane_stride +
                                                     row * grid.weight_row_stride);
            for (std::int64_t column = 0; column < grid.columns; ++column) {
                accumulate_panels<P, N, V>(sums, x, offset, grid, w, panels.floats);
                offset += grid.input_column_stride;
                w += lanes * grid.weight_column_stride;
            }
        }
    }
    store_tile<P, N, V>(sums, cells, panels);
}

}  // namespace kernelet::KERNELET_ISA
