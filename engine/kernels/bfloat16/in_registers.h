// The bfloat16 kernels of processors without matrix tiles.
#pragma once

#include "kernels/bfloat16/convolution.h"
#include "kernels/bfloat16/filter_gradient.h"
#include "kernels/bfloat16/pack_cells.h"
#include "kernels/bfloat16/pack_filters.h"

namespace kernelet::KERNELET_ISA {

// Weights lie [pair][filter]: those of one pair are broadcast one after the other.
struct RegisterWeights {
    static std::int64_t place(std::int64_t filter, std::int64_t slot) {
        return slot * bfloat16_filters + filter;
    }
};

inline void pack_filters_bfloat16(const Call& call) { pack_paired_filters<RegisterWeights>(call); }

inline void pack_cells_bfloat16(const Call& call) { pack_paired_cells<RegisterWeights>(call); }

inline void convolution_bfloat16(const Call& call) { convolution_in_registers(call); }

inline void convolution_filter_gradient_bfloat16(const Call& call) {
    filter_gradient_in_registers(call);
}

}  // namespace kernelet::KERNELET_ISA
