// What optimizers do to gradients and parameters, over ranges of flat arrays. The formulas are
// those of ops/updates.py. Outputs may lie in the inputs' own memory.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

KERNELET_INLINE Vector broadcast(double number) {
    return Vector::broadcast(static_cast<float>(number));
}

// What weight decay leaves of a parameter.
KERNELET_INLINE Vector decay_factor(const Call& call, double weight_decay) {
    return broadcast(1.0 - static_cast<double>(call.step->learning_rate) * weight_decay);
}

// Operands: parameter, gradient, new parameter.
inline void sgd_update(const Call& call) {
    const auto& a = arguments<SGDArguments>(call);
    const Vector decay = decay_factor(call, a.weight_decay);
    const Vector rate = Vector::broadcast(call.step->learning_rate);
    for (std::int64_t k = call.begin; k < call.end; k += Vector::width) {
        const Vector decayed = decay * Vector::load(call.operands[0] + k);
        fnma(rate, Vector::load(call.operands[1] + k), decayed).store(call.operands[2] + k);
    }
}

// Operands: parameter, gradient, velocity, new parameter, new velocity.
inline void momentum_update(const Call& call) {
    const auto& a = arguments<SGDArguments>(call);
    const Vector decay = decay_factor(call, a.weight_decay);
    const Vector rate = Vector::broadcast(call.step->learning_rate);
    const Vector momentum = broadcast(a.momentum);
    for (std::int64_t k = call.begin; k < call.end; k += Vector::width) {
        const Vector step = rate * Vector::load(call.operands[1] + k);
        const Vector velocity = momentum * Vector::load(call.operands[2] + k) - step;
        const Vector moved = a.nesterov ? momentum * velocity - step : velocity;
        fma(decay, Vector::load(call.operands[0] + k), moved).store(call.operands[3] + k);
        velocity.store(call.operands[4] + k);
    }
}

// base^exponent by repeated squaring.
KERNELET_INLINE double power(double base, std::int64_t exponent) {
    double result = 1.0;
    for (; exponent > 0; exponent >>= 1) {
        result = (exponent & 1) != 0 ? result * base : result;
        base = base * base;
    }
    return result;
}

// Operands: parameter, gradient, m, v, new parameter, new m, new v.
inline void adam_update(const Call& call) {
    const auto& a = arguments<AdamArguments>(call);
    const std::int64_t number = call.step->number;
    const Vector rate = Vector::broadcast(call.step->learning_rate) *
                        sqrt(broadcast(1.0 - power(a.beta_2, number))) /
                        broadcast(1.0 - power(a.beta_1, number));
    const Vector decay = decay_factor(call, a.weight_decay);
    const Vector epsilon = broadcast(a.epsilon);
    const Vector enters_m = broadcast(1.0 - a.beta_1);
    const Vector enters_v = broadcast(1.0 - a.beta_2);
    for (std::int64_t k = call.begin; k < call.end; k += Vector::width) {
        const Vector gradient = Vector::load(call.operands[1] + k);
        const Vector old_m = Vector::load(call.operands[2] + k);
        const Vector old_v = Vector::load(call.operands[3] + k);
        const Vector m = fma(enters_m, gradient - old_m, old_m);
        const Vector v = fma(enters_v, gradient * gradient - old_v, old_v);
        const Vector move = rate * m / (sqrt(v) + epsilon);
        (decay * Vector::load(call.operands[0] + k) - move).store(call.operands[4] + k);
        m.store(call.operands[5] + k);
        v.store(call.operands[6] + k);
    }
}

// Operands: gradient, norm, clipped gradient. A norm that is NaN makes the gradient NaN.
inline void clip_by_norm(const Call& call) {
    const Vector limit = broadcast(arguments<LimitArguments>(call).limit);
    const Vector scale = limit / max(limit, Vector::broadcast_from(call.operands[1]));
    for (std::int64_t k = call.begin; k < call.end; k += Vector::width) {
        (scale * Vector::load(call.operands[0] + k)).store(call.operands[2] + k);
    }
}

// Operands: gradient, clipped gradient. NaN stays NaN.
inline void clip_by_value(const Call& call) {
    const Vector limit = broadcast(arguments<LimitArguments>(call).limit);
    for (std::int64_t k = call.begin; k < call.end; k += Vector::width) {
        min(limit, max(-limit, Vector::load(call.operands[0] + k))).store(call.operands[1] + k);
    }
}

KERNELET_INLINE float sum_of_squares(const float* elements, std::int64_t count) {
    Vector sum = Vector::zero();
    for (std::int64_t k = 0; k < count; k += Vector::width) {
        const Vector element = Vector::load(elements + k);
        sum = fma(element, element, sum);
    }
    return reduce_add(sum);
}

// Operands: gradient, padded with zeros to a multiple of `alignment`, and the sums of the squares
// of its runs. Elements are runs.
inline void square_sums(const Call& call) {
    const auto& a = arguments<SquaresArguments>(call);
    for (std::int64_t k = call.begin; k < smaller(call.end, (a.size + a.run - 1) / a.run); ++k) {
        call.operands[1][k] =
            sum_of_squares(call.operands[0] + k * a.run, smaller(a.run, a.size - k * a.run));
    }
}

// Operands: those sums of one or more gradients, the norm of all, and a row of how many sums each
// has. A task.
inline void global_norm(const Call& call) {
    const std::int64_t gradients = call.operand_count - 2;
    const float* counts = call.operands[gradients + 1];
    double total = 0.0;
    for (std::int64_t k = 0; k < gradients; ++k) {
        double squares = 0.0;
        for (std::int64_t run = 0; run < static_cast<std::int64_t>(counts[k]); ++run) {
            squares += static_cast<double>(call.operands[k][run]);
        }
        total += squares;
    }
    sqrt(broadcast(total)).store_partial(call.operands[gradients], 1);
}

}  // namespace kernelet::KERNELET_ISA
