// The bfloat16 kernels of processors without matrix tiles.
#pragma once

#include "kernels/bfloat16/convolution.h"
#include "kernels/bfloat16/dense.h"
#include "kernels/bfloat16/filter_gradient.h"
#include "kernels/bfloat16/outer_product.h"
#include "kernels/bfloat16/pack_cells.h"
#include "kernels/bfloat16/pack_filters.h"
#include "kernels/bfloat16/single_convolution.h"
#include "kernels/bfloat16/single_dense.h"

namespace kernelet::KERNELET_ISA {

// The weights of one pair are broadcast one after the other.
inline void pack_filters_bfloat16(const Call& call) {
    pack_paired_filters<ChunkOrder::pair_by_pair>(call);
}

inline void convolution_bfloat16(const Call& call) { convolution_in_registers(call); }

inline void convolution_filter_gradient_bfloat16(const Call& call) {
    filter_gradient_in_registers(call);
}

inline void pack_inputs_bfloat16(const Call& call) { pair_dense_inputs(call); }

inline void dense_bfloat16(const Call& call) { dense_in_registers(call); }

inline void outer_product_sum_bfloat16(const Call& call) { outer_product_in_registers(call); }

inline void convolution_single_bfloat16(const Call& call) {
    convolve_single_bfloat16(call, SingleSumsInRegisters{});
}

}  // namespace kernelet::KERNELET_ISA
