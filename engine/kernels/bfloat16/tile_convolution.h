// Convolution in bfloat16 by matrix tiles: 16 filters × 16 samples of one cell a tile of sums.
//
// Where filters are few, the rows of a tile hold those of several neighbouring output cells, whose
// weights lie as many taps further: `filters`, `output_width`, `stride_width` and the taps of a row
// then count for `cells` of them together, and filters come cell by cell, as in the output.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/bfloat16/tile_output.h"
#include "kernels/bfloat16/tile_workspace.h"

namespace kernelet::KERNELET_ISA {

inline constexpr std::int64_t tile_row_bytes = 64;
inline constexpr int weight_tiles = 4;  // tiles 4 and 5
inline constexpr int input_tiles = 6;   // tiles 6 and 7

// How the filters of a group lie; divisions take longer than a tile's sums.
struct TileFilters {
    std::int64_t all;         // of a group, of all cells that are taken together
    std::int64_t cell;        // of a group, of one cell
    std::int64_t block_size;  // of the packed weights

    TileFilters(const ConvolutionBfloat16Arguments& a, const RunShape& shape)
        : all(a.filters / a.groups), cell(all / a.cells), block_size(shape.block_size()) {}
};

// A row of output cells with all filters of one group.
struct TileRowOfCells {
    const ConvolutionBfloat16Arguments& a;
    const TileInputLayout& layout;
    const TileFilters& filters;
    const TileProduct* products;
    std::int64_t count;
    const TileChannels& channels;
    std::int64_t group;
    const TileOutput& output;
    Tiles& tiles;

    void run() const {
        for (std::int64_t q = 0; q < filters.all; q += 2 * bfloat16_filters) {
            filters.all - q > bfloat16_filters ? all_cells<2>(q) : all_cells<1>(q);
        }
    }

    // F blocks of filters from filter `q` on.
    template <int F>
    void all_cells(std::int64_t q) const {
        std::int64_t cell = 0;
        for (; cell + 2 <= a.output_width; cell += 2) block<F, 2>(cell, q);
        if (cell < a.output_width) block<F, 1>(cell, q);
    }

    // C cells.
    template <int F, int C>
    void block(std::int64_t cell, std::int64_t q) const {
        const std::int64_t first = layout.cell_offset(cell);
        const std::int64_t second = layout.cell_offset(cell + C - 1);
        const std::int64_t stride = layout.step() * std::int64_t{sizeof(Pair)};
        const std::int64_t weights = q / bfloat16_filters * filters.block_size;
        clear<F, C>();
        for (const TileProduct* product = products; product < products + count; ++product) {
            const Pair* w = product->weights + weights;
            tiles.template load<weight_tiles>(w, tile_row_bytes);
            tiles.template load<input_tiles>(product->inputs + first, stride);
            tiles.template multiply<0, weight_tiles, input_tiles>();
            if constexpr (F == 2) {
                tiles.template load<weight_tiles + 1>(w + filters.block_size, tile_row_bytes);
                tiles.template multiply<2, weight_tiles + 1, input_tiles>();
            }
            if constexpr (C == 2) {
                tiles.template load<input_tiles + 1>(product->inputs + second, stride);
                tiles.template multiply<1, weight_tiles, input_tiles + 1>();
                if constexpr (F == 2) {
                    tiles.template multiply<3, weight_tiles + 1, input_tiles + 1>();
                }
            }
        }
        finish_tile<0>(cell, q);
        if constexpr (C == 2) finish_tile<1>(cell + 1, q);
        if constexpr (F == 2) finish_tile<2>(cell, q + bfloat16_filters);
        if constexpr (F == 2 && C == 2) finish_tile<3>(cell + 1, q + bfloat16_filters);
    }

    template <int F, int C>
    void clear() const {
        tiles.template zero<0>();
        if constexpr (C == 2) tiles.template zero<1>();
        if constexpr (F == 2) tiles.template zero<2>();
        if constexpr (F == 2 && C == 2) tiles.template zero<3>();
    }

    // How many filters of a cell there are from `q` on: `cells` may reach beyond the last one.
    std::int64_t filters_of(std::int64_t cell, std::int64_t q) const {
        const std::int64_t cells = smaller(a.cells, a.output_cells - cell * a.cells);
        return smaller(bfloat16_filters, cells * filters.cell - q);
    }

    template <int tile>
    void finish_tile(std::int64_t cell, std::int64_t q) const {
        alignas(64) float sums[bfloat16_filters * lanes];
        tiles.template store<tile>(sums, tile_row_bytes);
        const std::int64_t channel = group * filters.all + q;
        output.write(sums, channels.epilogue(channel), cell * a.filters + channel,
                     filters_of(cell, q));
    }
};

// The products of one group for a row of output cells, without those by zeros alone.
inline std::int64_t list_products(const TileInput& input, const TileInputLayout& layout,
                                  const RunShape& shape, std::int64_t plane, std::int64_t row,
                                  std::int64_t group, const Pair* weights, TileProduct* products) {
    TileProduct* next = products;
    const std::int64_t chunks = shape.slots / chunk_pairs;
    for (std::int64_t run = 0; run < shape.runs; ++run) {
        if (!input.meets_input(plane, row, run)) continue;
        const Pair* first = input.pairs_of_run(plane, row, run) + group * layout.group_size();
        for (std::int64_t k = 0; k < chunks; ++k) {
            *next++ = {first + k * chunk_pairs * layout.step(),
                       weights + (run * chunks + k) * weight_chunk};
        }
    }
    return next - products;
}

// Operands: input, filters packed by `pack_filters_bfloat16` or `pack_cells_bfloat16`, bias or
// null, factors or null, what an activation saved or null, indices of a pooled input or null,
// output, its indices or signs or null, workspace. Runs take whole chunks, and all taps of a row.
inline void convolution_by_tiles(const Call& call) {
    const auto& a = arguments<ConvolutionBfloat16Arguments>(call);
    const TileWorkspace space(a);
    float* workspace = call.operands[8];
    TileInput input(space.layout, input_rows(call), reinterpret_cast<Pair*>(workspace),
                    reinterpret_cast<std::int32_t*>(workspace + space.cells));
    TileOutput output(call);
    auto* products = reinterpret_cast<TileProduct*>(workspace + space.products);
    const TileChannels channels(a, call.operands[2], call.operands[3], workspace + space.channels);
    const TileFilters filters(a, space.shape);
    const auto* weights = reinterpret_cast<const Pair*>(call.operands[1]);
    Tiles tiles;
    for (std::int64_t row = 0; row < a.output_depth * a.output_height; ++row) {
        const std::int64_t plane = row / a.output_height;
        const std::int64_t line = row % a.output_height;
        input.require_for(plane, line);
        output.begin(row);
        for (std::int64_t g = 0; g < a.groups; ++g) {
            const std::int64_t count =
                list_products(input, space.layout, space.shape, plane, line, g,
                              weights + g * space.shape.size(filters.all), products);
            TileRowOfCells{a, space.layout, filters, products, count, channels, g, output, tiles}
                .run();
        }
        output.finish(row);
    }
}

}  // namespace kernelet::KERNELET_ISA
