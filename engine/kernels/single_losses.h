// Losses and metrics of single samples that are means over all elements, and the gradients of such
// losses. Terms and slopes are those of the kernels of blocks (losses.h, metrics.h); here a vector
// holds neighbouring elements, and what pads the cells is left out.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/copying.h"
#include "kernels/losses.h"
#include "kernels/metrics.h"
#include "kernels/tile.h"
#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

// Calls function(place, count) for vectors of all elements of the cells [begin, end): `count`
// elements from a place on.
template <class Arguments, class Function>
KERNELET_INLINE void for_elements_of_cells(std::int64_t begin, std::int64_t end, const Arguments& a,
                                           const Function& function) {
    if (a.cell_floats == a.channels) {
        const std::int64_t first = begin * a.channels;
        for_vectors((end - begin) * a.channels,
                    [&](std::int64_t offset, int count) { function(first + offset, count); });
        return;
    }
    for (std::int64_t cell = begin; cell < end; ++cell) {
        const std::int64_t first = cell * a.cell_floats;
        for_vectors(a.channels,
                    [&](std::int64_t offset, int count) { function(first + offset, count); });
    }
}

// Operands: prediction, target, mean of term(prediction, target) over the elements.
template <class Arguments, class Term>
KERNELET_INLINE void single_mean_of_terms(const Call& call, const Arguments& a, const Term& term) {
    Vector sum = Vector::zero();
    for_elements_of_cells(0, a.cells, a, [&](std::int64_t place, int count) {
        const Vector value = term(load_some(call.operands[0] + place, count),
                                  load_some(call.operands[1] + place, count));
        sum = sum + select(first_lanes(count), value, Vector::zero());
    });
    clear_floats(lanes, call.operands[2]);
    call.operands[2][0] = reduce_add(sum) / static_cast<float>(a.cells * a.channels);
}

// Operands: upstream gradient, prediction, target, gradient of the mean of terms whose slope by
// the prediction is slope(prediction, target). Pieces are cells.
template <class Arguments, class Slope>
KERNELET_INLINE void single_gradient_of_terms(const Call& call, const Arguments& a,
                                              const Slope& slope) {
    const auto count_of_terms = static_cast<float>(a.cells * a.channels);
    const Vector share = Vector::broadcast(call.operands[0][0] / count_of_terms);
    for_elements_of_cells(call.begin, call.end, a, [&](std::int64_t place, int count) {
        const Vector value = share * slope(load_some(call.operands[1] + place, count),
                                           load_some(call.operands[2] + place, count));
        store_some(value, call.operands[3] + place, count);
    });
}

inline void binary_cross_entropy_single(const Call& call) {
    const auto& a = arguments<SingleBinaryCrossEntropyArguments>(call);
    if (a.from_logits) {
        single_mean_of_terms(call, a, logit_cross_entropy);
    } else {
        single_mean_of_terms(call, a, probability_cross_entropy);
    }
}

inline void binary_cross_entropy_gradient_single(const Call& call) {
    const auto& a = arguments<SingleBinaryCrossEntropyArguments>(call);
    if (a.from_logits) {
        single_gradient_of_terms(call, a, logit_cross_entropy_slope);
    } else {
        single_gradient_of_terms(call, a, probability_cross_entropy_slope);
    }
}

inline void squared_error_single(const Call& call) {
    single_mean_of_terms(call, arguments<CellsArguments>(call), squared_difference);
}

inline void squared_error_gradient_single(const Call& call) {
    single_gradient_of_terms(call, arguments<CellsArguments>(call), squared_difference_slope);
}

inline void absolute_error_single(const Call& call) {
    single_mean_of_terms(call, arguments<CellsArguments>(call), absolute_difference);
}

inline void binary_accuracy_single(const Call& call) {
    const auto& a = arguments<SingleBinaryAccuracyArguments>(call);
    single_mean_of_terms(call, a, RightSide{Vector::broadcast(static_cast<float>(a.threshold))});
}

}  // namespace kernelet::KERNELET_ISA
