// Convolution in bfloat16 by matrix tiles: 16 filters × 16 samples of one cell a tile of sums.
//
// Where filters are few, the rows of a tile hold those of several neighbouring output cells, whose
// weights lie as many taps further: `filters`, `output_width`, `stride_width` and the taps of a row
// then count for `cells` of them together, and filters come cell by cell, as in the output.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/bfloat16/tile_block.h"
#include "kernels/bfloat16/tile_output.h"
#include "kernels/bfloat16/tile_pooling.h"
#include "kernels/bfloat16/tile_workspace.h"

namespace kernelet::KERNELET_ISA {

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

// Output cells [begin, end) of a row that read the same memory: kept rows, or the input in place.
struct TileSegment {
    std::int64_t begin;
    std::int64_t end;
    std::int64_t offset;  // of their inputs beside those of the products
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

    void run(const TileSegment& segment) const {
        for (std::int64_t q = 0; q < filters.all; q += 2 * bfloat16_filters) {
            filters.all - q > bfloat16_filters ? all_cells<2>(segment, q)
                                               : all_cells<1>(segment, q);
        }
    }

  private:
    // F blocks of filters from filter `q` on.
    template <int F>
    void all_cells(const TileSegment& segment, std::int64_t q) const {
        std::int64_t cell = segment.begin;
        for (; cell + 2 <= segment.end; cell += 2) block<F, 2>(cell, segment.offset, q);
        if (cell < segment.end) block<F, 1>(cell, segment.offset, q);
    }

    // C cells.
    template <int F, int C>
    void block(std::int64_t cell, std::int64_t offset, std::int64_t q) const {
        TileSums sums[Output::rows];
        const std::int64_t first = layout.cell_offset(cell) + offset;
        const std::int64_t second = layout.cell_offset(cell + C - 1) + offset;
        for (int row = 0; row < Output::rows; ++row) {
            multiply<F, C>(products[row], first, second, q);
            TileBlock<F, C>::for_sums(
                [&]<int tile>(int, int) { take<C, tile>(sums, row, cell, q); });
        }
    }

    // Finishing a tile while the next ones are stored hides some of the time of both. Tiles that
    // are finished at once take the same memory, which stays in the nearest cache.
    template <int C, int tile>
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
        TileBlock<F, C>::clear(tiles);
        for (const TileProduct* product = all.first; product < all.last; ++product) {
            const Pair* w = product->weights + weights;
            TileBlock<F, C>::multiply(tiles, {w, w + filters.block_size},
                                      {product->inputs + first, product->inputs + second, stride});
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
        const Pair* first = input.pairs_of_run(plane, row, run, in_place);
        if (!first) continue;
        first += group * layout.group_size();
        for (std::int64_t k = 0; k < chunks; ++k) {
            *next++ = {first + k * chunk_pairs * layout.step(),
                       weights + (run * chunks + k) * weight_chunk};
        }
    }
    return {products, next};
}

// A convolution whose sums an output takes, from one or several rows of cells at once.
template <class Output>
class TileConvolution {
  public:
    explicit TileConvolution(const Call& call)
        : a_(arguments<ConvolutionBfloat16Arguments>(call)),
          space_(a_),
          input_(space_.layout, input_rows(call), reinterpret_cast<Pair*>(call.operands[8]),
                 reinterpret_cast<std::int32_t*>(call.operands[8] + space_.cells)),
          products_(reinterpret_cast<TileProduct*>(call.operands[8] + space_.products)),
          channels_(a_, call.operands[2], call.operands[3], call.operands[8] + space_.channels),
          filters_(a_, space_.shape),
          weights_(reinterpret_cast<const Pair*>(call.operands[1])),
          wanted_(call),
          output_(call) {}

    void run() {
        const std::int64_t lines = output_.lines();
        const std::int64_t begin = line_of(wanted_.begin);
        const std::int64_t end = line_of(wanted_.end);
        if (begin < end) input_.begin_at(begin / lines, begin % lines * Output::rows);
        for (std::int64_t row = begin; row < end; ++row) {
            const std::int64_t plane = row / lines;
            const std::int64_t line = row % lines * Output::rows;
            for (int r = 0; r < Output::rows; ++r) input_.require_for(plane, line + r);
            output_.begin(row);
            for (std::int64_t g = 0; g < a_.groups; ++g) multiply_group(plane, line, g);
            output_.finish(row);
        }
    }

  private:
    // Of an output's lines, counted through all planes, the one that begins with a row.
    std::int64_t line_of(std::int64_t row) const {
        const std::int64_t line = row % a_.output_height / Output::rows;
        return row / a_.output_height * output_.lines() + smaller(line, output_.lines());
    }

    void multiply_group(std::int64_t plane, std::int64_t line, std::int64_t group) {
        const CellsInPlace& in_place = space_.layout.in_place;
        const std::int64_t count = output_.cells();
        TileProducts kept[Output::rows];
        TileProduct* next = list(plane, line, group, false, products_, kept);
        if (!in_place.any()) return multiply(group, {0, count, 0}, kept);
        TileProducts placed[Output::rows];
        list(plane, line, group, true, next, placed);
        const std::int64_t begin = smaller(in_place.begin, count);
        const std::int64_t end = smaller(in_place.end, count);
        multiply(group, {0, begin, 0}, kept);
        multiply(group, {begin, end, 0}, placed);
        multiply(group, {end, count, space_.layout.last_part_offset()}, kept);
    }

    // Returns what follows the products.
    TileProduct* list(std::int64_t plane, std::int64_t line, std::int64_t group, bool in_place,
                      TileProduct* next, TileProducts (&lists)[Output::rows]) const {
        const std::int64_t size = space_.shape.size(filters_.all);
        for (int r = 0; r < Output::rows; ++r) {
            const std::int64_t order = space_.layout.filter_order(line + r);
            lists[r] = list_products(input_, space_.layout, space_.shape, plane, line + r, group,
                                     in_place, weights_ + (group + order) * size, next);
            next += lists[r].last - lists[r].first;
        }
        return next;
    }

    void multiply(std::int64_t group, const TileSegment& segment, const TileProducts* lists) {
        TileRowsOfCells<Output>{space_.layout, filters_, channels_, group, output_, tiles_, lists}
            .run(segment);
    }

    const ConvolutionBfloat16Arguments& a_;
    TileWorkspace space_;
    TileInput input_;
    TileProduct* products_;
    TileChannels channels_;
    TileFilters filters_;
    const Pair* weights_;
    RowsOfCall wanted_;
    Output output_;
    Tiles tiles_;
};

// Operands: input, filters packed by `pack_filters_bfloat16` or `pack_cells_bfloat16`, bias or
// null, factors or null, what an activation saved or null, indices of a pooled input or null,
// output, its indices or signs or null, workspace. Pieces are rows of output cells. Runs take whole
// chunks, and all taps of a row.
inline void convolution_by_tiles(const Call& call) {
    if (TilePooling::applies(call)) {
        TileConvolution<TilePooling>(call).run();
    } else {
        TileConvolution<TileOutput>(call).run();
    }
}

}  // namespace kernelet::KERNELET_ISA
