// Losses of blocks of samples, one number a sample, and their gradients by the prediction. The
// formulas are those of ops/losses.py.
//
// Maxima and clipping are ordered so that NaN passes through them: min(a, b) and max(a, b) are b
// where either is NaN.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/reduction.h"
#include "simd/math.h"

namespace kernelet::KERNELET_ISA {

// Probabilities are kept this far from 0 and 1.
inline constexpr float clipping = 1e-7F;

KERNELET_INLINE Vector clip_probability(Vector p) {
    return min(Vector::broadcast(1.0F - clipping), max(Vector::broadcast(clipping), p));
}

// `slope` where clipping leaves p alone or p is NaN, otherwise 0.
KERNELET_INLINE Vector zero_where_clipped(Vector p, Vector slope) {
    return select(mask_or(equal(clip_probability(p), p), is_nan(p)), slope, Vector::zero());
}

// Operands: label, one number a class.
inline void one_hot(const Call& call) {
    const auto& a = arguments<SizeArguments>(call);
    for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
        const Vector label = Vector::load(call.operands[0] + lane);
        for (std::int64_t k = 0; k < a.size; ++k) {
            const Mask here = equal(label, Vector::broadcast(static_cast<float>(k)));
            select(here, Vector::broadcast(1.0F), Vector::zero())
                .store(call.operands[1] + k * lanes + lane);
        }
    }
}

// Largest of the elements; a NaN among them may be passed over, the sums that follow meet it.
KERNELET_INLINE Vector largest(const float* elements, std::int64_t size) {
    Vector most = Vector::load(elements);
    for (std::int64_t k = 1; k < size; ++k) {
        most = max(Vector::load(elements + k * lanes), most);
    }
    return most;
}

KERNELET_INLINE Vector total(const float* elements, std::int64_t size) {
    Vector sum = Vector::zero();
    for (std::int64_t k = 0; k < size; ++k) {
        sum = sum + Vector::load(elements + k * lanes);
    }
    return sum;
}

// Operands: logits, targets, loss.
inline void softmax_cross_entropy(const Call& call) {
    const auto& a = arguments<SizeArguments>(call);
    for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
        const float* logits = call.operands[0] + lane;
        const float* targets = call.operands[1] + lane;
        const Vector most = largest(logits, a.size);
        Vector powers = Vector::zero();
        for (std::int64_t k = 0; k < a.size; ++k) {
            powers = powers + exp(Vector::load(logits + k * lanes) - most);
        }
        const Vector normalizer = log(powers);
        Vector loss = Vector::zero();
        for (std::int64_t k = 0; k < a.size; ++k) {
            const Vector below = Vector::load(logits + k * lanes) - most;
            loss = fma(Vector::load(targets + k * lanes), normalizer - below, loss);
        }
        loss.store(call.operands[2] + lane);
    }
}

// Operands: upstream gradient, logits, targets, gradient.
inline void softmax_cross_entropy_gradient(const Call& call) {
    const auto& a = arguments<SizeArguments>(call);
    for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
        const Vector upstream = Vector::load(call.operands[0] + lane);
        const float* logits = call.operands[1] + lane;
        const float* targets = call.operands[2] + lane;
        float* gradient = call.operands[3] + lane;
        const Vector most = largest(logits, a.size);
        Vector powers = Vector::zero();
        for (std::int64_t k = 0; k < a.size; ++k) {
            const Vector power = exp(Vector::load(logits + k * lanes) - most);
            power.store(gradient + k * lanes);
            powers = powers + power;
        }
        const Vector scale = total(targets, a.size) / powers;
        for (std::int64_t k = 0; k < a.size; ++k) {
            const Vector expected = Vector::load(gradient + k * lanes) * scale;
            const Vector value = upstream * (expected - Vector::load(targets + k * lanes));
            zero_past_batch(call, lane, value).store(gradient + k * lanes);
        }
    }
}

// Operands: probabilities, targets, loss. Past the batch probabilities may add up to 0.
inline void categorical_cross_entropy(const Call& call) {
    const auto& a = arguments<SizeArguments>(call);
    for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
        const float* probabilities = call.operands[0] + lane;
        const float* targets = call.operands[1] + lane;
        const Vector sum = total(probabilities, a.size);
        Vector loss = Vector::zero();
        for (std::int64_t k = 0; k < a.size; ++k) {
            const Vector share = Vector::load(probabilities + k * lanes) / sum;
            loss = fnma(Vector::load(targets + k * lanes), log(clip_probability(share)), loss);
        }
        zero_past_batch(call, lane, loss).store(call.operands[2] + lane);
    }
}

