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

// C channels of y = activation((x − mean) · multiplier + offset).
template <int C>
inline void normalize_tile(const float* x, float* y, std::int64_t cells, std::int64_t stride,
                           const Vector (&mean)[C], const Vector (&multiplier)[C],
                           const Vector (&offset)[C], Activation activation, float slope) {
    for (std::int64_t cell = 0; cell < cells; ++cell, x += stride, y += stride) {
        for (int c = 0; c < C; ++c) {
            for (std::int64_t at = c * lanes; at < (c + 1) * lanes; at += Vector::width) {
                const Vector value = fma(Vector::load(x + at) - mean[c], multiplier[c], offset[c]);
                activate_sum(value, activation, slope).store(y + at);
            }
        }
    }
}

// Operands: x, mean, variance, gamma if `scale`, beta if `center`, y; absent ones follow.
inline void normalize(const Call& call) {
    const auto& a = arguments<NormalizeArguments>(call);
    const float* gamma = a.scale ? call.operands[3] : nullptr;
    const float* beta = a.center ? call.operands[3 + a.scale] : nullptr;
    float* y = call.operands[3 + a.scale + a.center];
    for_channel_tiles(a.channels, [&]<int C>(std::int64_t first) {
        Vector mean[C];
        Vector multiplier[C];
        Vector offset[C];
        for (int c = 0; c < C; ++c) {
            mean[c] = Vector::broadcast_from(call.operands[1] + first + c);
            multiplier[c] = inverse_deviation(call.operands[2] + first + c, a.epsilon);
            if (gamma) {
                multiplier[c] = multiplier[c] * Vector::broadcast_from(gamma + first + c);
            }
            offset[c] = beta ? Vector::broadcast_from(beta + first + c) : Vector::zero();
        }
        normalize_tile<C>(call.operands[0] + first * lanes, y + first * lanes, a.cells,
                          a.channels * lanes, mean, multiplier, offset,
                          static_cast<Activation>(a.activation), static_cast<float>(a.slope));
    });
    activate_row(y, a.cells * a.channels, a.activation);
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

// For each of C channels: ∂x = multiplier · (upstream − shift − (x − mean) · slope).
template <int C>
struct NormalizationGradient {
    Vector mean[C];
    Vector multiplier[C];
    Vector shift[C];
    Vector slope[C];

    KERNELET_INLINE Vector of(int c, Vector upstream, Vector x) const {
        return multiplier[c] * (upstream - fma(x - mean[c], slope[c], shift[c]));
    }
};

template <int C>
inline void normalize_gradient_tile(const Call& call, const float* upstream, const float* x,
                                    float* gradient, std::int64_t cells, std::int64_t stride,
                                    const NormalizationGradient<C>& rule) {
    for (std::int64_t cell = 0; cell < cells; ++cell) {
        for (int c = 0; c < C; ++c) {
            for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                const std::int64_t at = cell * stride + c * lanes + lane;
                const Vector value = rule.of(c, Vector::load(upstream + at), Vector::load(x + at));
                zero_past_batch(call, lane, value).store(gradient + at);
            }
        }
    }
}

// Operands: upstream gradient, x, mean, variance, sum of upstream, sum of upstream × normalised x,
// gamma if `scale`, gradient; an absent one follows.
inline void normalize_gradient(const Call& call) {
    const auto& a = arguments<NormalizationArguments>(call);
    const float* gamma = a.scale ? call.operands[6] : nullptr;
    float* gradient = call.operands[6 + a.scale];
    const Vector share = Vector::broadcast(1.0F / numbers_of_channel(call, a.cells));
    for_channel_tiles(a.channels, [&]<int C>(std::int64_t first) {
        NormalizationGradient<C> rule;
        for (int c = 0; c < C; ++c) {
            const Vector inverse = inverse_deviation(call.operands[3] + first + c, a.epsilon);
            rule.mean[c] = Vector::broadcast_from(call.operands[2] + first + c);
            rule.shift[c] = share * Vector::broadcast_from(call.operands[4] + first + c);
            rule.slope[c] = share * inverse * Vector::broadcast_from(call.operands[5] + first + c);
            rule.multiplier[c] =
                gamma ? inverse * Vector::broadcast_from(gamma + first + c) : inverse;
        }
        normalize_gradient_tile<C>(call, call.operands[0] + first * lanes,
                                   call.operands[1] + first * lanes, gradient + first * lanes,
                                   a.cells, a.channels * lanes, rule);
    });
}

// Operands: upstream gradient, variance, gamma if `scale`, gradient; an absent one follows.
inline void normalize_fixed_gradient(const Call& call) {
    const auto& a = arguments<NormalizationArguments>(call);
    const float* gamma = a.scale ? call.operands[2] : nullptr;
    float* gradient = call.operands[2 + a.scale];
    for_channel_tiles(a.channels, [&]<int C>(std::int64_t first) {
        Vector mean[C];
        Vector multiplier[C];
        Vector offset[C];
        for (int c = 0; c < C; ++c) {
            const Vector inverse = inverse_deviation(call.operands[1] + first + c, a.epsilon);
            multiplier[c] = gamma ? inverse * Vector::broadcast_from(gamma + first + c) : inverse;
            mean[c] = Vector::zero();
            offset[c] = Vector::zero();
        }
        normalize_tile<C>(call.operands[0] + first * lanes, gradient + first * lanes, a.cells,
                          a.channels * lanes, mean, multiplier, offset, Activation::linear, 0.0F);
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
