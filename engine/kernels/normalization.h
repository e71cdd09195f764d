// Normalisation by the mean and variance of each channel. The formulas are those of
// ops/normalization.py.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/pointwise.h"
#include "kernels/reduction.h"
#include "kernels/tile.h"
#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

// How many numbers the statistics of a channel are made of.
KERNELET_INLINE float numbers_of_channel(const Call& call, std::int64_t cells) {
    return static_cast<float>(call.step->batch * cells);
}

// Operands: x, partial sum of the mean.
inline void channel_mean(const Call& call) {
    const auto& a = arguments<ChannelsArguments>(call);
    const float* x = call.operands[0];
    const float count = numbers_of_channel(call, a.cells);
    channel_sums(
        call, a.cells, a.channels, call.operands[1],
        [=](Vector sum, std::int64_t at, std::int64_t) { return sum + Vector::load(x + at); },
        [=](float total, std::int64_t) { return total / count; });
}

// Operands: x, mean, partial sum of the variance.
inline void channel_variance(const Call& call) {
    const auto& a = arguments<ChannelsArguments>(call);
    const float* x = call.operands[0];
    const float* mean = call.operands[1];
    const float count = numbers_of_channel(call, a.cells);
    channel_sums(
        call, a.cells, a.channels, call.operands[2],
        [=](Vector sum, std::int64_t at, std::int64_t channel) {
            const Vector distance = Vector::load(x + at) - Vector::broadcast_from(mean + channel);
            return fma(distance, distance, sum);
        },
        [=](float total, std::int64_t) { return total / count; });
}

KERNELET_INLINE Vector inverse_deviation(Vector variance, double epsilon) {
    return Vector::broadcast(1.0F) /
           sqrt(variance + Vector::broadcast(static_cast<float>(epsilon)));
}

KERNELET_INLINE Vector inverse_deviation(const float* variance, double epsilon) {
    return inverse_deviation(Vector::broadcast_from(variance), epsilon);
}

// Operands: upstream gradient, x, mean, variance, partial sum of upstream × normalised x.
inline void normalized_product_sum(const Call& call) {
    const auto& a = arguments<NormalizationArguments>(call);
    const float* upstream = call.operands[0];
    const float* x = call.operands[1];
    const float* mean = call.operands[2];
    const float* variance = call.operands[3];
    channel_sums(
        call, a.cells, a.channels, call.operands[4],
        [=](Vector sum, std::int64_t at, std::int64_t channel) {
            const Vector distance = Vector::load(x + at) - Vector::broadcast_from(mean + channel);
            return fma(Vector::load(upstream + at), distance, sum);
        },
        [=, &a](float total, std::int64_t channel) {
            float inverse;
            inverse_deviation(variance + channel, a.epsilon).store_partial(&inverse, 1);
            return total * inverse;
        });
}

// Channels whose constants stay in the first-level cache while cells pass by. What is written is
// written in the order of memory, in long runs: by eight channels at a time, whose constants stay
// in registers, it took twice as long.
inline constexpr std::int64_t channels_together = 64;

// Calls body(first channel, number of channels) for all channels.
template <class Body>
KERNELET_INLINE void for_channel_runs(std::int64_t channels, const Body& body) {
    for (std::int64_t first = 0; first < channels; first += channels_together) {
        body(first, smaller(channels_together, channels - first));
    }
}

// What a normalization does to each of some channels: y = activation((x − mean) · multiplier +
// offset).
struct ChannelScales {
    float mean[channels_together];
    float multiplier[channels_together];
    float offset[channels_together];
};

// Some channels of all cells.
inline void normalize_run(const float* x, float* y, std::int64_t cells, std::int64_t stride,
                          std::int64_t count, const ChannelScales& scales, Activation activation,
                          float slope) {
    for (std::int64_t cell = 0; cell < cells; ++cell, x += stride, y += stride) {
        for (std::int64_t c = 0; c < count; ++c) {
            const Vector mean = Vector::broadcast_from(scales.mean + c);
            const Vector multiplier = Vector::broadcast_from(scales.multiplier + c);
            const Vector offset = Vector::broadcast_from(scales.offset + c);
            for (std::int64_t at = c * lanes; at < (c + 1) * lanes; at += Vector::width) {
                const Vector value = fma(Vector::load(x + at) - mean, multiplier, offset);
                activate_sum(value, activation, slope).store(y + at);
            }
        }
    }
}

// The multipliers of `count` channels from one on; gamma may be null.
inline void find_multipliers(const float* variance, const float* gamma, std::int64_t first,
                             std::int64_t count, double epsilon, float* multipliers) {
    for (std::int64_t c = 0; c < count; ++c) {
        Vector multiplier = inverse_deviation(variance + first + c, epsilon);
        if (gamma) multiplier = multiplier * Vector::broadcast_from(gamma + first + c);
        multiplier.store_partial(multipliers + c, 1);
    }
}

// Operands: x, mean, variance, gamma if `scale`, beta if `center`, y; absent ones follow. Pieces
// are cells.
inline void normalize(const Call& call) {
    const auto& a = arguments<NormalizeArguments>(call);
    const float* gamma = a.scale ? call.operands[3] : nullptr;
    const float* beta = a.center ? call.operands[3 + a.scale] : nullptr;
    const std::int64_t cells = call.end - call.begin;
    const std::int64_t begin = call.begin * a.channels * lanes;
    const float* x = call.operands[0] + begin;
    float* y = call.operands[3 + a.scale + a.center] + begin;
    for_channel_runs(a.channels, [&](std::int64_t first, std::int64_t count) {
        ChannelScales scales;
        find_multipliers(call.operands[2], gamma, first, count, a.epsilon, scales.multiplier);
        for (std::int64_t c = 0; c < count; ++c) {
            scales.mean[c] = call.operands[1][first + c];
            scales.offset[c] = beta ? beta[first + c] : 0.0F;
        }
        normalize_run(x + first * lanes, y + first * lanes, cells, a.channels * lanes, count,
                      scales, static_cast<Activation>(a.activation), static_cast<float>(a.slope));
    });
    activate_row(y, cells * a.channels, a.activation);
}

