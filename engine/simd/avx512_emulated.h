// The types and intrinsics of avx512.h and avx512_bf16.h in terms of AVX2 and FMA, to test kernels
// with vectors and tiles of their size on processors without AVX-512. Declared in the namespace of
// the kernels, they hide the compiler's own.
#pragma once

#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "simd/bfloat16.h"

// Compilers define some as macros, for the sake of constant arguments.
#undef _mm512_cmp_ps_mask
#undef _mm512_extractf32x8_ps
#undef _mm512_roundscale_ps
#undef _mm512_slli_epi32
#undef _mm512_srai_epi32
#undef _mm512_srli_epi32

namespace kernelet::KERNELET_ISA {

// Two halves, because GCC 12 keeps vectors of 64 bytes in memory, number by number.
struct __m512 {
    __m256 low, high;
};
struct __m512d {
    __m256d low, high;
};
struct __m512i {
    __m256i low, high;
};
using __m512bh = __m512i;
using __m256bh = __m256i;

template <class To, class From>
KERNELET_INLINE To same_bits(const From& a) {
    static_assert(sizeof(To) == sizeof(From));
    To result;
    __builtin_memcpy(&result, &a, sizeof result);
    return result;
}

#define KERNELET_EMULATE_1(name, To, From, half_name) \
    KERNELET_INLINE To name(From a) { return {half_name(a.low), half_name(a.high)}; }
#define KERNELET_EMULATE_2(name, Type, half_name)                    \
    KERNELET_INLINE Type name(Type a, Type b) {                      \
        return {half_name(a.low, b.low), half_name(a.high, b.high)}; \
    }
#define KERNELET_EMULATE_3(name, Type, half_name)                                   \
    KERNELET_INLINE Type name(Type a, Type b, Type c) {                             \
        return {half_name(a.low, b.low, c.low), half_name(a.high, b.high, c.high)}; \
    }
#define KERNELET_EMULATE_SHIFT(name, half_name)                   \
    KERNELET_INLINE __m512i name(__m512i a, int bits) {           \
        return {half_name(a.low, bits), half_name(a.high, bits)}; \
    }

// --- Registers and memory ---------------------------------------------------------------------

#define KERNELET_EMULATE_BROADCAST(name, Type, Number, half_name) \
    KERNELET_INLINE Type name(Number x) { return {half_name(x), half_name(x)}; }
KERNELET_EMULATE_BROADCAST(_mm512_set1_ps, __m512, float, _mm256_set1_ps)
KERNELET_EMULATE_BROADCAST(_mm512_set1_pd, __m512d, double, _mm256_set1_pd)
KERNELET_EMULATE_BROADCAST(_mm512_set1_epi32, __m512i, std::int32_t, _mm256_set1_epi32)
KERNELET_INLINE __m512 _mm512_setzero_ps() { return _mm512_set1_ps(0.0F); }
KERNELET_INLINE __m512d _mm512_setzero_pd() { return _mm512_set1_pd(0.0); }
KERNELET_INLINE __m512i _mm512_setr_epi32(int a, int b, int c, int d, int e, int f, int g, int h,
                                          int i, int j, int k, int l, int m, int n, int o, int p) {
    return {_mm256_setr_epi32(a, b, c, d, e, f, g, h), _mm256_setr_epi32(i, j, k, l, m, n, o, p)};
}

#define KERNELET_EMULATE_MEMORY(load, store, Type)   \
    KERNELET_INLINE Type load(const void* p) {       \
        Type result;                                 \
        __builtin_memcpy(&result, p, sizeof result); \
        return result;                               \
    }                                                \
    KERNELET_INLINE void store(void* p, Type a) { __builtin_memcpy(p, &a, sizeof a); }
KERNELET_EMULATE_MEMORY(_mm512_loadu_ps, _mm512_storeu_ps, __m512)
KERNELET_EMULATE_MEMORY(_mm512_loadu_pd, _mm512_storeu_pd, __m512d)
KERNELET_EMULATE_MEMORY(_mm512_loadu_si512, _mm512_storeu_si512, __m512i)

// One by one, so that the address sanitizer sees what is read and written.
template <class Vector, class Number>
KERNELET_INLINE Vector read_where(__mmask16 mask, const Number* p) {
    Number numbers[16] = {};
    for (int i = 0; i < 16; ++i) {
        if (mask >> i & 1) numbers[i] = p[i];
    }
    return same_bits<Vector>(numbers);
}
KERNELET_INLINE __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const float* p) {
    return read_where<__m512>(mask, p);
}
KERNELET_INLINE __m128i _mm_maskz_loadu_epi8(__mmask16 mask, const std::uint8_t* p) {
    return read_where<__m128i>(mask, p);
}
KERNELET_INLINE __mmask16 _mm_cmpeq_epi8_mask(__m128i a, __m128i b) {
    return static_cast<__mmask16>(_mm_movemask_epi8(_mm_cmpeq_epi8(a, b)));
}
KERNELET_INLINE void _mm512_mask_storeu_ps(float* p, __mmask16 mask, __m512 a) {
    float numbers[16];
    _mm512_storeu_ps(numbers, a);
    for (int i = 0; i < 16; ++i) {
        if (mask >> i & 1) p[i] = numbers[i];
    }
}

