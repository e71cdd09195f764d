// Pairs of bfloat16 numbers on any instruction set: 32 bits hold two of them, the first in the low
// half. The rounding here defines bfloat16 for every family of kernels: to the nearest, ties to
// even. Where a simd/ header has instructions for it, its own definitions stand in their place.
#pragma once

#include "simd/bfloat16.h"

#ifndef KERNELET_HAS_PAIRS

namespace kernelet::KERNELET_ISA {

// bfloat16 numbers in the high halves, rounded from float32; zeros in the low halves. A NaN stays
// one: rounding could carry its mantissa over into the sign.
KERNELET_INLINE IntVector rounded_to_bfloat16(Vector a) {
    const IntVector bits = bits_of(a);
    const IntVector odd = shift_right_logical<16>(bits) & IntVector::broadcast(1);
    const Vector nearest = from_bits(bits + odd + IntVector::broadcast(0x7FFF));
    const Vector quiet = from_bits(bits | IntVector::broadcast(0x400000));
    return bits_of(select(is_nan(a), quiet, nearest)) & IntVector::broadcast(-0x10000);
}

// Lane by lane, a pair of the lane's number in `first` and in `second`.
KERNELET_INLINE IntVector pairs_of(Vector first, Vector second) {
    return shift_right_logical<16>(rounded_to_bfloat16(first)) | rounded_to_bfloat16(second);
}

// Sixteen consecutive numbers as eight pairs of neighbours.
KERNELET_INLINE void store_neighbours(const float* source, std::int32_t* target) {
    for (int k = 0; k < 8; ++k) {
        target[k] = pair_of(source[2 * k], source[2 * k + 1]);
    }
}

// sum + first × first + second × second, lane by lane, in float32.
KERNELET_INLINE Vector add_products(IntVector a, IntVector b, Vector sum) {
    const IntVector high = IntVector::broadcast(-0x10000);
    sum = fma(from_bits(shift_left<16>(a)), from_bits(shift_left<16>(b)), sum);
    return fma(from_bits(a & high), from_bits(b & high), sum);
}

}  // namespace kernelet::KERNELET_ISA

#endif
