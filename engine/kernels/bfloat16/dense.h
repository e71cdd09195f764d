// Dense layers of all blocks of a batch at once in bfloat16: sums in registers.
#pragma once

#include "kernels/bfloat16/dense_operands.h"

namespace kernelet::KERNELET_ISA {

// Outputs whose sums of a vector of samples fill the registers.
inline constexpr int bfloat16_dense_rows = Vector::registers >= 32 ? 16 : 8;
static_assert(bfloat16_filters % bfloat16_dense_rows == 0);

// Outputs from `q` on for the samples of a block from `lane` on.
inline void bfloat16_dense_vectors(const DenseProducts& of, std::int64_t block, std::int64_t q,
                                   std::int64_t lane) {
    constexpr int R = bfloat16_dense_rows;
    const std::int64_t rows = smaller(R, of.outputs - q);
    const std::int64_t tile = q / bfloat16_filters * bfloat16_filters;
    const Pair* w = of.weights_of(tile) + q - tile;
    const Pair* x = of.inputs_of(block) + lane;
    float* target = of.sums_of(block, q) + lane;
    Vector sums[R];
    for (int r = 0; r < R; ++r) {
        sums[r] = of.first || r >= rows ? Vector::zero() : Vector::load(target + r * lanes);
    }
    for (std::int64_t chunk = 0; chunk < of.chunks; ++chunk, w += weight_chunk) {
        for (std::int64_t pair = 0; pair < chunk_pairs; ++pair, x += lanes) {
            const IntVector input = IntVector::load(x);
            KERNELET_UNROLL
            for (int r = 0; r < R; ++r) {
                const IntVector weight = IntVector::broadcast(w[pair * bfloat16_filters + r]);
                sums[r] = add_products(weight, input, sums[r]);
            }
        }
    }
    for (int r = 0; r < rows && of.last; ++r) {
        sums[r] = Finish::of_channel(of.epilogue, q + r)(sums[r]);
    }
    for (int r = 0; r < rows && !of.rounded; ++r) sums[r].store(target + r * lanes);
    for (int r = 0; r < rows && of.rounded; r += 2) {
        pairs_of(sums[r], sums[r + 1]).store(reinterpret_cast<Pair*>(target) + r / 2 * lanes);
    }
}

inline void dense_products_in_registers(const DenseProducts& of) {
    for (std::int64_t block = 0; block < of.blocks; ++block) {
        for (std::int64_t q = 0; q < of.outputs; q += bfloat16_dense_rows) {
            for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                bfloat16_dense_vectors(of, block, q, lane);
            }
        }
    }
}

inline void dense_in_registers(const Call& call) {
    // The weights of one pair are broadcast one after the other.
    dense_products_of_batch<ChunkOrder::pair_by_pair>(call, dense_products_in_registers);
}

}  // namespace kernelet::KERNELET_ISA