KERNELET_INLINE __m512i _mm512_castps_si512(__m512 a) { return same_bits<__m512i>(a); }
KERNELET_INLINE __m512 _mm512_castsi512_ps(__m512i a) { return same_bits<__m512>(a); }
KERNELET_INLINE __m256 _mm512_castps512_ps256(__m512 a) { return a.low; }
KERNELET_INLINE __m256 _mm512_extractf32x8_ps(__m512 a, int half) {
    return half == 0 ? a.low : a.high;
}

KERNELET_INLINE __m512 _mm512_permutexvar_ps(__m512i indices, __m512 a) {
    const auto places = same_bits<std::array<std::int32_t, 16>>(indices);
    const auto numbers = same_bits<std::array<float, 16>>(a);
    std::array<float, 16> result;
    for (std::size_t k = 0; k < 16; ++k) {
        result[k] = numbers[static_cast<std::size_t>(places[k] & 15)];
    }
    return same_bits<__m512>(result);
}

// What transpose.h does by the compiler's shuffles, which take no halves.
template <class Wide, class Number, int... numbers>
KERNELET_INLINE Wide shuffled_numbers(Wide a, Wide b) {
    Number from[2 * sizeof...(numbers)];
    __builtin_memcpy(from, &a, sizeof a);
    __builtin_memcpy(from + sizeof...(numbers), &b, sizeof b);
    const Number to[] = {from[numbers]...};
    return same_bits<Wide>(to);
}
template <int... numbers>
KERNELET_INLINE __m512 shuffled(__m512 a, __m512 b) {
    return shuffled_numbers<__m512, float, numbers...>(a, b);
}
template <int... numbers>
KERNELET_INLINE __m512d shuffled(__m512d a, __m512d b) {
    return shuffled_numbers<__m512d, double, numbers...>(a, b);
}

// --- Arithmetic -------------------------------------------------------------------------------

