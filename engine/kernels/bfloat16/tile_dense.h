// Dense layers of all blocks of a batch at once in bfloat16 by matrix tiles: 16 outputs × 16
// samples a tile of sums.
#pragma once

#include "kernels/bfloat16/dense_operands.h"
#include "kernels/bfloat16/tile_block.h"

namespace kernelet::KERNELET_ISA {

struct DenseTiles {
    const DenseProducts& of;
    Tiles& tiles;

    void run() const {
        for (std::int64_t block = 0; block < of.blocks; block += 2) {
            const bool both = of.blocks - block > 1;
            for (std::int64_t q = 0; q < of.outputs; q += 2 * bfloat16_filters) {
                if (of.outputs - q > bfloat16_filters) {
                    both ? multiply<2, 2>(block, q) : multiply<1, 2>(block, q);
                } else {
                    both ? multiply<2, 1>(block, q) : multiply<1, 1>(block, q);
                }
            }
        }
    }

  private:
    // B blocks of samples × Q tiles of outputs.
    template <int B, int Q>
    void multiply(std::int64_t block, std::int64_t q) const {
        const Pair* w = of.weights_of(q);
        const Pair* x = of.inputs_of(block);
        const std::int64_t next_w = of.weights_of(bfloat16_filters) - of.weights_of(0);
        using Block = TileBlock<Q, B>;
        Block::for_sums(
            [&]<int tile>(int i, int j) { begin<tile>(block + j, q + i * bfloat16_filters); });
        for (std::int64_t chunk = 0; chunk < of.chunks; ++chunk) {
            Block::multiply(tiles, {w, w + next_w}, {x, x + of.stride});
            x += chunk_pairs * lanes;
            w += weight_chunk;
        }
        Block::for_sums(
            [&]<int tile>(int i, int j) { end<tile>(block + j, q + i * bfloat16_filters); });
    }

    bool whole(std::int64_t q) const { return of.outputs - q >= bfloat16_filters; }

    template <int tile>
    void begin(std::int64_t block, std::int64_t q) const {
        if (of.first) {
            tiles.template zero<tile>();
        } else if (whole(q)) {
            tiles.template load<tile>(of.sums_of(block, q), tile_row_bytes);
        } else {
            alignas(64) float sums[bfloat16_filters * lanes] = {};
            const float* before = of.sums_of(block, q);
            for (std::int64_t k = 0; k < (of.outputs - q) * lanes; ++k) sums[k] = before[k];
            tiles.template load<tile>(sums, tile_row_bytes);
        }
    }

    template <int tile>
    void end(std::int64_t block, std::int64_t q) const {
        float* target = of.sums_of(block, q);
        const bool plain = !of.last || is_plain(of.epilogue);
        if (plain && whole(q) && !of.rounded) {
            tiles.template store<tile>(target, tile_row_bytes);
            return;
        }
        alignas(64) float sums[bfloat16_filters * lanes];
        tiles.template store<tile>(sums, tile_row_bytes);
        const std::int64_t count = smaller(bfloat16_filters, of.outputs - q);
        for (std::int64_t f = 0; f < count && !plain; ++f) {
            const Finish finish = Finish::of_channel(of.epilogue, q + f);
            for (std::int64_t lane = f * lanes; lane < (f + 1) * lanes; lane += Vector::width) {
                finish(Vector::load(sums + lane)).store(sums + lane);
            }
        }
        of.store(sums, count, target);
    }
};

inline void dense_by_tiles(const Call& call) {
    Tiles tiles;
    dense_products_of_batch<ChunkOrder::filter_by_filter>(
        call, [&](const DenseProducts& products) { DenseTiles{products, tiles}.run(); });
}

}  // namespace kernelet::KERNELET_ISA
