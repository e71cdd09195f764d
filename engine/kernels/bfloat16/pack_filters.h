// Filters in the order in which bfloat16 kernels multiply them.
#pragma once

#include "kernels/bfloat16/reduction.h"

namespace kernelet::KERNELET_ISA {

// The packed weights of one block of filters; Order says where a filter's pair lies.
template <class Order>
struct WeightBlock {
    Pair* pairs;

    void put(std::int64_t filter, std::int64_t slot, Pair pair) const {
        pairs[Order::place(filter, slot)] = pair;
    }
    // The first or second number of a pair, whose place holds zeros.
    void put_half(std::int64_t filter, std::int64_t slot, std::int64_t second, float number) const {
        pairs[Order::place(filter, slot)] |= static_cast<Pair>(bfloat16_of(number) << 16 * second);
    }
};

// Weights [element][filter]: of `elements` rows, `stride` floats apart, neighbours make pairs.
template <class Block>
inline void pack_rows(const float* source, std::int64_t elements, std::int64_t stride,
                      std::int64_t filters, const Block& block, std::int64_t slot) {
    for (std::int64_t k = 0; k < elements; k += 2, ++slot) {
        const float* first = source + k * stride;
        for (std::int64_t f = 0; f < filters; ++f) {
            const float second = k + 1 < elements ? first[stride + f] : 0.0F;
            block.put(f, slot, pair_of(first[f], second));
        }
    }
}

// Weights of one output, in pieces of `piece` neighbours, each `step` floats from the last.
template <class Block>
inline void pack_pieces(const float* source, std::int64_t pieces, std::int64_t piece,
                        std::int64_t step, std::int64_t filter, const Block& block,
                        std::int64_t slot) {
    float held = 0.0F;
    bool holding = false;
    for (std::int64_t p = 0; p < pieces; ++p) {
        const float* numbers = source + p * step;
        std::int64_t k = 0;
        for (; !holding && k + lanes <= piece; k += lanes) {
            Pair pairs[cell_pairs];
            store_neighbours(numbers + k, pairs);
            for (const Pair pair : pairs) {
                block.put(filter, slot++, pair);
            }
        }
        for (; k < piece; ++k, holding = !holding) {
            if (holding) {
                block.put(filter, slot++, pair_of(held, numbers[k]));
            }
            held = numbers[k];
        }
    }
    if (holding) {
        block.put(filter, slot, pair_of(held, 0.0F));
    }
}

// Operands: filters [tap][channel][filter], packed filters [group][block of filters], the pairs of
// a block in the given order. Rotated, as the gradient by the input needs them,
// the taps come in reverse order and channels and filters change places.
template <class Order>
inline void pack_paired_filters(const Call& call) {
    const auto& a = arguments<PackFiltersBfloat16Arguments>(call);
    const std::int64_t inputs = a.rotated ? a.filters : a.channels;
    const std::int64_t outputs = a.rotated ? a.channels : a.filters;
    const std::int64_t total = a.filters * a.groups;
    const std::int64_t tap_size = a.channels * total;
    const RunShape shape{a.run_taps * inputs, a.taps / a.run_taps, a.run_slots};
    const std::int64_t blocks = (outputs + bfloat16_filters - 1) / bfloat16_filters;
    auto* target = reinterpret_cast<Pair*>(call.operands[1]);
    clear_pairs(target, a.groups * blocks * shape.block_size());
    for (std::int64_t q = 0; q < a.groups * blocks; ++q) {
        const WeightBlock<Order> block{target + q * shape.block_size()};
        const std::int64_t first = q % blocks * bfloat16_filters;
        const std::int64_t count = smaller(bfloat16_filters, outputs - first);
        const float* source = call.operands[0] + q / blocks * a.filters;
        for (std::int64_t run = 0; run < shape.runs; ++run) {
            const std::int64_t slot = run * shape.slots;
            if (!a.rotated) {
                pack_rows(source + run * shape.elements * total + first, shape.elements, total,
                          count, block, slot);
                continue;
            }
            const float* last_tap = source + (a.taps - 1 - run * a.run_taps) * tap_size;
            for (std::int64_t o = 0; o < count; ++o) {
                pack_pieces(last_tap + (first + o) * total, a.run_taps, inputs, -tap_size, o, block,
                            slot);
            }
        }
    }
}

}  // namespace kernelet::KERNELET_ISA