KERNELET_EMULATE_2(_mm512_add_ps, __m512, _mm256_add_ps)
KERNELET_EMULATE_2(_mm512_sub_ps, __m512, _mm256_sub_ps)
KERNELET_EMULATE_2(_mm512_mul_ps, __m512, _mm256_mul_ps)
KERNELET_EMULATE_2(_mm512_div_ps, __m512, _mm256_div_ps)
KERNELET_EMULATE_2(_mm512_min_ps, __m512, _mm256_min_ps)
KERNELET_EMULATE_2(_mm512_max_ps, __m512, _mm256_max_ps)
KERNELET_EMULATE_2(_mm512_and_ps, __m512, _mm256_and_ps)
KERNELET_EMULATE_2(_mm512_or_ps, __m512, _mm256_or_ps)
KERNELET_EMULATE_2(_mm512_xor_ps, __m512, _mm256_xor_ps)
KERNELET_EMULATE_2(_mm512_andnot_ps, __m512, _mm256_andnot_ps)
KERNELET_EMULATE_2(_mm512_add_pd, __m512d, _mm256_add_pd)
KERNELET_EMULATE_2(_mm512_sub_pd, __m512d, _mm256_sub_pd)
KERNELET_EMULATE_2(_mm512_mul_pd, __m512d, _mm256_mul_pd)
KERNELET_EMULATE_2(_mm512_add_epi32, __m512i, _mm256_add_epi32)
KERNELET_EMULATE_2(_mm512_sub_epi32, __m512i, _mm256_sub_epi32)
KERNELET_EMULATE_2(_mm512_mullo_epi32, __m512i, _mm256_mullo_epi32)
KERNELET_EMULATE_2(_mm512_and_si512, __m512i, _mm256_and_si256)
KERNELET_EMULATE_2(_mm512_or_si512, __m512i, _mm256_or_si256)
KERNELET_EMULATE_2(_mm512_xor_si512, __m512i, _mm256_xor_si256)
KERNELET_EMULATE_3(_mm512_fmadd_ps, __m512, _mm256_fmadd_ps)
KERNELET_EMULATE_3(_mm512_fnmadd_ps, __m512, _mm256_fnmadd_ps)
KERNELET_EMULATE_3(_mm512_fmadd_pd, __m512d, _mm256_fmadd_pd)
KERNELET_EMULATE_3(_mm512_fnmadd_pd, __m512d, _mm256_fnmadd_pd)
KERNELET_EMULATE_1(_mm512_sqrt_ps, __m512, __m512, _mm256_sqrt_ps)
KERNELET_EMULATE_1(_mm512_cvtps_epi32, __m512i, __m512, _mm256_cvtps_epi32)
KERNELET_EMULATE_1(_mm512_cvtepi32_ps, __m512, __m512i, _mm256_cvtepi32_ps)
KERNELET_EMULATE_SHIFT(_mm512_slli_epi32, _mm256_slli_epi32)
KERNELET_EMULATE_SHIFT(_mm512_srli_epi32, _mm256_srli_epi32)
KERNELET_EMULATE_SHIFT(_mm512_srai_epi32, _mm256_srai_epi32)

KERNELET_INLINE __m512i _mm512_cvtepu8_epi32(__m128i bytes) {
    return {_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))};
}

KERNELET_INLINE __m128i _mm512_cvtepi32_epi8(__m512i a) {
    std::int32_t numbers[16];
    _mm512_storeu_si512(numbers, a);
    std::uint8_t bytes[16];
    for (int i = 0; i < 16; ++i) bytes[i] = static_cast<std::uint8_t>(numbers[i]);
    return same_bits<__m128i>(bytes);
}

// To whole numbers only, which is scale 0.
KERNELET_INLINE __m512 _mm512_roundscale_ps(__m512 a, int) {
    constexpr int nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    return {_mm256_round_ps(a.low, nearest), _mm256_round_ps(a.high, nearest)};
}

// --- Masks ------------------------------------------------------------------------------------

KERNELET_INLINE __mmask16 mask_of(__m256 low, __m256 high) {
    return static_cast<__mmask16>(_mm256_movemask_ps(low) | _mm256_movemask_ps(high) << 8);
}
#define KERNELET_EMULATE_COMPARISON(comparison)                 \
    case comparison:                                            \
        return mask_of(_mm256_cmp_ps(a.low, b.low, comparison), \
                       _mm256_cmp_ps(a.high, b.high, comparison));
