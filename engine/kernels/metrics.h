// Metrics of blocks of samples, one number a sample. Their definitions are those of
// ops/metrics.py; a NaN of a sample makes its number NaN.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/losses.h"
#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

KERNELET_INLINE Vector one_where(Mask mask) {
    return select(mask, Vector::broadcast(1.0F), Vector::zero());
}

KERNELET_INLINE Vector nan_where(Mask mask, Vector otherwise) {
    return select(mask, Vector::broadcast(__builtin_nanf("")), otherwise);
}

// The first class with the largest target: its number, its score, and where a target is NaN.
struct TargetClass {
    Vector index;
    Vector score;
    Mask unknown;
};

KERNELET_INLINE TargetClass target_class(const float* scores, const float* targets,
                                         std::int64_t size) {
    Vector most = Vector::load(targets);
    TargetClass found{Vector::zero(), Vector::load(scores), is_nan(most)};
    for (std::int64_t k = 1; k < size; ++k) {
        const Vector target = Vector::load(targets + k * lanes);
        const Mask better = greater(target, most);
        most = select(better, target, most);
        found.index = select(better, Vector::broadcast(static_cast<float>(k)), found.index);
        found.score = select(better, Vector::load(scores + k * lanes), found.score);
        found.unknown = mask_or(found.unknown, is_nan(target));
    }
    return found;
}

// Operands: scores, targets, hit.
inline void top_k_accuracy(const Call& call) {
    const auto& a = arguments<TopKArguments>(call);
    for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
        const float* scores = call.operands[0] + lane;
        TargetClass target = target_class(scores, call.operands[1] + lane, a.size);
        Vector rank = Vector::zero();
        for (std::int64_t k = 0; k < a.size; ++k) {
            const Vector score = Vector::load(scores + k * lanes);
            const Mask earlier = less(Vector::broadcast(static_cast<float>(k)), target.index);
            const Mask ahead = mask_or(greater(score, target.score),
                                       mask_and(equal(score, target.score), earlier));
            rank = rank + one_where(ahead);
            target.unknown = mask_or(target.unknown, is_nan(score));
        }
        const Mask hit = less(rank, Vector::broadcast(static_cast<float>(a.k)));
        nan_where(target.unknown, one_where(hit)).store(call.operands[2] + lane);
    }
}

// 1 where a prediction is on its target's side of the threshold, 0 where not.
struct RightSide {
    Vector threshold;

    KERNELET_INLINE Vector operator()(Vector prediction, Vector target) const {
        const Mask right = equal(one_where(greater(prediction, threshold)), target);
        return nan_where(mask_or(is_nan(prediction), is_nan(target)), one_where(right));
    }
};

KERNELET_INLINE Vector absolute_difference(Vector prediction, Vector target) {
    return abs(prediction - target);
}

// Operands: prediction, target, share of elements on the right side of the threshold.
inline void binary_accuracy(const Call& call) {
    const auto& a = arguments<BinaryAccuracyArguments>(call);
    mean_of_terms(call, a.size, RightSide{Vector::broadcast(static_cast<float>(a.threshold))});
}

// Operands: prediction, target, mean distance.
inline void absolute_error(const Call& call) {
    mean_of_terms(call, arguments<SizeArguments>(call).size, absolute_difference);
}

}  // namespace kernelet::KERNELET_ISA
