// Convolution in bfloat16 by matrix tiles: 16 filters × 16 samples of one cell a tile of sums.
//
// Where filters are few, the rows of a tile hold those of several neighbouring output cells, whose
// weights lie as many taps further: `filters`, `output_width`, `stride_width` and the taps of a row
// then count for `cells` of them together, and filters come cell by cell, as in the output.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/bfloat16/tile_output.h"
#include "kernels/bfloat16/tile_pooling.h"
#include "kernels/bfloat16/tile_workspace.h"

namespace kernelet::KERNELET_ISA {

inline constexpr std::int64_t tile_row_bytes = 64;
inline constexpr int weight_tiles = 4;  // tiles 4 and 5
inline constexpr int input_tiles = 6;   // tiles 6 and 7

// How the filters of a group lie; divisions take longer than a tile's sums.
struct TileFilters {
    std::int64_t all;         // of a group, of all cells that are taken together
    std::int64_t block_size;  // of the packed weights

    TileFilters(const ConvolutionBfloat16Arguments& a, const RunShape& shape)
        : all(a.filters / a.groups), block_size(shape.block_size()) {}
};

// What neighbouring output cells of a row multiply; the inputs of cell 0 begin at the products'.
struct TileProducts {
    const TileProduct* first;
    const TileProduct* last;
};

// Some rows of output cells with all filters of one group.
template <class Output>
struct TileRowsOfCells {
    const TileInputLayout& layout;
    const TileFilters& filters;
    const TileChannels& channels;
    std::int64_t group;
    const Output& output;
    Tiles& tiles;
    const TileProducts* products;  // of each row

    void run(std::int64_t begin, std::int64_t end, std::int64_t offset) const {
        for (std::int64_t q = 0; q < filters.all; q += 2 * bfloat16_filters) {
            filters.all - q > bfloat16_filters ? all_cells<2>(begin, end, offset, q)
                                               : all_cells<1>(begin, end, offset, q);
        }
    }

  private:
    // F blocks of filters from filter `q` on.
    template <int F>
    void all_cells(std::int64_t begin, std::int64_t end, std::int64_t offset,
                   std::int64_t q) const {
        std::int64_t cell = begin;
        for (; cell + 2 <= end; cell += 2) block<F, 2>(cell, offset, q);
        if (cell < end) block<F, 1>(cell, offset, q);
    }

    // C cells.
    template <int F, int C>
    void block(std::int64_t cell, std::int64_t offset, std::int64_t q) const {
        TileSums sums[Output::rows];
        const std::int64_t first = layout.cell_offset(cell) + offset;
        const std::int64_t second = layout.cell_offset(cell + C - 1) + offset;
        for (int row = 0; row < Output::rows; ++row) {
            multiply<F, C>(products[row], first, second, q);
            take<F, C, 0>(sums, row, cell, q);
            if constexpr (C == 2) take<F, C, 1>(sums, row, cell, q);
            if constexpr (F == 2) take<F, C, C>(sums, row, cell, q);
            if constexpr (F == 2 && C == 2) take<F, C, 3>(sums, row, cell, q);
        }
    }

    // Finishing a tile while the next ones are stored hides some of the time of both. Tiles that
    // are finished at once take the same memory, which stays in the nearest cache.
    template <int F, int C, int tile>
    KERNELET_INLINE void take(TileSums (&sums)[Output::rows], int row, std::int64_t cell,
                              std::int64_t q) const {
        constexpr int place = Output::rows == 1 ? 0 : tile;
        tiles.template store<tile>(sums[row].tiles[place], tile_row_bytes);
        output.template take<C, tile>(sums, row, {channels, group, cell, q});
    }