KERNELET_INLINE __mmask16 _mm512_cmp_ps_mask(__m512 a, __m512 b, int comparison) {
    switch (comparison) {
        KERNELET_EMULATE_COMPARISON(_CMP_LT_OQ)
        KERNELET_EMULATE_COMPARISON(_CMP_LE_OQ)
        KERNELET_EMULATE_COMPARISON(_CMP_EQ_OQ)
        KERNELET_EMULATE_COMPARISON(_CMP_UNORD_Q)
    }
    __builtin_trap();
}
KERNELET_INLINE __mmask16 _kand_mask16(__mmask16 a, __mmask16 b) { return a & b; }
KERNELET_INLINE __mmask16 _kor_mask16(__mmask16 a, __mmask16 b) { return a | b; }
KERNELET_INLINE __mmask16 _knot_mask16(__mmask16 a) { return static_cast<__mmask16>(~a); }

// All bits of the lanes where the mask is true.
KERNELET_INLINE __m256 lanes_of(int mask) {
    const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return _mm256_castsi256_ps(
        _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(mask), bits), bits));
}
KERNELET_INLINE __m512 _mm512_mask_blend_ps(__mmask16 mask, __m512 a, __m512 b) {
    return {_mm256_blendv_ps(a.low, b.low, lanes_of(mask)),
            _mm256_blendv_ps(a.high, b.high, lanes_of(mask >> 8))};
}

// --- bfloat16 ---------------------------------------------------------------------------------

// Denormal numbers count as zeros, in every operand.
KERNELET_INLINE __m256 without_denormals(__m256 a) {
    const __m256 exponent = _mm256_castsi256_ps(_mm256_set1_epi32(0x7F800000));
    const __m256i small =
        _mm256_cmpeq_epi32(_mm256_castps_si256(_mm256_and_ps(a, exponent)), _mm256_setzero_si256());
    const __m256 sign = _mm256_and_ps(a, _mm256_set1_ps(-0.0F));
    return _mm256_blendv_ps(a, sign, _mm256_castsi256_ps(small));
}

KERNELET_INLINE __m256bh _mm512_cvtneps_pbh(__m512 a) {
    float from[16];
    std::uint16_t to[16];
    const __m512 numbers{without_denormals(a.low), without_denormals(a.high)};
    _mm512_storeu_ps(from, numbers);
    for (int i = 0; i < 16; ++i) to[i] = static_cast<std::uint16_t>(bfloat16_of(from[i]));
    return same_bits<__m256bh>(to);
}
KERNELET_INLINE __m512bh _mm512_cvtne2ps_pbh(__m512 high, __m512 low) {
    return {_mm512_cvtneps_pbh(low), _mm512_cvtneps_pbh(high)};
}

KERNELET_INLINE __m512i _mm512_permutexvar_epi16(__m512i order, __m512i a) {
    std::uint16_t from[32];
    std::uint16_t places[32];
    std::uint16_t to[32];
    _mm512_storeu_si512(from, a);
    _mm512_storeu_si512(places, order);
    for (int i = 0; i < 32; ++i) to[i] = from[places[i] & 31];
    return _mm512_loadu_si512(to);
}

KERNELET_INLINE __m256 add_product(__m256i a, __m256i b, __m256 sum) {
    return without_denormals(_mm256_fmadd_ps(without_denormals(_mm256_castsi256_ps(a)),
                                             without_denormals(_mm256_castsi256_ps(b)),
                                             without_denormals(sum)));
}
KERNELET_INLINE __m256 add_products(__m256 sum, __m256i a, __m256i b) {
    const __m256i second = _mm256_set1_epi32(-0x10000);
    sum = add_product(_mm256_slli_epi32(a, 16), _mm256_slli_epi32(b, 16), sum);
    return add_product(_mm256_and_si256(a, second), _mm256_and_si256(b, second), sum);
}
KERNELET_INLINE __m512 _mm512_dpbf16_ps(__m512 sum, __m512bh a, __m512bh b) {
    return {add_products(sum.low, a.low, b.low), add_products(sum.high, a.high, b.high)};
}

}  // namespace kernelet::KERNELET_ISA
