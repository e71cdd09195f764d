// Channels of several values side by side, and channels of one.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

// Copies `run` channels of every cell between values with different numbers of channels.
inline void copy_channels(const float* source, std::int64_t source_channels, float* target,
                          std::int64_t target_channels, std::int64_t run, std::int64_t cells) {
    for (std::int64_t cell = 0; cell < cells; ++cell) {
        for (std::int64_t k = 0; k < run * lanes; k += Vector::width) {
            Vector::load(source + k).store(target + k);
        }
        source += source_channels * lanes;
        target += target_channels * lanes;
    }
}

// Operands: inputs, output, a row of the number of channels of each input.
inline void concatenate(const Call& call) {
    const auto& a = arguments<ChannelsArguments>(call);
    const std::int64_t inputs = call.operand_count - 2;
    const float* counts = call.operands[inputs + 1];
    float* target = call.operands[inputs];
    for (std::int64_t k = 0; k < inputs; ++k) {
        const auto run = static_cast<std::int64_t>(counts[k]);
        copy_channels(call.operands[k], run, target, a.channels, run, a.cells);
        target += run * lanes;
    }
}

// Operands: input, output.
inline void channel_slice(const Call& call) {
    const auto& a = arguments<ChannelSliceArguments>(call);
    copy_channels(call.operands[0] + a.begin * lanes, a.channels, call.operands[1], a.end - a.begin,
                  a.end - a.begin, a.cells);
}

}  // namespace kernelet::KERNELET_ISA
