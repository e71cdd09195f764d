// Filters in the order in which bfloat16 kernels multiply them: block of filters by block, chunk by
// chunk. A chunk is sixteen filters × sixteen pairs.
#pragma once

#include "kernels/bfloat16/reduction.h"
#include "kernels/tile.h"
#include "simd/transpose.h"

namespace kernelet::KERNELET_ISA {

// What lies side by side in a chunk.
enum class ChunkOrder { filter_by_filter, pair_by_pair };

inline void transpose_chunk(Pair* chunk) {
    if constexpr (Vector::width == chunk_pairs) {
        Vector rows[chunk_pairs];
        for (std::int64_t k = 0; k < chunk_pairs; ++k) {
            rows[k] = from_bits(IntVector::load(chunk + k * chunk_pairs));
        }
        transpose(rows);
        for (std::int64_t k = 0; k < chunk_pairs; ++k) {
            bits_of(rows[k]).store(chunk + k * chunk_pairs);
        }
    } else {
        for (std::int64_t k = 0; k < chunk_pairs; ++k) {
            for (std::int64_t j = 0; j < k; ++j) {
                const Pair lower = chunk[k * chunk_pairs + j];
                chunk[k * chunk_pairs + j] = chunk[j * chunk_pairs + k];
                chunk[j * chunk_pairs + k] = lower;
            }
        }
    }
}

// The filters of a block where they lie side by side: weights [element][filter].
struct FilterColumns {
    const float* first;
    std::int64_t stride;  // floats from an element to the next
    std::int64_t filters;
    const RunShape& shape;

    // One chunk, pair by pair.
    void write_chunk(std::int64_t chunk, Pair* target) const {
        std::int64_t run = chunk * chunk_pairs / shape.slots;
        std::int64_t pair = chunk * chunk_pairs % shape.slots;
        for (std::int64_t k = 0; k < chunk_pairs; ++k) {
            write_pair(run, pair, target + k * bfloat16_filters);
            if (++pair == shape.slots) {
                pair = 0;
                ++run;
            }
        }
    }

    // Of a single run: the elements of a chunk, a cache line each.
    void prefetch_chunk(std::int64_t chunk) const {
        const std::int64_t begin = chunk * 2 * chunk_pairs;
        const std::int64_t end = smaller(begin + 2 * chunk_pairs, shape.elements);
        for (std::int64_t k = begin; k < end; ++k) __builtin_prefetch(first + k * stride, 0, 2);
    }

  private:
    void write_pair(std::int64_t run, std::int64_t pair, Pair* target) const {
        if (run >= shape.runs || pair >= shape.pairs()) {
            clear_pairs(target, bfloat16_filters);
            return;
        }
        const float* element = first + (run * shape.elements + 2 * pair) * stride;
        const bool both = 2 * pair + 1 < shape.elements;
        for (std::int64_t f = 0; f < bfloat16_filters; f += Vector::width) {
            const int count = static_cast<int>(larger(0, smaller(Vector::width, filters - f)));
            const Vector second = both ? load_some(element + stride + f, count) : Vector::zero();
            pairs_of(load_some(element + f, count), second).store(target + f);
        }
    }
};

// Writes one filter to its rows of chunks that are laid out filter by filter. Numbers wait until
// they are enough for a row.
class FilterRow {
  public:
    explicit FilterRow(Pair* row) : row_(row) {}

    void append(const float* numbers, std::int64_t count) {
        while (count > 0) {
            std::int64_t taken = most;
            if (held_ == 0 && count >= most) {
                write(numbers);
            } else {
                taken = smaller(most - held_, count);
                hold(numbers, taken);
            }
            numbers += taken;
            count -= taken;
        }
    }

    void append_zeros(std::int64_t count) {
        for (; count > 0; count -= lanes) {
            append(no_numbers, smaller(lanes, count));
        }
    }

    // Fills up the last row.
    void finish() { append_zeros((most - held_) % most); }

  private:
    static constexpr std::int64_t most = 2 * chunk_pairs;

    void hold(const float* numbers, std::int64_t count) {
        for (std::int64_t k = 0; k < count; k += Vector::width) {
            const int some = static_cast<int>(smaller(Vector::width, count - k));
            store_some(load_some(numbers + k, some), numbers_ + held_ + k, some);
        }
        held_ += count;
        if (held_ == most) {
            write(numbers_);
            held_ = 0;
        }
    }

