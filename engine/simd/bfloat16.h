// bfloat16 numbers one by one: the upper half of a float32, rounded to the nearest, ties to even.
#pragma once

#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

// A NaN stays one: rounding could carry its mantissa over into the sign.
KERNELET_INLINE std::uint32_t bfloat16_of(float number) {
    std::uint32_t bits = 0;
    __builtin_memcpy(&bits, &number, sizeof bits);
    const std::uint32_t rounded = bits + 0x7FFFU + (bits >> 16 & 1U);
    return (number != number ? bits | 0x400000U : rounded) >> 16;
}

KERNELET_INLINE std::int32_t pair_of(float first, float second) {
    return static_cast<std::int32_t>(bfloat16_of(first) | bfloat16_of(second) << 16);
}

}  // namespace kernelet::KERNELET_ISA
