// Sums over the batch: what each block adds to its group's partial sum, and adding up the groups.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

// Operands: partial sums of the first group, total. The groups are added in their order, so the
// total has the same bits whichever thread made which partial sum.
inline void sum_partials(const Call& call) {
    const float* partials = call.operands[0];
    float* total = call.operands[1];
    for (std::int64_t k = call.begin; k < call.end; k += Vector::width) {
        Vector sum = Vector::load(partials + k);
        for (std::int64_t group = 1; group < call.step->groups; ++group) {
            sum = sum + Vector::load(partials + group * call.step->partial_stride + k);
        }
        sum.store(total + k);
    }
}

// A vector of samples, those from `lane` on, with zeros in place of those past the batch.
KERNELET_INLINE Vector zero_past_batch(const Call& call, std::int64_t lane, Vector value) {
    const std::int64_t left = call.samples - lane;
    if (left >= Vector::width) {
        return value;
    }
    return select(first_lanes(left > 0 ? static_cast<int>(left) : 0), value, Vector::zero());
}

KERNELET_INLINE void add_to_partial(const Call& call, float* partial, float value) {
    *partial = call.first ? value : *partial + value;
}

// Calls body<C>(first channel) for all channels, as many as registers hold the sums of at once.
template <class Body>
KERNELET_INLINE void for_channel_tiles(std::int64_t channels, const Body& body) {
    constexpr int tile = Vector::registers >= 32 ? 8 : 4;
    std::int64_t channel = 0;
    for (; channel + tile <= channels; channel += tile) {
        body.template operator()<tile>(channel);
    }
    for (; channel < channels; ++channel) {
        body.template operator()<1>(channel);
    }
}

// Adds to the partial sums, one a channel, finish(total, channel), where the total over cells and
// samples is made by add(sum, offset, channel); `offset` is that of a vector in a batched value.
// Pieces are channels.
template <class Add, class Finish>
KERNELET_INLINE void channel_sums(const Call& call, std::int64_t cells, std::int64_t channels,
                                  float* partials, const Add& add, const Finish& finish) {
    const std::int64_t begin = call.begin * channel_sum_piece;
    const std::int64_t end = smaller(call.end * channel_sum_piece, channels);
    for_channel_tiles(end - begin, [&]<int C>(std::int64_t tile) {
        const std::int64_t first = begin + tile;
        float totals[C] = {};
        for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
            Vector sums[C];
            for (int c = 0; c < C; ++c) {
                sums[c] = Vector::zero();
            }
            for (std::int64_t cell = 0; cell < cells; ++cell) {
                const std::int64_t offset = (cell * channels + first) * lanes + lane;
                for (int c = 0; c < C; ++c) {
                    sums[c] = add(sums[c], offset + c * lanes, first + c);
                }
            }
            for (int c = 0; c < C; ++c) {
                totals[c] += reduce_add(zero_past_batch(call, lane, sums[c]));
            }
        }
        for (int c = 0; c < C; ++c) {
            add_to_partial(call, partials + first + c, finish(totals[c], first + c));
        }
    });
}

// Operands: value, weight, partial sum of their weighted mean over the batch.
inline void batch_mean(const Call& call) {
    float total = 0.0F;
    for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
        const Vector product =
            Vector::load(call.operands[0] + lane) * Vector::load(call.operands[1] + lane);
        total += reduce_add(zero_past_batch(call, lane, product));
    }
    add_to_partial(call, call.operands[2], total / static_cast<float>(call.step->batch));
}

// Operands: number, the same number. A task that ends the run where it is infinite or NaN.
inline void require_finite(const Call& call) {
    const float number = call.operands[0][0];
    if (number - number != 0.0F) {
        *call.step->stop = true;
    }
    call.operands[1][0] = number;
}

// Operands: weight, weight divided by the samples of the batch.
inline void sample_share(const Call& call) {
    const Vector batch = Vector::broadcast(static_cast<float>(call.step->batch));
    for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
        const Vector share = Vector::load(call.operands[0] + lane) / batch;
        zero_past_batch(call, lane, share).store(call.operands[1] + lane);
    }
}

}  // namespace kernelet::KERNELET_ISA
