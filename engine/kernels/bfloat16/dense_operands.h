// Operands of dense layers of all blocks of a batch at once in bfloat16: weights are read once, and
// rounded when they are multiplied, or before, where they never change.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/bfloat16/pack_filters.h"
#include "kernels/convolution.h"
#include "kernels/pointwise.h"

namespace kernelet::KERNELET_ISA {

// Inputs that are multiplied before others, so that the weights of a piece stay in the first-level
// cache, and those of a strip, and the inputs of all blocks, in the second-level one.
inline constexpr std::int64_t dense_section = 512;
static_assert(dense_section % (2 * chunk_pairs) == 0);
// Outputs whose weights are written together: those of an input lie side by side, and memory is
// fastest where it is read in long runs.
inline constexpr std::int64_t dense_strip = 4 * dense_bfloat16_piece;
static_assert(dense_bfloat16_piece % bfloat16_filters == 0);

inline std::int64_t dense_chunks(std::int64_t inputs) {
    return (inputs + 2 * chunk_pairs - 1) / (2 * chunk_pairs);
}

// Operands: input, its pairs. Neighbouring inputs of a sample make pairs, [chunk][pair][lane]; the
// last chunk is filled up with zeros.
inline void pair_dense_inputs(const Call& call) {
    const std::int64_t size = arguments<SizeArguments>(call).size;
    auto* target = reinterpret_cast<Pair*>(call.operands[1]);
    for (std::int64_t k = 0; k < dense_chunks(size) * 2 * chunk_pairs; k += 2, target += lanes) {
        const float* source = call.operands[0] + k * lanes;
        store_pairs(k < size ? source : no_numbers, k + 1 < size ? source + lanes : no_numbers,
                    target);
    }
}

// The weights of a strip and a section as [sixteen outputs][chunk][output and pair, in an order].
template <ChunkOrder order>
struct DenseWeights {
    const DenseBfloat16Arguments& a;
    const float* source;

    void write(Span outputs, std::int64_t first, std::int64_t count, Pair* target) const {
        if (a.transposed) {
            write_rows(outputs, first, count, target);
        } else {
            write_columns(outputs, first, count, target);
        }
    }

  private:
    // Weights [input][output].
    void write_columns(Span outputs, std::int64_t first, std::int64_t count, Pair* target) const {
        const RunShape shape{count, 1, (count + 1) / 2};
        for (std::int64_t chunk = 0; chunk < shape.chunks(); ++chunk) {
            for (std::int64_t q = outputs.begin; q < outputs.end; q += bfloat16_filters) {
                const FilterColumns columns{source + first * a.outputs + q, a.outputs,
                                            smaller(bfloat16_filters, outputs.end - q), shape};
                Pair* place = target + (q - outputs.begin) * shape.chunks() * chunk_pairs +
                              chunk * weight_chunk;
                columns.prefetch_chunk(chunk + 1);
                columns.write_chunk(chunk, place);
                if (order == ChunkOrder::filter_by_filter) transpose_chunk(place);
            }
        }
    }

    // Weights [output][input].
    void write_rows(Span outputs, std::int64_t first, std::int64_t count, Pair* target) const {
        const std::int64_t block = dense_chunks(count) * weight_chunk;
        for (std::int64_t o = outputs.begin; o < outputs.end; ++o) {
            const std::int64_t k = o - outputs.begin;
            FilterRow row(target + k / bfloat16_filters * block +
                          k % bfloat16_filters * chunk_pairs);
            row.append(source + o * a.inputs + first, count);
            row.finish();
        }
        const std::int64_t blocks =
            (outputs.end - outputs.begin + bfloat16_filters - 1) / bfloat16_filters;
        for (Pair* chunk = target;
             order == ChunkOrder::pair_by_pair && chunk < target + blocks * block;
             chunk += weight_chunk) {
            transpose_chunk(chunk);
        }
    }
};

// Weights in the order in which they are multiplied.
struct PairedWeights {
    const Pair* first;
    std::int64_t stride;  // from sixteen outputs to the next
};

// Those of a strip for `count` inputs from `first` on.
template <ChunkOrder order>
inline PairedWeights dense_weights(const Call& call, Span strip, std::int64_t first,
                                   std::int64_t count) {
    const auto& a = arguments<DenseBfloat16Arguments>(call);
    if (a.packed) {
        const std::int64_t stride = dense_chunks(a.inputs) * weight_chunk;
        const auto* packed = reinterpret_cast<const Pair*>(call.operands[1]);
        return {packed + strip.begin / bfloat16_filters * stride +
                    first / (2 * chunk_pairs) * weight_chunk,
                stride};
    }
    auto* workspace = reinterpret_cast<Pair*>(call.operands[5]);
    DenseWeights<order>{a, call.operands[1]}.write(strip, first, count, workspace);
    return {workspace, dense_chunks(count) * weight_chunk};
}

// Inputs of a section: sums wait for the next one in the output, where it is not rounded.
inline std::int64_t dense_section_of(const DenseBfloat16Arguments& a) {
    return a.rounded_output ? a.inputs : smaller(a.inputs, dense_section);
}

// Sums [block][output][lane] of the products of a section.
struct DenseProducts {
    const Pair* weights;         // [sixteen outputs][chunk][output and pair]
    std::int64_t weight_stride;  // from sixteen outputs to the next
    const Pair* inputs;          // of the first block, [chunk][pair][lane]
    std::int64_t chunks;
    std::int64_t blocks;
    std::int64_t stride;  // from a block to the next
    float* output;        // of the first block, first output of the piece
    std::int64_t outputs;
    bool first;  // of the sections: sums begin
    bool last;
    bool rounded;       // the sums of the only one are stored so
    Epilogue epilogue;  // of the last one