// Operands: upstream gradient, probabilities, targets, gradient.
inline void categorical_cross_entropy_gradient(const Call& call) {
    const auto& a = arguments<SizeArguments>(call);
    for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
        const Vector upstream = Vector::load(call.operands[0] + lane);
        const float* probabilities = call.operands[1] + lane;
        const float* targets = call.operands[2] + lane;
        float* gradient = call.operands[3] + lane;
        const Vector sum = total(probabilities, a.size);
        Vector mean = Vector::zero();
        for (std::int64_t k = 0; k < a.size; ++k) {
            const Vector share = Vector::load(probabilities + k * lanes) / sum;
            const Vector quotient = -Vector::load(targets + k * lanes) / clip_probability(share);
            const Vector slope = zero_where_clipped(share, quotient);
            slope.store(gradient + k * lanes);
            mean = fma(slope, share, mean);
        }
        for (std::int64_t k = 0; k < a.size; ++k) {
            const Vector value = upstream * (Vector::load(gradient + k * lanes) - mean) / sum;
            zero_past_batch(call, lane, value).store(gradient + k * lanes);
        }
    }
}

// Operands: prediction, target, mean of term(prediction, target) over the elements.
template <class Term>
KERNELET_INLINE void mean_of_terms(const Call& call, std::int64_t size, const Term& term) {
    const Vector count = Vector::broadcast(static_cast<float>(size));
    for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
        Vector sum = Vector::zero();
        for (std::int64_t at = lane; at < size * lanes; at += lanes) {
            sum = sum +
                  term(Vector::load(call.operands[0] + at), Vector::load(call.operands[1] + at));
        }
        (sum / count).store(call.operands[2] + lane);
    }
}

// Operands: upstream gradient, prediction, target, gradient of the mean of terms whose slope by
// the prediction is slope(prediction, target).
template <class Slope>
KERNELET_INLINE void gradient_of_terms(const Call& call, std::int64_t size, const Slope& slope) {
    const Vector count = Vector::broadcast(static_cast<float>(size));
    for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
        const Vector share = Vector::load(call.operands[0] + lane) / count;
        for (std::int64_t at = lane; at < size * lanes; at += lanes) {
            const Vector value = share * slope(Vector::load(call.operands[1] + at),
                                               Vector::load(call.operands[2] + at));
            zero_past_batch(call, lane, value).store(call.operands[3] + at);
        }
    }
}

// max(x, 0) − x · t + log(1 + e^−|x|), which is finite for every finite x.
KERNELET_INLINE Vector logit_cross_entropy(Vector x, Vector target) {
    const Vector tail = log(Vector::broadcast(1.0F) + exp(-abs(x)));
    return fnma(x, target, max(Vector::zero(), x)) + tail;
}

KERNELET_INLINE Vector probability_cross_entropy(Vector prediction, Vector target) {
    const Vector one = Vector::broadcast(1.0F);
    const Vector p = clip_probability(prediction);
    return -fma(target, log(p), (one - target) * log(one - p));
}

KERNELET_INLINE Vector probability_cross_entropy_slope(Vector prediction, Vector target) {
    const Vector one = Vector::broadcast(1.0F);
    const Vector p = clip_probability(prediction);
    return zero_where_clipped(prediction, (one - target) / (one - p) - target / p);
}

KERNELET_INLINE Vector logit_cross_entropy_slope(Vector x, Vector target) {
    return sigmoid(x) - target;
}

KERNELET_INLINE Vector squared_difference(Vector prediction, Vector target) {
    return (prediction - target) * (prediction - target);
}

KERNELET_INLINE Vector squared_difference_slope(Vector prediction, Vector target) {
    const Vector difference = prediction - target;
    return difference + difference;
}

// Operands: logits or probabilities, targets, loss.
inline void binary_cross_entropy(const Call& call) {
    const auto& a = arguments<BinaryCrossEntropyArguments>(call);
    if (a.from_logits) {
        mean_of_terms(call, a.size, logit_cross_entropy);
    } else {
        mean_of_terms(call, a.size, probability_cross_entropy);
    }
}

// Operands: upstream gradient, logits or probabilities, targets, gradient.
inline void binary_cross_entropy_gradient(const Call& call) {
    const auto& a = arguments<BinaryCrossEntropyArguments>(call);
    if (a.from_logits) {
        gradient_of_terms(call, a.size, logit_cross_entropy_slope);
    } else {
        gradient_of_terms(call, a.size, probability_cross_entropy_slope);
    }
}

// Operands: prediction, target, loss.
inline void squared_error(const Call& call) {
    mean_of_terms(call, arguments<SizeArguments>(call).size, squared_difference);
}

// Operands: upstream gradient, prediction, target, gradient.
inline void squared_error_gradient(const Call& call) {
    gradient_of_terms(call, arguments<SizeArguments>(call).size, squared_difference_slope);
}

}  // namespace kernelet::KERNELET_ISA
