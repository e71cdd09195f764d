// The gradient by the weights of a dense layer in bfloat16: sums over samples in registers.
#pragma once

#include "kernels/bfloat16/outer_operands.h"

namespace kernelet::KERNELET_ISA {

// Inputs whose sums of a vector of outputs fill the registers.
inline constexpr int outer_product_rows = Vector::registers >= 32 ? 16 : 8;
static_assert(tile_rows % outer_product_rows == 0);

// Sums of some inputs × a vector of outputs; `x` and `y` are those of the first chunk.
struct OuterVectors {
    const OuterProducts& of;
    const Pair* x;
    const Pair* y;
    float* sums;
    std::int64_t rows;
    int columns;

    void run() const {
        constexpr int R = outer_product_rows;
        Vector totals[R];
        for (int r = 0; r < R; ++r) {
            totals[r] = of.overwrite || r >= rows ? Vector::zero()
                                                  : load_some(sums + r * of.stride, columns);
        }
        for (std::int64_t chunk = 0; chunk < of.chunks; ++chunk) {
            const Pair* inputs = x + chunk * outer_input_chunk;
            const Pair* upstream = y + chunk * tile_pairs;
            for (std::int64_t pair = 0; pair < lanes; ++pair) {
                const IntVector up = IntVector::load(upstream + pair * lanes);
                KERNELET_UNROLL
                for (int r = 0; r < R; ++r) {
                    const IntVector input = IntVector::broadcast(inputs[r * lanes + pair]);
                    totals[r] = add_products(input, up, totals[r]);
                }
            }
        }
        for (int r = 0; r < smaller(R, rows); ++r) {
            store_some(totals[r], sums + r * of.stride, columns);
        }
    }
};

inline void outer_products_in_registers(const OuterProducts& of) {
    for (std::int64_t q = 0; q < of.columns; q += Vector::width) {
        const Pair* y = of.upstream_of(q) + q % tile_rows;
        const int columns = static_cast<int>(smaller(Vector::width, of.columns - q));
        for (std::int64_t row = 0; row < of.rows; row += outer_product_rows) {
            const Pair* x = of.inputs + row * lanes;
            OuterVectors{of, x, y, of.sums + row * of.stride + q, of.rows - row, columns}.run();
        }
    }
}

inline void outer_product_in_registers(const Call& call) {
    outer_products_of_batch(call, outer_products_in_registers);
}

}  // namespace kernelet::KERNELET_ISA
