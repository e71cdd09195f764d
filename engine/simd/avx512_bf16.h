// AVX-512 with pairs of bfloat16 numbers by AVX512-BF16, in place of those of pairs.h. The
// instructions treat denormal numbers as zeros.
#pragma once

#include "simd/avx512.h"
#include "simd/bfloat16.h"

#define KERNELET_HAS_PAIRS

namespace kernelet::KERNELET_ISA {

KERNELET_INLINE __m512bh as_pairs(IntVector a) { return __builtin_bit_cast(__m512bh, a.v); }

KERNELET_INLINE IntVector pairs_of(Vector first, Vector second) {
    // Converted one after the other, the 16 first numbers lie before the 16 second ones.
    const auto halves = __builtin_bit_cast(__m512i, _mm512_cvtne2ps_pbh(second.v, first.v));
    const __m512i order = _mm512_add_epi32(
        _mm512_set1_epi32(0x100000),
        _mm512_mullo_epi32(
            _mm512_set1_epi32(0x10001),
            _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
    return {_mm512_permutexvar_epi16(order, halves)};
}

KERNELET_INLINE void store_neighbours(const float* source, std::int32_t* target) {
    const auto halves = __builtin_bit_cast(__m256i, _mm512_cvtneps_pbh(_mm512_loadu_ps(source)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(target), halves);
}

KERNELET_INLINE Vector add_products(IntVector a, IntVector b, Vector sum) {
    return {_mm512_dpbf16_ps(sum.v, as_pairs(a), as_pairs(b))};
}

}  // namespace kernelet::KERNELET_ISA
