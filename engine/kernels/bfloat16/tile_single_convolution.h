// Convolution of single samples in bfloat16 by matrix tiles: output cells are the rows of a tile of
// sums, filters its columns.
#pragma once

#include "kernels/bfloat16/single_convolution.h"
#include "kernels/bfloat16/tile_block.h"

namespace kernelet::KERNELET_ISA {

struct SingleSumsByTiles {
    Tiles& tiles;

    // C tiles of cells × F tiles of filters.
    template <int C, int F>
    void multiply(const SingleTaps& taps, const RowsOfTiles& rows, const CellsOfTile (&cells)[2],
                  const FiltersOfTiles& filters) const {
        using Block = TileBlock<C, F>;
        const std::int64_t stride = rows.input_cell * std::int64_t{sizeof(Bfloat16)};
        const Bfloat16* first = cells[0].input;
        const Bfloat16* second = cells[1].input;
        const Pair* own = filters.weights;
        const Pair* next = filters.weights + filters.block_size;
        Block::clear(tiles);
        taps.for_chunks([&](std::int64_t input, std::int64_t weights) {
            Block::multiply(tiles, {first + input, second + input, stride},
                            {own + weights, next + weights});
        });
        Block::for_sums([&]<int tile>(int c, int f) {
            take<tile>(rows, cells[c], filters, f * bfloat16_filters);
        });
    }

  private:
    template <int tile>
    KERNELET_INLINE void take(const RowsOfTiles& rows, const CellsOfTile& cells,
                              const FiltersOfTiles& filters, std::int64_t first) const {
        alignas(64) float sums[tile_cells_of_sample * bfloat16_filters];
        tiles.template store<tile>(sums, tile_row_bytes);
        store_sums(sums, cells, filters, first, rows.output_cell);
    }
};

inline void convolve_single_by_tiles(const Call& call) {
    Tiles tiles;
    convolve_single_bfloat16(call, SingleSumsByTiles{tiles});
}

}  // namespace kernelet::KERNELET_ISA
