// What moves the numbers of single samples without computing: to other places, side by side, or
// only some of them.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/copying.h"
#include "kernels/philox.h"
#include "kernels/single_tile.h"
#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

// A walk over the channels of cells that lie some floats apart.
struct CellWalk {
    std::int64_t channels;
    std::int64_t cell_floats;
    std::int64_t place = 0;  // of the next number
    std::int64_t left = channels;

    void step(std::int64_t numbers) {
        place += numbers;
        left -= numbers;
        if (left == 0) {
            place += cell_floats - channels;
            left = channels;
        }
    }
};

// Operands: input, output, whose padding becomes zero.
inline void reshape_single(const Call& call) {
    const auto& a = arguments<ReshapeArguments>(call);
    CellWalk from{a.channels, a.cell_floats};
    CellWalk to{a.new_channels, a.new_cell_floats};
    for (std::int64_t left = a.size; left > 0;) {
        const std::int64_t run = smaller(smaller(from.left, to.left), left);
        const float* source = call.operands[0] + from.place;
        float* target = call.operands[1] + to.place;
        copy_floats(source, run, target);
        if (run == to.left) clear_floats(a.new_cell_floats - a.new_channels, target + run);
        from.step(run);
        to.step(run);
        left -= run;
    }
}

// Copies `run` channels of every cell between values with different numbers of channels.
inline void copy_channels_single(const float* source, std::int64_t source_channels, float* target,
                                 std::int64_t target_channels, std::int64_t run,
                                 std::int64_t cells) {
    for (std::int64_t cell = 0; cell < cells; ++cell) {
        copy_floats(source, run, target);
        source += padded_channels(source_channels);
        target += padded_channels(target_channels);
    }
}

// Operands: inputs, output, a row of the number of channels of each input.
inline void concatenate_single(const Call& call) {
    const auto& a = arguments<ChannelsArguments>(call);
    const std::int64_t inputs = call.operand_count - 2;
    const float* counts = call.operands[inputs + 1];
    float* target = call.operands[inputs];
    for (std::int64_t k = 0; k < inputs; ++k) {
        const auto run = static_cast<std::int64_t>(counts[k]);
        copy_channels_single(call.operands[k], run, target, a.channels, run, a.cells);
        target += run;
    }
}

// Operands: input, output.
inline void channel_slice_single(const Call& call) {
    const auto& a = arguments<ChannelSliceArguments>(call);
    copy_channels_single(call.operands[0] + a.begin, a.channels, call.operands[1], a.end - a.begin,
                         a.end - a.begin, a.cells);
}

// The upper 24 bits of the words of `count` elements of one sample; a multiple of 4 · `lanes`
// floats is written.
inline void random_fractions(const Call& call, std::int64_t stream, std::int64_t count,
                             float* fractions) {
    const std::int64_t sample = call.step->samples[call.block];
    for (std::int64_t block = 0; 4 * block < count; block += lanes) {
        const RandomWords words = consecutive_random_words(*call.step, sample, stream, block);
        for (std::int64_t k = 0; k < 4 * lanes; ++k) {
            fractions[4 * block + k] = static_cast<float>(words.word[k % 4][k / 4] >> 8U);
        }
    }
}

// Operands: input, output, workspace of the elements rounded up to a multiple of 4 · `lanes`, and
// `lanes` more. The same elements are kept as by `dropout`.
inline void dropout_single(const Call& call) {
    const auto& a = arguments<SingleDropoutArguments>(call);
    const std::int64_t floats = padded_channels(a.channels);
    const Vector threshold = Vector::broadcast(static_cast<float>(a.threshold));
    const Vector scale = Vector::broadcast(static_cast<float>(a.scale));
    float* fractions = call.operands[2];
    random_fractions(call, a.stream, a.cells * a.channels, fractions);
    for (std::int64_t cell = 0; cell < a.cells; ++cell) {
        const float* source = call.operands[0] + cell * floats;
        float* target = call.operands[1] + cell * floats;
        for (std::int64_t c = 0; c < a.channels; c += Vector::width) {
            const Vector fraction = Vector::load(fractions + cell * a.channels + c);
            select(less(fraction, threshold), Vector::zero(), Vector::load(source + c) * scale)
                .store(target + c);
        }
    }
}

}  // namespace kernelet::KERNELET_ISA
