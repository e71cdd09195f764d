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

// Panels that are taken together where a tile has the most cells: two, if each is one vector.
inline constexpr int usual_panels = Vector::registers >= 32 && panel_vectors == 1 ? 2 : 1;

// Cells of a row or band that a tile may consist of, and where the panels' filters lie.
struct TileCells {
    std::array<const float*, most_tile_cells> inputs;
    std::array<float*, most_tile_cells> outputs;
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

// P cells × N panels, of which the first V vectors have filters; rows [begin, end) of the taps.
template <int P, int N, int V>
inline void panel_tile(const TileCells& cells, const TapGrid& grid, const Span& rows,
                       const Panels& panels) {
    const float* x[P];
    Vector sums[P][N * V];
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) {
        x[p] = cells.inputs[static_cast<std::size_t>(p)];
        KERNELET_UNROLL
        for (int n = 0; n < N * V; ++n) sums[p][n] = Vector::zero();
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
    KERNELET_UNROLL
    for (int n = 0; n < N * V; ++n) {
        Vector own[P];
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) own[p] = sums[p][n];
        store_channels(own, n / V * lanes + n % V * Vector::width, cells, panels);
    }
}

// The groups that a vector of outputs of a merged panel, from `lane` on, has filters of.
struct LaneGroups {
    std::int64_t first;
    std::int64_t end;
    std::int64_t channels;  // of all of them
    IntVector places;       // of the first channel of each lane's group among these

    LaneGroups(const Panels& panels, std::int64_t lane) {
        const auto [inputs, outputs] = panels.merged;
        const std::int64_t last = smaller(lane + Vector::width, panels.filters) - 1;
        first = lane / outputs;
        end = last / outputs + 1;
        channels = (end - first) * inputs;
        std::int32_t place[Vector::width];
        for (std::int64_t k = 0; k < Vector::width; ++k) {
            const std::int64_t group = smaller(lane + k, last) / outputs - first;
            place[k] = static_cast<std::int32_t>(group * inputs);
        }
        places = IntVector::load(place);
    }
};

// Adds the products of a tap where a vector holds, or is `Whole` of, the channels of all its lanes'
// groups.
template <int P, bool Whole>
KERNELET_INLINE void add_permuted(Vector (&sums)[P], const float* const (&x)[P],
                                  std::int64_t offset, const float* w, const LaneGroups& groups,
                                  const MergedGroups& merged) {
    offset += groups.first * merged.inputs;
    const int count = static_cast<int>(groups.channels);
    for (std::int64_t c = 0; c < merged.inputs; ++c) {
        const Vector weights = Vector::load(w + c * lanes);
        const IntVector places = groups.places + IntVector::broadcast(static_cast<std::int32_t>(c));
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) {
            const float* from = x[p] + offset;
            const Vector cell = Whole ? Vector::load(from) : Vector::load_partial(from, count);
            sums[p] = fma(permute(cell, places), weights, sums[p]);
        }
    }
}

// The same for one group after the other, in the lanes of its own filters only.
template <int P>
KERNELET_INLINE void add_masked(Vector (&sums)[P], const float* const (&x)[P], std::int64_t offset,
                                const float* w, std::int64_t lane, const LaneGroups& groups,
                                const MergedGroups& merged) {
    const auto [inputs, outputs] = merged;
    for (std::int64_t group = groups.first; group < groups.end; ++group) {
        const std::int64_t first = larger(group * outputs - lane, 0);
        const std::int64_t last = smaller((group + 1) * outputs - lane, Vector::width);
        const Mask mask = mask_of_bits((1U << last) - (1U << first));
        for (std::int64_t c = 0; c < inputs; ++c) {
            const Vector weights = Vector::load(w + c * lanes);
            KERNELET_UNROLL
            for (int p = 0; p < P; ++p) {
                const Vector cell = Vector::broadcast_from(x[p] + offset + group * inputs + c);
                sums[p] = select(mask, fma(cell, weights, sums[p]), sums[p]);
            }
        }
    }
}

// P cells × a panel of merged groups, a vector of outputs after the other.
template <int P>
inline void merged_tile(const TileCells& cells, const TapGrid& grid, const Span& rows,
                        const Panels& panels) {
    const float* x[P];
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) x[p] = cells.inputs[static_cast<std::size_t>(p)];
    for (std::int64_t lane = 0; lane < panels.filters; lane += Vector::width) {
        const LaneGroups groups(panels, lane);
        Vector sums[P];
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) sums[p] = Vector::zero();
        for (std::int64_t plane = 0; plane < grid.planes; ++plane) {
            for (std::int64_t row = rows.begin; row < rows.end; ++row) {
                std::int64_t offset = plane * grid.input_plane_stride + row * grid.input_row_stride;
                const float* w =
                    panels.first + lane +
                    lanes * (plane * grid.weight_plane_stride + row * grid.weight_row_stride);
                for (std::int64_t column = 0; column < grid.columns; ++column) {
                    if (groups.channels == Vector::width) {
                        add_permuted<P, true>(sums, x, offset, w, groups, panels.merged);
                    } else if (groups.channels < Vector::width) {
                        add_permuted<P, false>(sums, x, offset, w, groups, panels.merged);
                    } else {
                        add_masked<P>(sums, x, offset, w, lane, groups, panels.merged);
                    }
                    offset += grid.input_column_stride;
                    w += lanes * grid.weight_column_stride;
                }
            }
        }
        store_channels(sums, lane, cells, panels);
    }
}

