// The gradient by the weights of a dense layer in bfloat16 by matrix tiles: 16 inputs × 16 outputs
// a tile of sums.
#pragma once

#include "kernels/bfloat16/outer_operands.h"
#include "kernels/bfloat16/tile_block.h"

namespace kernelet::KERNELET_ISA {

struct OuterTiles {
    const OuterProducts& of;
    Tiles& tiles;

    void run() const {
        for (std::int64_t q = 0; q < of.columns; q += 2 * tile_rows) {
            const bool both = of.columns - q > tile_rows;
            for (std::int64_t row = 0; row < of.rows; row += 2 * tile_rows) {
                if (of.rows - row > tile_rows) {
                    both ? block<2, 2>(row, q) : block<2, 1>(row, q);
                } else {
                    both ? block<1, 2>(row, q) : block<1, 1>(row, q);
                }
            }
        }
    }

  private:
    // R × C tiles of sums.
    template <int R, int C>
    void block(std::int64_t row, std::int64_t q) const {
        const Pair* x = of.inputs + row * lanes;
        const Pair* y = of.upstream_of(q);
        const std::int64_t next = of.chunks * tile_pairs;
        using Block = TileBlock<R, C>;
        Block::for_sums([&]<int tile>(int i, int j) {
            begin<tile>(place(row + i * tile_rows, q + j * lanes));
        });
        for (std::int64_t chunk = 0; chunk < of.chunks; ++chunk) {
            Block::multiply(tiles, {x, x + tile_pairs}, {y, y + next});
            x += outer_input_chunk;
            y += tile_pairs;
        }
        Block::for_sums(
            [&]<int tile>(int i, int j) { end<tile>(place(row + i * tile_rows, q + j * lanes)); });
    }

    // Where a tile of sums lies, and how much of it is there.
    struct Place {
        float* sums;
        std::int64_t rows;
        std::int64_t columns;

        bool whole() const { return rows == tile_rows && columns == lanes; }
    };

    Place place(std::int64_t row, std::int64_t q) const {
        return {of.sums + row * of.stride + q, smaller(tile_rows, of.rows - row),
                smaller(lanes, of.columns - q)};
    }

    template <int tile>
    void begin(const Place& place) const {
        if (of.overwrite) {
            tiles.template zero<tile>();
        } else if (place.whole()) {
            tiles.template load<tile>(place.sums, row_bytes());
        } else {
            alignas(64) float sums[tile_rows * lanes] = {};
            for (std::int64_t r = 0; r < place.rows; ++r) {
                copy(place.sums + r * of.stride, place.columns, sums + r * lanes);
            }
            tiles.template load<tile>(sums, tile_row_bytes);
        }
    }

    template <int tile>
    void end(const Place& place) const {
        fetch(place.sums + outer_product_sum_bfloat16_piece * of.stride);
        if (place.whole()) {
            tiles.template store<tile>(place.sums, row_bytes());
            return;
        }
        alignas(64) float sums[tile_rows * lanes];
        tiles.template store<tile>(sums, tile_row_bytes);
        for (std::int64_t r = 0; r < place.rows; ++r) {
            copy(sums + r * lanes, place.columns, place.sums + r * of.stride);
        }
    }

    // What the next piece is written to, which takes longer to fetch than its products.
    void fetch(const float* sums) const {
        for (std::int64_t r = 0; r < tile_rows; ++r) {
            __builtin_prefetch(sums + r * of.stride, 0, 2);
        }
    }

    std::int64_t row_bytes() const { return of.stride * std::int64_t{sizeof(float)}; }

    static void copy(const float* from, std::int64_t count, float* to) {
        for (std::int64_t k = 0; k < count; k += Vector::width) {
            const int some = static_cast<int>(smaller(Vector::width, count - k));
            store_some(load_some(from + k, some), to + k, some);
        }
    }

    static_assert(outer_product_sum_bfloat16_piece % (2 * tile_rows) == 0);
};

inline void outer_product_by_tiles(const Call& call) {
    Tiles tiles;
    outer_products_of_batch(
        call, [&](const OuterProducts& products) { OuterTiles{products, tiles}.run(); });
}

}  // namespace kernelet::KERNELET_ISA