    void write(const float* numbers) {
        store_neighbours(numbers, row_);
        store_neighbours(numbers + lanes, row_ + cell_pairs);
        row_ += weight_chunk;
    }

    Pair* row_;
    std::int64_t held_ = 0;
    alignas(64) float numbers_[most];
};

// Filters [tap][channel][filter] of one group. Rotated, as the gradient by the input needs them,
// the taps come in reverse order and channels and filters change places.
template <ChunkOrder order>
struct PairedFilters {
    const PackFiltersBfloat16Arguments& a;
    const float* source;
    Pair* target;
    RunShape shape;

    PairedFilters(const PackFiltersBfloat16Arguments& arguments, const float* filters, Pair* packed,
                  std::int64_t group)
        : a(arguments),
          source(filters + group * a.filters),
          target(packed),
          shape{a.run_taps * inputs(), a.taps / a.run_taps, a.run_slots} {
        target += group * shape.size(outputs());
    }

    std::int64_t inputs() const { return a.rotated ? a.filters : a.channels; }
    std::int64_t outputs() const { return a.rotated ? a.channels : a.filters; }

    // Outputs from a whole block on.
    void pack(std::int64_t begin, std::int64_t end) const {
        if (a.rotated) {
            for (std::int64_t q = begin; q < end; q += bfloat16_filters) {
                pack_rotated(q, smaller(bfloat16_filters, end - q));
            }
            return;
        }
        // All blocks find the elements of a chunk in the cache.
        for (std::int64_t chunk = 0; chunk < shape.chunks(); ++chunk) {
            for (std::int64_t q = begin; q < end; q += bfloat16_filters) {
                const FilterColumns columns{source + q, total(), smaller(bfloat16_filters, end - q),
                                            shape};
                Pair* place = block(q) + chunk * weight_chunk;
                columns.write_chunk(chunk, place);
                if (order == ChunkOrder::filter_by_filter) transpose_chunk(place);
            }
        }
    }

  private:
    std::int64_t total() const { return a.filters * a.groups; }
    Pair* block(std::int64_t output) const {
        return target + output / bfloat16_filters * shape.block_size();
    }

    void pack_rotated(std::int64_t q, std::int64_t count) const {
        for (std::int64_t o = 0; o < count; ++o) {
            pack_output(q + o, block(q) + o * chunk_pairs);
        }
        for (std::int64_t chunk = 0; chunk < shape.chunks(); ++chunk) {
            Pair* place = block(q) + chunk * weight_chunk;
            clear_pairs(place + count * chunk_pairs, (bfloat16_filters - count) * chunk_pairs);
            if (order == ChunkOrder::pair_by_pair) transpose_chunk(place);
        }
    }

    void pack_output(std::int64_t output, Pair* place) const {
        FilterRow row(place);
        const std::int64_t tap_size = a.channels * total();
        const float* tap = source + (a.taps - 1) * tap_size + output * total();
        for (std::int64_t run = 0; run < shape.runs; ++run) {
            for (std::int64_t k = 0; k < a.run_taps; ++k, tap -= tap_size) {
                row.append(tap, inputs());
            }
            row.append_zeros(2 * shape.slots - shape.elements);
        }
        row.finish();
    }
};

// Operands: filters [tap][channel][filter], packed filters [group][block of filters][chunk]. Pieces
// are `pack_filters_bfloat16_piece` outputs of a group each.
template <ChunkOrder order>
inline void pack_paired_filters(const Call& call) {
    static_assert(pack_filters_bfloat16_piece % bfloat16_filters == 0);
    constexpr std::int64_t size = pack_filters_bfloat16_piece;
    const auto& a = arguments<PackFiltersBfloat16Arguments>(call);
    const std::int64_t outputs = a.rotated ? a.channels : a.filters;
    const std::int64_t pieces = (outputs + size - 1) / size;
    for (std::int64_t piece = call.begin; piece < call.end; ++piece) {
        const std::int64_t begin = piece % pieces * size;
        PairedFilters<order>(a, call.operands[0], reinterpret_cast<Pair*>(call.operands[1]),
                             piece / pieces)
            .pack(begin, smaller(begin + size, outputs));
    }
}

// For single samples every family takes filters as the second operand of tiles, whose rows are
// pairs.
inline void pack_filters_single_bfloat16(const Call& call) {
    pack_paired_filters<ChunkOrder::pair_by_pair>(call);
}

}  // namespace kernelet::KERNELET_ISA
