// Filters for several neighbouring output cells, in the order in which bfloat16 kernels multiply
// them: those of each cell begin some taps later, with zeros for what only other cells meet.
#pragma once

#include "kernels/bfloat16/pack_filters.h"

namespace kernelet::KERNELET_ISA {

inline RunShape run_shape(const PackCellsBfloat16Arguments& a) {
    const std::int64_t taps = a.kernel_width + (a.cells - 1) * a.cell_taps;
    const std::int64_t rows = a.rows_together ? a.kernel_height : 1;
    return {taps * (a.rotated ? a.filters : a.channels), a.kernel_depth * a.kernel_height / rows,
            a.run_slots};
}

// How often filters are packed. Where rows are taken together, a row of inputs keeps its place
// while output rows go on, so that the taps come in as many orders as the filter has rows.
inline std::int64_t filter_orders(const PackCellsBfloat16Arguments& a) {
    return a.rows_together ? a.kernel_height : 1;
}

// Where the weights of filters [tap][channel][filter] lie. Rotated, the taps come in reverse order,
// and channels and filters change places.
struct FilterWeights {
    const float* first;
    std::int64_t tap;
    std::int64_t input;
    std::int64_t output;

    FilterWeights(const PackCellsBfloat16Arguments& a, const float* source)
        : first(source),
          tap(a.channels * a.filters),
          input(a.rotated ? 1 : a.filters),
          output(a.rotated ? a.filters : 1) {
        if (a.rotated) {
            first += (a.kernel_depth * a.kernel_height * a.kernel_width - 1) * tap;
            tap = -tap;
        }
    }
};

// The packed weights of one block of filters, a chunk the rows of a tile.
struct WeightBlock {
    Pair* pairs;

    void put(std::int64_t filter, std::int64_t slot, Pair pair) const {
        pairs[place(filter, slot)] = pair;
    }
    // The first or second number of a pair, whose place holds zeros.
    void put_half(std::int64_t filter, std::int64_t slot, std::int64_t second, float number) const {
        pairs[place(filter, slot)] |= static_cast<Pair>(bfloat16_of(number) << 16 * second);
    }

    static std::int64_t place(std::int64_t filter, std::int64_t slot) {
        return slot / chunk_pairs * weight_chunk + filter * chunk_pairs + slot % chunk_pairs;
    }
};

// Writes the other orders behind the first one: order v has row t of the filter's in the place of
// row t + v.
inline void pack_orders(const PackCellsBfloat16Arguments& a, const RunShape& shape,
                        std::int64_t size, Pair* target) {
    const std::int64_t rows = a.kernel_height;
    for (std::int64_t order = 1; order < filter_orders(a); ++order) {
        for (std::int64_t slot = 0; slot < shape.runs * shape.slots; ++slot) {
            const std::int64_t within = slot % shape.slots;
            if (within >= shape.pairs() * rows) continue;
            const std::int64_t row = within % rows;
            const std::int64_t from = slot - row + (row - order + rows) % rows;
            for (std::int64_t block = 0; block < size; block += shape.block_size()) {
                for (std::int64_t f = 0; f < bfloat16_filters; ++f) {
                    target[order * size + block + WeightBlock::place(f, slot)] =
                        target[block + WeightBlock::place(f, from)];
                }
            }
        }
    }
}

// Operands: filters, packed filters. Only matrix tiles multiply cells together. Where rows are
// taken together, those of a pair follow each other.
inline void pack_cells_bfloat16(const Call& call) {
    const auto& a = arguments<PackCellsBfloat16Arguments>(call);
    const RunShape shape = run_shape(a);
    const FilterWeights weights(a, call.operands[0]);
    const std::int64_t inputs = a.rotated ? a.filters : a.channels;
    const std::int64_t outputs = a.rotated ? a.channels : a.filters;
    const std::int64_t rows = a.rows_together ? a.kernel_height : 1;
    const bool neighbours = rows == 1 && weights.input == 1 && inputs % 2 == 0;
    auto* target = reinterpret_cast<Pair*>(call.operands[1]);
    const std::int64_t size = shape.size(a.cells * outputs);
    clear_pairs(target, filter_orders(a) * size);
    for (std::int64_t f = 0; f < a.cells * outputs; ++f) {
        const WeightBlock block{target + f / bfloat16_filters * shape.block_size()};
        const std::int64_t filter = f % bfloat16_filters;
        for (std::int64_t tap = 0; tap < a.kernel_depth * a.kernel_height * a.kernel_width; ++tap) {
            const float* source = weights.first + f % outputs * weights.output + tap * weights.tap;
            const std::int64_t row = tap / a.kernel_width;
            const std::int64_t first = row / rows * shape.slots + row % rows;
            std::int64_t element = (f / outputs * a.cell_taps + tap % a.kernel_width) * inputs;
            std::int64_t c = 0;
            for (; neighbours && c + lanes <= inputs; c += lanes, element += lanes) {
                Pair pairs[cell_pairs];
                store_neighbours(source + c, pairs);
                for (std::int64_t k = 0; k < cell_pairs; ++k) {
                    block.put(filter, first + element / 2 + k, pairs[k]);
                }
            }
            for (; c < inputs; ++c, ++element) {
                block.put_half(filter, first + element / 2 * rows, element % 2,
                               source[c * weights.input]);
            }
        }
    }
    pack_orders(a, shape, size, target);
}

}  // namespace kernelet::KERNELET_ISA