    template <int F, int C>
    KERNELET_INLINE void multiply(const TileProducts& all, std::int64_t first, std::int64_t second,
                                  std::int64_t q) const {
        const std::int64_t stride = layout.step() * std::int64_t{sizeof(Pair)};
        const std::int64_t weights = q / bfloat16_filters * filters.block_size;
        tiles.template zero<0>();
        if constexpr (C == 2) tiles.template zero<1>();
        if constexpr (F == 2) tiles.template zero<C>();
        if constexpr (F == 2 && C == 2) tiles.template zero<3>();
        for (const TileProduct* product = all.first; product < all.last; ++product) {
            const Pair* w = product->weights + weights;
            tiles.template load<weight_tiles>(w, tile_row_bytes);
            tiles.template load<input_tiles>(product->inputs + first, stride);
            tiles.template multiply<0, weight_tiles, input_tiles>();
            if constexpr (F == 2) {
                tiles.template load<weight_tiles + 1>(w + filters.block_size, tile_row_bytes);
                tiles.template multiply<C, weight_tiles + 1, input_tiles>();
            }
            if constexpr (C == 2) {
                tiles.template load<input_tiles + 1>(product->inputs + second, stride);
                tiles.template multiply<1, weight_tiles, input_tiles + 1>();
                if constexpr (F == 2) {
                    tiles.template multiply<3, weight_tiles + 1, input_tiles + 1>();
                }
            }
        }
    }
};

// Lists the products of one group for a row of output cells, without those by zeros alone.
inline TileProducts list_products(const TileInput& input, const TileInputLayout& layout,
                                  const RunShape& shape, std::int64_t plane, std::int64_t row,
                                  std::int64_t group, bool in_place, const Pair* weights,
                                  TileProduct* products) {
    TileProduct* next = products;
    const std::int64_t chunks = shape.slots / chunk_pairs;
    for (std::int64_t run = 0; run < shape.runs; ++run) {
        if (!input.meets_input(plane, row, run)) continue;
        const Pair* first = in_place
                                ? input.pairs_in_place(plane, row, run)
                                : input.pairs_of_run(plane, row, run) + group * layout.group_size();
        for (std::int64_t k = 0; k < chunks; ++k) {
            *next++ = {first + k * chunk_pairs * layout.step(),
                       weights + (run * chunks + k) * weight_chunk};
        }
    }
    return {products, next};
}

// All output cells, as many rows at once as `output` takes.
template <class Output>
inline void convolve_by_tiles(const Call& call, std::int64_t lines, Output output) {
    const auto& a = arguments<ConvolutionBfloat16Arguments>(call);
    const TileWorkspace space(a);
    const TileInputLayout& layout = space.layout;
    float* workspace = call.operands[8];
    TileInput input(layout, input_rows(call), reinterpret_cast<Pair*>(workspace),
                    reinterpret_cast<std::int32_t*>(workspace + space.cells));
    auto* products = reinterpret_cast<TileProduct*>(workspace + space.products);
    const TileChannels channels(a, call.operands[2], call.operands[3], workspace + space.channels);
    const TileFilters filters(a, space.shape);
    const auto* weights = reinterpret_cast<const Pair*>(call.operands[1]);
    const CellsInPlace& in_place = layout.in_place;
    Tiles tiles;
    for (std::int64_t row = 0; row < a.output_depth * lines; ++row) {
        const std::int64_t plane = row / lines;
        const std::int64_t line = row % lines * Output::rows;
        for (int r = 0; r < Output::rows; ++r) input.require_for(plane, line + r);
        output.begin(row);
        for (std::int64_t g = 0; g < a.groups; ++g) {
            TileProduct* free = products;
            const auto run = [&](bool place, std::int64_t begin, std::int64_t end,
                                 std::int64_t offset) {
                if (begin >= end) return;
                TileProducts lists[Output::rows];
                for (int r = 0; r < Output::rows; ++r) {
                    lists[r] = list_products(input, layout, space.shape, plane, line + r, g, place,
                                             weights + g * space.shape.size(filters.all), free);
                    free = products + (lists[r].last - products);
                }
                free = products;
                TileRowsOfCells<Output>{layout, filters, channels, g, output, tiles, lists}.run(
                    begin, end, offset);
            };
            run(false, 0, in_place.any() ? smaller(in_place.begin, output.cells()) : output.cells(),
                0);
            run(true, in_place.begin, smaller(in_place.end, output.cells()), 0);
            if (in_place.any()) {
                run(false, in_place.end, output.cells(), layout.last_part_offset());
            }
        }
        output.finish(row);
    }
}

// Operands: input, filters packed by `pack_filters_bfloat16` or `pack_cells_bfloat16`, bias or
// null, factors or null, what an activation saved or null, indices of a pooled input or null,
// output, its indices or signs or null, workspace. Runs take whole chunks, and all taps of a row.
inline void convolution_by_tiles(const Call& call) {
    const auto& a = arguments<ConvolutionBfloat16Arguments>(call);
    if (TilePooling::applies(call)) {
        convolve_by_tiles(call, a.pooled_height, TilePooling(call));
    } else {
        convolve_by_tiles(call, a.output_height, TileOutput(call));
    }
}

}  // namespace kernelet::KERNELET_ISA