// What a normalisation by fixed statistics comes to behind a product's sums: sum · factor + offset.
// Operands: mean, variance, gamma, beta and the product's bias or null, factors, offsets.
inline void normalization_factors(const Call& call) {
    const auto& a = arguments<NormalizationFactorsArguments>(call);
    const Vector epsilon = Vector::broadcast(static_cast<float>(a.epsilon));
    for (std::int64_t c = 0; c < a.size; c += Vector::width) {
        const int count = static_cast<int>(smaller(Vector::width, a.size - c));
        const auto load = [&](int operand, Vector absent) {
            const float* numbers = call.operands[operand];
            return numbers ? Vector::load_partial(numbers + c, count) : absent;
        };
        const Vector mean = load(0, Vector::zero());
        const Vector deviation = sqrt(load(1, Vector::zero()) + epsilon);
        const Vector factor = load(2, Vector::broadcast(1.0F)) / deviation;
        const Vector beta = load(3, Vector::zero());
        const Vector bias = load(4, Vector::zero());
        factor.store_partial(call.operands[5] + c, count);
        fma(bias - mean, factor, beta).store_partial(call.operands[6] + c, count);
    }
}

// For each of some channels: ∂x = multiplier · (upstream − shift − (x − mean) · slope).
struct NormalizationGradient {
    float mean[channels_together];
    float multiplier[channels_together];
    float shift[channels_together];
    float slope[channels_together];

    KERNELET_INLINE Vector of(std::int64_t c, Vector upstream, Vector x) const {
        const Vector distance = x - Vector::broadcast_from(mean + c);
        const Vector expected =
            fma(distance, Vector::broadcast_from(slope + c), Vector::broadcast_from(shift + c));
        return Vector::broadcast_from(multiplier + c) * (upstream - expected);
    }
};

inline void normalize_gradient_run(const Call& call, std::int64_t first, std::int64_t count,
                                   const NormalizationGradient& rule, float* gradient) {
    const auto& a = arguments<NormalizationArguments>(call);
    for (std::int64_t cell = call.begin; cell < call.end; ++cell) {
        const std::int64_t offset = (cell * a.channels + first) * lanes;
        for (std::int64_t c = 0; c < count; ++c) {
            for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                const std::int64_t at = offset + c * lanes + lane;
                const Vector value = rule.of(c, Vector::load(call.operands[0] + at),
                                             Vector::load(call.operands[1] + at));
                zero_past_batch(call, lane, value).store(gradient + at);
            }
        }
    }
}

// Operands: upstream gradient, x, mean, variance, sum of upstream, sum of upstream × normalised x,
// gamma if `scale`, gradient; an absent one follows. Pieces are cells.
inline void normalize_gradient(const Call& call) {
    const auto& a = arguments<NormalizationArguments>(call);
    const float* gamma = a.scale ? call.operands[6] : nullptr;
    const float share = 1.0F / numbers_of_channel(call, a.cells);
    for_channel_runs(a.channels, [&](std::int64_t first, std::int64_t count) {
        NormalizationGradient rule;
        find_multipliers(call.operands[3], nullptr, first, count, a.epsilon, rule.slope);
        find_multipliers(call.operands[3], gamma, first, count, a.epsilon, rule.multiplier);
        for (std::int64_t c = 0; c < count; ++c) {
            rule.mean[c] = call.operands[2][first + c];
            rule.shift[c] = share * call.operands[4][first + c];
            rule.slope[c] = share * rule.slope[c] * call.operands[5][first + c];
        }
        normalize_gradient_run(call, first, count, rule, call.operands[6 + a.scale]);
    });
}

// Operands: upstream gradient, variance, gamma if `scale`, gradient; an absent one follows. Pieces
// are cells.
inline void normalize_fixed_gradient(const Call& call) {
    const auto& a = arguments<NormalizationArguments>(call);
    const float* gamma = a.scale ? call.operands[2] : nullptr;
    const std::int64_t begin = call.begin * a.channels * lanes;
    const float* upstream = call.operands[0] + begin;
    float* gradient = call.operands[2 + a.scale] + begin;
    for_channel_runs(a.channels, [&](std::int64_t first, std::int64_t count) {
        ChannelScales scales{};
        find_multipliers(call.operands[1], gamma, first, count, a.epsilon, scales.multiplier);
        normalize_run(upstream + first * lanes, gradient + first * lanes, call.end - call.begin,
                      a.channels * lanes, count, scales, Activation::linear, 0.0F);
    });
}

// Operands: running value, current value, new running value.
inline void moving_average(const Call& call) {
    const auto& a = arguments<AverageArguments>(call);
    const Vector stays = Vector::broadcast(static_cast<float>(a.momentum));
    const Vector enters = Vector::broadcast(static_cast<float>(1.0 - a.momentum));
    for (std::int64_t k = call.begin; k < call.end; k += Vector::width) {
        const Vector running = stays * Vector::load(call.operands[0] + k);
        fma(enters, Vector::load(call.operands[1] + k), running).store(call.operands[2] + k);
    }
}

}  // namespace kernelet::KERNELET_ISA
