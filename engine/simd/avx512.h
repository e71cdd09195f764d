// The vector vocabulary on AVX-512 (F, BW, DQ, VL): 16 float32 lanes, masks in mask registers.
// The contract of each operation is in README.md.
#pragma once

// GCC 12's own header leaves the unused operand of unmasked AVX-512 intrinsics uninitialised and
// then warns about it (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif

#include "simd/common.h"

#ifdef KERNELET_EMULATE_AVX512
#include "simd/avx512_emulated.h"
#define KERNELET_IN_REGISTER(native) static_cast<void>(native)
#else
#define KERNELET_IN_REGISTER(native) __asm__("" : "+v"(native))
#endif

namespace kernelet::KERNELET_ISA {

struct Mask {
    __mmask16 m;
};

KERNELET_INLINE Mask first_lanes(int n) { return {static_cast<__mmask16>((1U << n) - 1U)}; }

struct Vector {
    using Native = __m512;
    static constexpr int width = 16;
    static constexpr int registers = 32;

    Native v;

    KERNELET_INLINE static Vector zero() { return {_mm512_setzero_ps()}; }
    KERNELET_INLINE static Vector broadcast(float x) { return {_mm512_set1_ps(x)}; }
    KERNELET_INLINE static Vector broadcast_from(const float* p) { return {_mm512_set1_ps(*p)}; }
    KERNELET_INLINE static Vector load(const float* p) { return {_mm512_loadu_ps(p)}; }
    KERNELET_INLINE static Vector load_partial(const float* p, int n) {
        return {_mm512_maskz_loadu_ps(first_lanes(n).m, p)};
    }
    KERNELET_INLINE static Vector load_u8(const std::uint8_t* p) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
        return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes))};
    }
    KERNELET_INLINE static Vector load_u8_partial(const std::uint8_t* p, int n) {
        const __m128i bytes = _mm_maskz_loadu_epi8(first_lanes(n).m, p);
        return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes))};
    }
    KERNELET_INLINE void store(float* p) const { _mm512_storeu_ps(p, v); }
    KERNELET_INLINE void store_partial(float* p, int n) const {
        _mm512_mask_storeu_ps(p, first_lanes(n).m, v);
    }
    KERNELET_INLINE void store_u8(std::uint8_t* p) const {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                         _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v)));
    }
};

struct IntVector {
    using Native = __m512i;
    static constexpr int width = 16;

    Native v;

    KERNELET_INLINE static IntVector broadcast(std::int32_t x) { return {_mm512_set1_epi32(x)}; }
    KERNELET_INLINE static IntVector load(const std::int32_t* p) { return {_mm512_loadu_si512(p)}; }
    KERNELET_INLINE void store(std::int32_t* p) const { _mm512_storeu_si512(p, v); }
};

KERNELET_INLINE Vector operator+(Vector a, Vector b) { return {_mm512_add_ps(a.v, b.v)}; }
KERNELET_INLINE Vector operator-(Vector a, Vector b) { return {_mm512_sub_ps(a.v, b.v)}; }
KERNELET_INLINE Vector operator*(Vector a, Vector b) { return {_mm512_mul_ps(a.v, b.v)}; }
KERNELET_INLINE Vector operator/(Vector a, Vector b) { return {_mm512_div_ps(a.v, b.v)}; }
KERNELET_INLINE Vector operator-(Vector a) { return {_mm512_xor_ps(a.v, _mm512_set1_ps(-0.0F))}; }
KERNELET_INLINE Vector fma(Vector a, Vector b, Vector c) {
    return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
KERNELET_INLINE Vector fnma(Vector a, Vector b, Vector c) {
    return {_mm512_fnmadd_ps(a.v, b.v, c.v)};
}
KERNELET_INLINE Vector min(Vector a, Vector b) { return {_mm512_min_ps(a.v, b.v)}; }
KERNELET_INLINE Vector max(Vector a, Vector b) { return {_mm512_max_ps(a.v, b.v)}; }
KERNELET_INLINE Vector abs(Vector a) { return {_mm512_andnot_ps(_mm512_set1_ps(-0.0F), a.v)}; }
KERNELET_INLINE Vector sqrt(Vector a) { return {_mm512_sqrt_ps(a.v)}; }
KERNELET_INLINE Vector round_to_nearest(Vector a) {
    return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
KERNELET_INLINE Vector copy_sign(Vector magnitude, Vector sign) {
    const __m512 sign_bit = _mm512_set1_ps(-0.0F);
    return {_mm512_or_ps(_mm512_andnot_ps(sign_bit, magnitude.v), _mm512_and_ps(sign_bit, sign.v))};
}

KERNELET_INLINE float reduce_add(Vector a) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
KERNELET_INLINE float reduce_max(Vector a) {
    const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

KERNELET_INLINE Mask less(Vector a, Vector b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
KERNELET_INLINE Mask less_equal(Vector a, Vector b) {
    return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)};
}
KERNELET_INLINE Mask greater(Vector a, Vector b) { return less(b, a); }
KERNELET_INLINE Mask equal(Vector a, Vector b) {
    return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)};
}
KERNELET_INLINE Mask equal_u8(const std::uint8_t* p, std::uint8_t byte) {
    return {_mm_cmpeq_epi8_mask(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)),
                                _mm_set1_epi8(static_cast<char>(byte)))};
}
KERNELET_INLINE Mask is_nan(Vector a) { return {_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q)}; }
KERNELET_INLINE Mask mask_and(Mask a, Mask b) { return {_kand_mask16(a.m, b.m)}; }
KERNELET_INLINE Mask mask_or(Mask a, Mask b) { return {_kor_mask16(a.m, b.m)}; }
KERNELET_INLINE Mask mask_not(Mask a) { return {_knot_mask16(a.m)}; }
KERNELET_INLINE std::uint32_t mask_bits(Mask a) { return a.m; }
KERNELET_INLINE Mask mask_of_bits(std::uint32_t bits) { return {static_cast<__mmask16>(bits)}; }
KERNELET_INLINE bool any(Mask a) { return a.m != 0; }
KERNELET_INLINE bool all(Mask a) { return a.m == 0xFFFFU; }
KERNELET_INLINE Vector select(Mask mask, Vector a, Vector b) {
    return {_mm512_mask_blend_ps(mask.m, b.v, a.v)};
}

