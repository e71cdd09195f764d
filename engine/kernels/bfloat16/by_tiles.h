// The bfloat16 kernels of processors with matrix tiles.
#pragma once

#include "kernels/bfloat16/pack_cells.h"
#include "kernels/bfloat16/pack_filters.h"
#include "kernels/bfloat16/tile_convolution.h"
#include "kernels/bfloat16/tile_filter_gradient.h"

namespace kernelet::KERNELET_ISA {

// Weights lie [chunk][filter][pair]: a chunk is the rows of a tile.
struct TileWeights {
    static std::int64_t place(std::int64_t filter, std::int64_t slot) {
        return slot / chunk_pairs * weight_chunk + filter * chunk_pairs + slot % chunk_pairs;
    }
};

inline void pack_filters_bfloat16(const Call& call) { pack_paired_filters<TileWeights>(call); }

inline void pack_cells_bfloat16(const Call& call) { pack_paired_cells<TileWeights>(call); }

inline void convolution_bfloat16(const Call& call) { convolution_by_tiles(call); }

inline void convolution_filter_gradient_bfloat16(const Call& call) {
    filter_gradient_by_tiles(call);
}

}  // namespace kernelet::KERNELET_ISA
