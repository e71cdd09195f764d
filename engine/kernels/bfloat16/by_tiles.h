// The bfloat16 kernels of processors with matrix tiles.
#pragma once

#include "kernels/bfloat16/pack_cells.h"
#include "kernels/bfloat16/pack_filters.h"
#include "kernels/bfloat16/single_dense.h"
#include "kernels/bfloat16/tile_convolution.h"
#include "kernels/bfloat16/tile_dense.h"
#include "kernels/bfloat16/tile_filter_gradient.h"
#include "kernels/bfloat16/tile_outer_product.h"
#include "kernels/bfloat16/tile_single_convolution.h"

namespace kernelet::KERNELET_ISA {

// A chunk of weights is the rows of a tile.
inline void pack_filters_bfloat16(const Call& call) {
    pack_paired_filters<ChunkOrder::filter_by_filter>(call);
}

inline void convolution_bfloat16(const Call& call) { convolution_by_tiles(call); }

inline void convolution_filter_gradient_bfloat16(const Call& call) {
    filter_gradient_by_tiles(call);
}

inline void pack_inputs_bfloat16(const Call& call) { pair_dense_inputs(call); }

inline void dense_bfloat16(const Call& call) { dense_by_tiles(call); }

inline void outer_product_sum_bfloat16(const Call& call) { outer_product_by_tiles(call); }

inline void convolution_single_bfloat16(const Call& call) { convolve_single_by_tiles(call); }

}  // namespace kernelet::KERNELET_ISA