KERNELET_INLINE IntVector operator+(IntVector a, IntVector b) {
    return {_mm512_add_epi32(a.v, b.v)};
}
KERNELET_INLINE IntVector operator-(IntVector a, IntVector b) {
    return {_mm512_sub_epi32(a.v, b.v)};
}
KERNELET_INLINE IntVector operator&(IntVector a, IntVector b) {
    return {_mm512_and_si512(a.v, b.v)};
}
KERNELET_INLINE IntVector operator|(IntVector a, IntVector b) {
    return {_mm512_or_si512(a.v, b.v)};
}
KERNELET_INLINE IntVector operator^(IntVector a, IntVector b) {
    return {_mm512_xor_si512(a.v, b.v)};
}
template <int bits>
KERNELET_INLINE IntVector shift_left(IntVector a) {
    return {_mm512_slli_epi32(a.v, bits)};
}
template <int bits>
KERNELET_INLINE IntVector shift_right_arithmetic(IntVector a) {
    return {_mm512_srai_epi32(a.v, bits)};
}
template <int bits>
KERNELET_INLINE IntVector shift_right_logical(IntVector a) {
    return {_mm512_srli_epi32(a.v, bits)};
}
KERNELET_INLINE Vector permute(Vector a, IntVector indices) {
    return {_mm512_permutexvar_ps(indices.v, a.v)};
}
KERNELET_INLINE IntVector bits_of(Vector a) { return {_mm512_castps_si512(a.v)}; }
KERNELET_INLINE Vector from_bits(IntVector a) { return {_mm512_castsi512_ps(a.v)}; }
KERNELET_INLINE IntVector convert_to_int(Vector a) { return {_mm512_cvtps_epi32(a.v)}; }
KERNELET_INLINE Vector convert_to_float(IntVector a) { return {_mm512_cvtepi32_ps(a.v)}; }

struct DoubleVector {
    using Native = __m512d;
    static constexpr int width = 8;

    Native v;

    KERNELET_INLINE static DoubleVector zero() { return {_mm512_setzero_pd()}; }
    KERNELET_INLINE static DoubleVector broadcast(double x) { return {_mm512_set1_pd(x)}; }
    KERNELET_INLINE static DoubleVector broadcast_from(const double* p) {
        return {_mm512_set1_pd(*p)};
    }
    KERNELET_INLINE static DoubleVector load(const double* p) { return {_mm512_loadu_pd(p)}; }
    KERNELET_INLINE void store(double* p) const { _mm512_storeu_pd(p, v); }
};

KERNELET_INLINE DoubleVector operator+(DoubleVector a, DoubleVector b) {
    return {_mm512_add_pd(a.v, b.v)};
}
KERNELET_INLINE DoubleVector operator-(DoubleVector a, DoubleVector b) {
    return {_mm512_sub_pd(a.v, b.v)};
}
KERNELET_INLINE DoubleVector operator*(DoubleVector a, DoubleVector b) {
    return {_mm512_mul_pd(a.v, b.v)};
}
KERNELET_INLINE DoubleVector fma(DoubleVector a, DoubleVector b, DoubleVector c) {
    return {_mm512_fmadd_pd(a.v, b.v, c.v)};
}
KERNELET_INLINE DoubleVector fnma(DoubleVector a, DoubleVector b, DoubleVector c) {
    return {_mm512_fnmadd_pd(a.v, b.v, c.v)};
}

}  // namespace kernelet::KERNELET_ISA
