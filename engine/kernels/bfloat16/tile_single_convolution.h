// Convolution of single samples in bfloat16 by matrix tiles: output cells are the rows of a tile of
// sums, filters its columns.
#pragma once

#include "kernels/bfloat16/single_convolution.h"

namespace kernelet::KERNELET_ISA {

struct SingleSumsByTiles {
    Tiles& tiles;

    // C tiles of cells × F tiles of filters.
    template <int C, int F>
    void multiply(const SingleTaps& taps, const RowsOfTiles& rows, const CellsOfTile (&cells)[2],
                  const FiltersOfTiles& filters) const {
        add_products<C, F>(taps, rows, cells, filters);
        take<0>(rows, cells[0], filters, 0);
        if constexpr (F == 2) take<1>(rows, cells[0], filters, bfloat16_filters);
        if constexpr (C == 2) take<2>(rows, cells[1], filters, 0);
        if constexpr (C == 2 && F == 2) take<3>(rows, cells[1], filters, bfloat16_filters);
    }

  private:
    static constexpr int cell_tiles = 4;    // tiles 4 and 5
    static constexpr int filter_tiles = 6;  // tiles 6 and 7
    static constexpr std::int64_t row_bytes = 64;

    template <int C, int F>
    KERNELET_INLINE void add_products(const SingleTaps& taps, const RowsOfTiles& rows,
                                      const CellsOfTile (&cells)[2],
                                      const FiltersOfTiles& filters) const {
        const std::int64_t stride = rows.input_cell * std::int64_t{sizeof(Bfloat16)};
        const Bfloat16* first = cells[0].input;
        const Bfloat16* second = cells[1].input;
        const Pair* own = filters.weights;
        const Pair* next = filters.weights + filters.block_size;
        tiles.template zero<0>();
        if constexpr (F == 2) tiles.template zero<1>();
        if constexpr (C == 2) tiles.template zero<2>();
        if constexpr (C == 2 && F == 2) tiles.template zero<3>();
        taps.for_chunks([&](std::int64_t input, std::int64_t weights) {
            tiles.template load<cell_tiles>(first + input, stride);
            tiles.template load<filter_tiles>(own + weights, row_bytes);
            tiles.template multiply<0, cell_tiles, filter_tiles>();
            if constexpr (F == 2) {
                tiles.template load<filter_tiles + 1>(next + weights, row_bytes);
                tiles.template multiply<1, cell_tiles, filter_tiles + 1>();
            }
            if constexpr (C == 2) {
                tiles.template load<cell_tiles + 1>(second + input, stride);
                tiles.template multiply<2, cell_tiles + 1, filter_tiles>();
                if constexpr (F == 2) {
                    tiles.template multiply<3, cell_tiles + 1, filter_tiles + 1>();
                }
            }
        });
    }

    template <int tile>
    KERNELET_INLINE void take(const RowsOfTiles& rows, const CellsOfTile& cells,
                              const FiltersOfTiles& filters, std::int64_t first) const {
        alignas(64) float sums[tile_cells_of_sample * bfloat16_filters];
        tiles.template store<tile>(sums, row_bytes);
        store_sums(sums, cells, filters, first, rows.output_cell);
    }
};

inline void convolve_single_by_tiles(const Call& call) {
    Tiles tiles;
    convolve_single_bfloat16(call, SingleSumsByTiles{tiles});
}

}  // namespace kernelet::KERNELET_ISA
