// All cells of a grid by panels of filters, in tiles of single samples.
#pragma once

#include <array>
#include <utility>

#include "kernelet/kernel.h"
#include "kernels/single_clipped_tile.h"
#include "kernels/single_merged_tile.h"
#include "kernels/single_tile.h"
#include "kernels/tile.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

using PanelTile = void (*)(const TileCells&, const TapGrid&, const Span&, const Panels&);
using ClippedPanelTile = void (*)(const TileCells&, const Panels&);

// Tiles of one number of panels, by cells; none are clipped where no taps are left out.
struct PanelTiles {
    int panels;
    int most_cells;
    std::array<PanelTile, most_tile_cells> by_cells;
    std::array<ClippedPanelTile, most_tile_cells> clipped;
};

template <int N, int V, int... P>
constexpr PanelTiles panel_tiles(std::integer_sequence<int, P...>) {
    PanelTiles tiles{N, static_cast<int>(sizeof...(P)), {panel_tile<P + 1, N, V>...}, {}};
    if constexpr (leaves_out_taps) tiles.clipped = {clipped_tile<P + 1, N, V>...};
    return tiles;
}

template <int N, int V>
inline constexpr PanelTiles tiles_of =
    panel_tiles<N, V>(std::make_integer_sequence<int, tile_cells_of<N * V>()>());

template <int... P>
constexpr PanelTiles merged_tiles(std::integer_sequence<int, P...>) {
    return {1, static_cast<int>(sizeof...(P)), {merged_tile<P + 1>...}, {}};
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

// Output cells in rows, and where each finds its inputs; `clipping` where some taps may read
// nothing.
struct OutputCells {
    std::int64_t rows;
    std::int64_t columns;
    const float* input;
    std::int64_t input_row_stride;
    std::int64_t input_column_stride;
    float* output;
    std::int64_t output_row_stride;
    std::int64_t output_column_stride;
    const Clipping* clipping = nullptr;

    // Puts `count` cells from `next` on into a tile, and leaves `next` behind them; returns the row
    // of the last one.
    std::int64_t gather(CellPlace& next, std::int64_t count, TileCells& tile) const {
        std::int64_t last = next.row;
        const float* from = input + next.row * input_row_stride + next.column * input_column_stride;
        float* to = output + next.row * output_row_stride + next.column * output_column_stride;
        for (std::int64_t p = 0; p < count; ++p) {
            tile.inputs[static_cast<std::size_t>(p)] = from;
            tile.outputs[static_cast<std::size_t>(p)] = to;
            if (clipping != nullptr) clip(next, static_cast<std::size_t>(p), tile);
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

  private:
    void clip(const CellPlace& place, std::size_t p, TileCells& tile) const {
        tile.rows[p] = clipping->rows.start(place.row);
        tile.columns[p] = clipping->columns.start(place.column);
        if (!clipping->rows.inside(place.row) || !clipping->columns.inside(place.column)) {
            tile.clipping = clipping;
        }
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
            const auto run = [&](const Panels& own) {
                const auto cell_count = static_cast<std::size_t>(together - 1);
                if (tile.clipping != nullptr) {
                    tiles.clipped[cell_count](tile, own);
                } else {
                    tiles.by_cells[cell_count](tile, grid, rows, own);
                }
            };
            run(panels);
            for (std::int64_t k = 1; k < times; ++k) {
                for (std::int64_t p = 0; p < together; ++p) {
                    tile.outputs[static_cast<std::size_t>(p)] += tiles.panels * lanes;
                }
                run(panels.behind(k * tiles.panels));
            }
        }
        panels = panels.behind(times * tiles.panels);
        cells.output += times * tiles.panels * lanes;
    }
}

}  // namespace kernelet::KERNELET_ISA
