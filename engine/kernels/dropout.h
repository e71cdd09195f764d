// Dropout: zeroing random elements, the same ones forward and backward.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/philox.h"
#include "kernels/tile.h"
#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

// Operands: input, output. An element is kept where the upper 24 bits of its word, a number that
// float32 holds exactly, are at least the threshold.
inline void dropout(const Call& call) {
    const auto& a = arguments<DropoutArguments>(call);
    const SampleRows samples = sample_rows(call);
    const Vector threshold = Vector::broadcast(static_cast<float>(a.threshold));
    const Vector scale = Vector::broadcast(static_cast<float>(a.scale));
    for (std::int64_t begin = 0; begin < a.size; begin += 4) {
        const RandomWords words = random_words(*call.step, samples, a.stream, begin / 4);
        for (std::int64_t k = begin; k < smaller(begin + 4, a.size); ++k) {
            for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                std::int32_t bits[Vector::width];
                __builtin_memcpy(bits, &words.word[k - begin][lane], sizeof bits);
                const IntVector fraction = shift_right_logical<8>(IntVector::load(bits));
                const Vector x = Vector::load(call.operands[0] + k * lanes + lane) * scale;
                select(less(convert_to_float(fraction), threshold), Vector::zero(), x)
                    .store(call.operands[1] + k * lanes + lane);
            }
        }
    }
}

}  // namespace kernelet::KERNELET_ISA
