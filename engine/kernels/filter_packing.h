// Filters as convolutions and dense products of blocks of samples read them.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/tile.h"
#include "simd/transpose.h"

namespace kernelet::KERNELET_ISA {

static_assert(pack_filters_piece % filter_block == 0);

// Filters [tap][channel][filter] of one group. Transposed, the filters' channels are the outputs.
struct FilterSource {
    const float* first;
    std::int64_t taps;
    std::int64_t inputs;
    std::int64_t tap_stride;
    std::int64_t input_stride;
    std::int64_t output_stride;

    // Outputs [begin, end) to blocks [tap][input][output]. A few inputs are taken at a time, so
    // that all blocks find them in the cache.
    void pack(std::int64_t begin, std::int64_t end, float* packed) const {
        for (std::int64_t tap = 0; tap < taps; ++tap) {
            for (std::int64_t k = 0; k < inputs; k += lanes) {
                for (std::int64_t q = begin; q < end; q += filter_block) {
                    const std::int64_t block = smaller(filter_block, end - q);
                    pack_inputs(tap, k, q, block,
                                packed + q * taps * inputs + (tap * inputs + k) * block);
                }
            }
        }
    }

    void pack_inputs(std::int64_t tap, std::int64_t begin, std::int64_t output, std::int64_t block,
                     float* target) const {
        const float* from =
            first + tap * tap_stride + begin * input_stride + output * output_stride;
        const std::int64_t count = smaller(lanes, inputs - begin);
        for (std::int64_t o = 0; o < block; o += Vector::width) {
            const int own = static_cast<int>(smaller(Vector::width, block - o));
            if (output_stride == 1) {
                copy(from + o, count, own, target + o, block);
            } else {
                turn(from + o * output_stride, count, own, target + o, block);
            }
        }
    }

    // `count` inputs of `outputs` outputs that lie side by side.
    void copy(const float* from, std::int64_t count, int outputs, float* target,
              std::int64_t block) const {
        for (std::int64_t k = 0; k < count; ++k) {
            Vector::load_partial(from + k * input_stride, outputs)
                .store_partial(target + k * block, outputs);
        }
    }

    // The same where inputs lie side by side.
    void turn(const float* from, std::int64_t count, int outputs, float* target,
              std::int64_t block) const {
        for (std::int64_t k = 0; k < count; k += Vector::width) {
            const int together = static_cast<int>(smaller(Vector::width, count - k));
            Vector rows[Vector::width];
            for (int o = 0; o < Vector::width; ++o) {
                rows[o] = o < outputs ? Vector::load_partial(from + o * output_stride + k, together)
                                      : Vector::zero();
            }
            transpose(rows);
            for (int n = 0; n < together; ++n) {
                rows[n].store_partial(target + (k + n) * block, outputs);
            }
        }
    }
};

// Filters [tap][channel][filter] to blocks of output channels, [block][tap][input][output], each
// group apart. Transposed, the filters' channels are the outputs, as the input's gradient needs.
// Pieces are `pack_filters_piece` outputs of a group each.
inline void pack_filters(const Call& call) {
    const auto& a = arguments<PackFiltersArguments>(call);
    const std::int64_t total = a.filters * a.groups;
    const std::int64_t outputs = a.transposed ? a.channels : a.filters;
    const std::int64_t chunks = (outputs + pack_filters_piece - 1) / pack_filters_piece;
    for (std::int64_t piece = call.begin; piece < call.end; ++piece) {
        const std::int64_t group = piece / chunks;
        const std::int64_t begin = piece % chunks * pack_filters_piece;
        FilterSource{call.operands[0] + group * a.filters,
                     a.taps,
                     a.transposed ? a.filters : a.channels,
                     a.channels * total,
                     a.transposed ? 1 : total,
                     a.transposed ? total : 1}
            .pack(begin, smaller(begin + pack_filters_piece, outputs),
                  call.operands[1] + group * a.taps * a.channels * a.filters);
    }
}

}  // namespace kernelet::KERNELET_ISA