    // Results of `count` outputs, an even number of them where they are rounded.
    void store(const float* results, std::int64_t count, float* target) const {
        if (rounded) {
            auto* pairs = reinterpret_cast<Pair*>(target);
            for (std::int64_t k = 0; k < count * lanes; k += 2 * lanes, pairs += lanes) {
                store_pairs(results + k, results + k + lanes, pairs);
            }
            return;
        }
        for (std::int64_t k = 0; k < count * lanes; k += Vector::width) {
            Vector::load(results + k).store(target + k);
        }
    }

    const Pair* weights_of(std::int64_t q) const {
        return weights + q / bfloat16_filters * weight_stride;
    }
    const Pair* inputs_of(std::int64_t block) const { return inputs + block * stride; }
    float* sums_of(std::int64_t block, std::int64_t q) const {
        return output + block * stride + q * (rounded ? lanes / 2 : lanes);
    }
};

// Calls products(DenseProducts) for pieces of the result over all blocks of the batch. Operands:
// pairs of inputs of the first block, weights [input][output], bias or null, factors or null, first
// block of the output, and, unless the weights are packed, a workspace. Transposed, the weights are
// [output][input]. Pieces are `dense_bfloat16_piece` outputs each.
template <ChunkOrder order, class Products>
inline void dense_products_of_batch(const Call& call, const Products& products) {
    constexpr std::int64_t size = dense_bfloat16_piece;
    const auto& a = arguments<DenseBfloat16Arguments>(call);
    const std::int64_t stride = call.step->batch_stride;
    const std::int64_t blocks = (call.step->batch + lanes - 1) / lanes;
    const Span outputs{call.begin * size, smaller(call.end * size, a.outputs)};
    const auto* inputs = reinterpret_cast<const Pair*>(call.operands[0]);
    const std::int64_t section = dense_section_of(a);
    const std::int64_t output_size = a.rounded_output ? lanes / 2 : lanes;
    for (std::int64_t k = 0; k < a.inputs; k += section) {
        const std::int64_t count = smaller(section, a.inputs - k);
        const std::int64_t chunks = dense_chunks(count);
        for (std::int64_t strip = outputs.begin; strip < outputs.end; strip += dense_strip) {
            const Span together{strip, smaller(strip + dense_strip, outputs.end)};
            const PairedWeights weights = dense_weights<order>(call, together, k, count);
            for (std::int64_t o = strip; o < together.end; o += size) {
                products(
                    {weights.first + (o - strip) / bfloat16_filters * weights.stride,
                     weights.stride, inputs + k / 2 * lanes, chunks, blocks, stride,
                     call.operands[4] + o * output_size, smaller(size, together.end - o), k == 0,
                     k + count == a.inputs, a.rounded_output != 0,
                     epilogue_of(call.operands[2], o, a.activation, a.slope, call.operands[3])});
            }
        }
    }
    for (std::int64_t block = 0; block < blocks && !a.rounded_output; ++block) {
        activate_row(call.operands[4] + block * stride + outputs.begin * lanes,
                     outputs.end - outputs.begin, a.activation);
    }
}

}  // namespace kernelet::KERNELET_ISA
