// Operands of the gradient by the weights of a dense layer in bfloat16: neighbouring samples make
// pairs, and those of two blocks of samples a chunk.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/bfloat16/tile_gradient_layout.h"
#include "kernels/tile.h"

namespace kernelet::KERNELET_ISA {

// Chunks, and outputs, whose pairs are written together: those of the upstream gradient stay in the
// second-level cache while all inputs pass, those of the inputs of a piece in the first-level one.
inline constexpr std::int64_t outer_chunks = 8;
inline constexpr std::int64_t outer_outputs = 512;

inline std::int64_t outer_upstream_pairs(std::int64_t outputs) {
    return (smaller(outputs, outer_outputs) + tile_rows - 1) / tile_rows * outer_chunks *
           tile_pairs;
}
// Pairs of the inputs of a piece in one chunk.
inline constexpr std::int64_t outer_input_chunk = outer_product_sum_bfloat16_piece * lanes;
inline constexpr std::int64_t outer_input_pairs = outer_chunks * outer_input_chunk;

// Some elements of the blocks of a batch from one of them on, as those of a cell.
template <class Cell>
struct BatchElements {
    Cell values;          // of the first block
    std::int64_t stride;  // from a block to the next
    std::int64_t blocks;

    std::int64_t chunks() const { return (blocks + 1) / 2; }

    // `count` elements, of a piece at most, as [chunk][element][pair], with zeros where there are
    // no more blocks.
    void write_rows(std::int64_t count, Pair* target) const {
        for (std::int64_t chunk = 0; chunk < chunks(); ++chunk, target += outer_input_chunk) {
            with_cells(chunk, [&](const auto& one, const auto& other) {
                write_two_cells(one, other, 0, count, target);
            });
        }
    }

    // `count` elements as [sixteen elements][chunk][pair][element], with zeros where there are no
    // more elements or blocks.
    void write_columns(std::int64_t count, Pair* target) const {
        for (std::int64_t k = 0; k < count; k += tile_rows) {
            for (std::int64_t chunk = 0; chunk < chunks(); ++chunk, target += tile_pairs) {
                with_cells(chunk, [&](const auto& one, const auto& other) {
                    write_transposed(one, other, k * lanes, smaller(tile_rows, count - k), target);
                });
            }
        }
    }

  private:
    // The elements of a chunk's two blocks, as those of two cells.
    template <class Function>
    void with_cells(std::int64_t chunk, const Function& function) const {
        const Cell one{values.numbers + 2 * chunk * stride};
        if (2 * chunk + 1 < blocks) {
            function(one, Cell{one.numbers + stride});
        } else {
            function(one, NoCell{});
        }
    }
};

// Sums [input][output] of the products of some chunks.
struct OuterProducts {
    const Pair* inputs;    // as rows
    const Pair* upstream;  // as columns
    std::int64_t chunks;
    float* sums;
    std::int64_t stride;  // from an input to the next
    std::int64_t rows;
    std::int64_t columns;
    bool overwrite;

    // The first chunk of sixteen outputs.
    const Pair* upstream_of(std::int64_t output) const {
        return upstream + output / tile_rows * chunks * tile_pairs;
    }
};

// Calls products(OuterProducts) for pieces of the result over all blocks of the batch. Operands:
// first blocks of the input and of the upstream gradient, gradient, workspace. Pieces are
// `outer_product_sum_bfloat16_piece` inputs each.
template <class Products>
inline void outer_products_of_batch(const Call& call, const Products& products) {
    constexpr std::int64_t piece = outer_product_sum_bfloat16_piece;
    const auto& a = arguments<OuterProductBfloat16Arguments>(call);
    const std::int64_t stride = call.step->batch_stride;
    const std::int64_t blocks = (call.step->batch + lanes - 1) / lanes;
    auto* upstream = reinterpret_cast<Pair*>(call.operands[3]);
    Pair* rows = upstream + outer_upstream_pairs(a.outputs);
    for (std::int64_t o = 0; o < a.outputs; o += outer_outputs) {
        const std::int64_t outputs = smaller(outer_outputs, a.outputs - o);
        for (std::int64_t block = 0; block < blocks; block += 2 * outer_chunks) {
            const std::int64_t together = smaller(2 * outer_chunks, blocks - block);
            const BatchElements<StoredCell> y{
                {call.operands[1] + block * stride + o * lanes}, stride, together};
            y.write_columns(outputs, upstream);
            for (std::int64_t i = call.begin * piece; i < smaller(call.end * piece, a.inputs);
                 i += piece) {
                const std::int64_t inputs = smaller(piece, a.inputs - i);
                const float* first = call.operands[0] + block * stride;
                const auto write = [&](const auto& values) {
                    BatchElements{values.moved(i * lanes), stride, together}.write_rows(inputs,
                                                                                        rows);
                };
                a.rounded_input ? write(RoundedCell{reinterpret_cast<const Pair*>(first)})
                                : write(StoredCell{first});
                products({rows, upstream, y.chunks(), call.operands[2] + i * a.outputs + o,
                          a.outputs, inputs, outputs, block == 0});
            }
        }
    }
}

}  // namespace kernelet::KERNELET_ISA
