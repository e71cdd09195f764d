// Softmax over the channels of each cell, and its gradient.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "simd/math.h"

namespace kernelet::KERNELET_ISA {

// The channels of one cell for one vector of samples. A NaN score makes all of them NaN: the
// maximum may drop it, the sum does not.
inline void softmax_cell(const float* scores, std::int64_t channels, float* probabilities) {
    Vector highest = Vector::load(scores);
    for (std::int64_t c = 1; c < channels; ++c) {
        highest = max(highest, Vector::load(scores + c * lanes));
    }
    Vector sum = Vector::zero();
    for (std::int64_t c = 0; c < channels; ++c) {
        const Vector power = exp(Vector::load(scores + c * lanes) - highest);
        power.store(probabilities + c * lanes);
        sum = sum + power;
    }
    const Vector scale = Vector::broadcast(1.0F) / sum;
    for (std::int64_t c = 0; c < channels; ++c) {
        (Vector::load(probabilities + c * lanes) * scale).store(probabilities + c * lanes);
    }
}

// Operands: scores, probabilities.
inline void softmax(const Call& call) {
    const auto& a = arguments<ChannelsArguments>(call);
    for (std::int64_t cell = 0; cell < a.cells; ++cell) {
        const std::int64_t begin = cell * a.channels * lanes;
        for (std::int64_t k = begin; k < begin + lanes; k += Vector::width) {
            softmax_cell(call.operands[0] + k, a.channels, call.operands[1] + k);
        }
    }
}

inline void softmax_gradient_cell(const float* upstream, const float* probabilities,
                                  std::int64_t channels, float* gradient) {
    Vector mean = Vector::zero();
    for (std::int64_t c = 0; c < channels; ++c) {
        mean =
            fma(Vector::load(upstream + c * lanes), Vector::load(probabilities + c * lanes), mean);
    }
    for (std::int64_t c = 0; c < channels; ++c) {
        const Vector difference = Vector::load(upstream + c * lanes) - mean;
        (Vector::load(probabilities + c * lanes) * difference).store(gradient + c * lanes);
    }
}

// Operands: upstream gradient, probabilities, gradient by the scores.
inline void softmax_gradient(const Call& call) {
    const auto& a = arguments<ChannelsArguments>(call);
    for (std::int64_t cell = 0; cell < a.cells; ++cell) {
        const std::int64_t begin = cell * a.channels * lanes;
        for (std::int64_t k = begin; k < begin + lanes; k += Vector::width) {
            softmax_gradient_cell(call.operands[0] + k, call.operands[1] + k, a.channels,
                                  call.operands[2] + k);
        }
    }
}

}  // namespace kernelet::KERNELET_ISA
