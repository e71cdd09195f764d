// Sums, scaling and bias, element by element, and the bias's gradient.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/pointwise.h"
#include "kernels/reduction.h"
#include "kernels/tile.h"
#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

inline void add_floats(const Call& call, std::int64_t begin, std::int64_t end,
                       Activation activation, float slope) {
    for (std::int64_t k = begin; k < end; k += Vector::width) {
        const Vector sum = Vector::load(call.operands[0] + k) + Vector::load(call.operands[1] + k);
        activate_sum(sum, activation, slope).store(call.operands[2] + k);
    }
}

// Operands: two inputs, output. Pieces are elements.
inline void add(const Call& call) {
    const auto& a = arguments<ActivationArguments>(call);
    add_floats(call, call.begin * lanes, call.end * lanes, static_cast<Activation>(a.activation),
               static_cast<float>(a.slope));
    activate_row(call.operands[2] + call.begin * lanes, call.end - call.begin, a.activation);
}

// The same for shared values, over a range.
inline void add_shared(const Call& call) {
    add_floats(call, call.begin, call.end, Activation::linear, 0.0F);
}

// Operands: input, output, scale and offset of each channel.
inline void rescale(const Call& call) {
    const auto& a = arguments<ChannelsArguments>(call);
    const float* source = call.operands[0];
    float* target = call.operands[1];
    for (std::int64_t cell = 0; cell < a.cells; ++cell) {
        for (std::int64_t c = 0; c < a.channels; ++c, source += lanes, target += lanes) {
            const Vector scale = Vector::broadcast_from(call.operands[2] + c);
            const Vector offset = Vector::broadcast_from(call.operands[3] + c);
            for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                fma(Vector::load(source + lane), scale, offset).store(target + lane);
            }
        }
    }
}

// Operands: input, bias, output.
inline void bias_add(const Call& call) {
    const auto& a = arguments<ChannelsArguments>(call);
    const float* source = call.operands[0];
    float* target = call.operands[2];
    for (std::int64_t cell = 0; cell < a.cells; ++cell) {
        for (std::int64_t c = 0; c < a.channels; ++c, source += lanes, target += lanes) {
            const Vector bias = Vector::broadcast_from(call.operands[1] + c);
            for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                (Vector::load(source + lane) + bias).store(target + lane);
            }
        }
    }
}

// Operands: input, partial sum.
inline void channel_sum(const Call& call) {
    const auto& a = arguments<ChannelsArguments>(call);
    const float* x = call.operands[0];
    channel_sums(
        call, a.cells, a.channels, call.operands[1],
        [=](Vector sum, std::int64_t at, std::int64_t) { return sum + Vector::load(x + at); },
        [](float total, std::int64_t) { return total; });
}

}  // namespace kernelet::KERNELET_ISA