using PanelTile = void (*)(const TileCells&, const TapGrid&, const Span&, const Panels&);

// Tiles of one number of panels, by cells.
struct PanelTiles {
    int panels;
    int most_cells;
    std::array<PanelTile, most_tile_cells> by_cells;
};

template <int N, int V, int... P>
constexpr PanelTiles panel_tiles(std::integer_sequence<int, P...>) {
    return {N, static_cast<int>(sizeof...(P)), {panel_tile<P + 1, N, V>...}};
}

template <int N, int V>
inline constexpr PanelTiles tiles_of =
    panel_tiles<N, V>(std::make_integer_sequence<int, tile_cells_of<N * V>()>());

template <int... P>
constexpr PanelTiles merged_tiles(std::integer_sequence<int, P...>) {
    return {1, static_cast<int>(sizeof...(P)), {merged_tile<P + 1>...}};
}

// The tiles for as many cells as there are and the panels that are left. Few cells take more
// panels, so that there are enough sums to wait for; few filters take fewer vectors.
inline const PanelTiles& tiles_for(std::int64_t cells, const Panels& panels) {
    static constexpr PanelTiles merged =
        merged_tiles(std::make_integer_sequence<int, tile_cells_of<1>()>());
    if (panels.merged.outputs > 0) return merged;
    const std::int64_t filters = panels.filters;
    constexpr int half = panel_vectors > 1 ? panel_vectors / 2 : 1;
    if (filters <= half * Vector::width) return tiles_of<1, half>;
    const auto fits = [&](const PanelTiles& tiles) {
        return cells <= tiles.most_cells && filters > (tiles.panels - 1) * lanes;
    };
    if (fits(tiles_of<most_tile_panels, panel_vectors>)) {
        return tiles_of<most_tile_panels, panel_vectors>;
    }
    if (filters > lanes && (usual_panels == 2 || fits(tiles_of<2, panel_vectors>))) {
        return tiles_of<2, panel_vectors>;
    }
    return tiles_of<1, panel_vectors>;
}

struct CellPlace {
    std::int64_t row;
    std::int64_t column;
};

// Output cells in rows, and where each finds its inputs.
struct OutputCells {
    std::int64_t rows;
    std::int64_t columns;
    const float* input;
    std::int64_t input_row_stride;
    std::int64_t input_column_stride;
    float* output;
    std::int64_t output_row_stride;
    std::int64_t output_column_stride;

    // Puts `count` cells from `next` on into a tile, and leaves `next` behind them; returns the row
    // of the last one.
    std::int64_t gather(CellPlace& next, std::int64_t count, TileCells& tile) const {
        std::int64_t last = next.row;
        const float* from = input + next.row * input_row_stride + next.column * input_column_stride;
        float* to = output + next.row * output_row_stride + next.column * output_column_stride;
        for (std::int64_t p = 0; p < count; ++p) {
            tile.inputs[static_cast<std::size_t>(p)] = from;
            tile.outputs[static_cast<std::size_t>(p)] = to;
            last = next.row;
            from += input_column_stride;
            to += output_column_stride;
            if (++next.column == columns) {
                next = {next.row + 1, 0};
                from = input + next.row * input_row_stride;
                to = output + next.row * output_row_stride;
            }
        }
        return last;
    }
};

// Filters that stay in the first-level cache from one tile of cells to the next, in floats.
inline constexpr std::int64_t near_filters = 1 << 12;

// How often the same tiles follow each other on panels that stay near.
inline std::int64_t times_near(std::int64_t cells, const Panels& panels, const PanelTiles& tiles) {
    std::int64_t times = 1;
    while ((times + 1) * tiles.panels * panels.floats <= near_filters) {
        const Panels left = panels.behind(times * tiles.panels);
        if (left.filters <= 0 || &tiles_for(cells, left) != &tiles) break;
        ++times;
    }
    return times;
}

// All cells of a grid in tiles of nearly equal size, some panels after the others. For the cells of
// rows `first` to `last`, `rows_of(first, last)` are the rows of taps that add anything.
template <class Rows>
inline void run_panels(OutputCells cells, const TapGrid& grid, Panels panels, const Rows& rows_of) {
    const std::int64_t count = cells.rows * cells.columns;
    while (panels.filters > 0) {
        const PanelTiles& tiles = tiles_for(count, panels);
        const std::int64_t times = times_near(count, panels, tiles);
        const std::int64_t pieces = (count + tiles.most_cells - 1) / tiles.most_cells;
        const std::int64_t least = pieces == 0 ? 0 : count / pieces;
        std::int64_t more = count - least * pieces;  // tiles with a cell more than that
        CellPlace next{0, 0};
        for (std::int64_t piece = 0; piece < pieces; ++piece, --more) {
            const std::int64_t together = least + (more > 0 ? 1 : 0);
            const std::int64_t first = next.row;
            TileCells tile;
            const std::int64_t last = cells.gather(next, together, tile);
            const Span rows = rows_of(first, last);
            const PanelTile run = tiles.by_cells[static_cast<std::size_t>(together - 1)];
            run(tile, grid, rows, panels);
            for (std::int64_t k = 1; k < times; ++k) {
                for (std::int64_t p = 0; p < together; ++p) {
                    tile.outputs[static_cast<std::size_t>(p)] += tiles.panels * lanes;
                }
                run(tile, grid, rows, panels.behind(k * tiles.panels));
            }
        }
        panels = panels.behind(times * tiles.panels);
        cells.output += times * tiles.panels * lanes;
    }
}

}  // namespace kernelet::KERNELET_ISA
