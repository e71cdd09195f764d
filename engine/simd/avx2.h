// The vector vocabulary on AVX2 with FMA: 8 float32 lanes, masks as all-ones or all-zeros lanes.
// The contract of each operation is in README.md.
#pragma once

#include <immintrin.h>

#include "simd/common.h"

#define KERNELET_IN_REGISTER(native) __asm__("" : "+x"(native))

namespace kernelet::KERNELET_ISA {

struct Mask {
    __m256 m;
};

KERNELET_INLINE Mask first_lanes(int n) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return {_mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane))};
}

struct Vector {
    using Native = __m256;
    static constexpr int width = 8;
    static constexpr int registers = 16;

    Native v;

    KERNELET_INLINE static Vector zero() { return {_mm256_setzero_ps()}; }
    KERNELET_INLINE static Vector broadcast(float x) { return {_mm256_set1_ps(x)}; }
    KERNELET_INLINE static Vector broadcast_from(const float* p) {
        return {_mm256_broadcast_ss(p)};
    }
    KERNELET_INLINE static Vector load(const float* p) { return {_mm256_loadu_ps(p)}; }
    KERNELET_INLINE static Vector load_partial(const float* p, int n) {
        return {_mm256_maskload_ps(p, _mm256_castps_si256(first_lanes(n).m))};
    }
    KERNELET_INLINE static Vector load_u8(const std::uint8_t* p) {
        const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
        return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes))};
    }
    KERNELET_INLINE static Vector load_u8_partial(const std::uint8_t* p, int n) {
        std::uint64_t packed = 0;
        for (int i = 0; i < n; ++i) {
            packed |= static_cast<std::uint64_t>(p[i]) << (8 * i);
        }
        const __m128i bytes = _mm_cvtsi64_si128(static_cast<long long>(packed));
        return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes))};
    }
    KERNELET_INLINE void store(float* p) const { _mm256_storeu_ps(p, v); }
    // Zen takes 12 cycles for a masked store; these are one instruction where n is the width.
    KERNELET_INLINE void store_partial(float* p, int n) const {
        if (n >= width) return store(p);
        __m128 rest = _mm256_castps256_ps128(v);
        if (n & 4) {
            _mm_storeu_ps(p, rest);
            rest = _mm256_extractf128_ps(v, 1);
            p += 4;
        }
        if (n & 2) {
            _mm_storel_pi(reinterpret_cast<__m64*>(p), rest);
            rest = _mm_movehl_ps(rest, rest);
            p += 2;
        }
        if (n & 1) _mm_store_ss(p, rest);
    }
    KERNELET_INLINE void store_u8(std::uint8_t* p) const {
        const __m256i whole = _mm256_cvtps_epi32(v);
        const __m128i words =
            _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
        _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
    }
};

struct IntVector {
    using Native = __m256i;
    static constexpr int width = 8;

    Native v;

    KERNELET_INLINE static IntVector broadcast(std::int32_t x) { return {_mm256_set1_epi32(x)}; }
    KERNELET_INLINE static IntVector load(const std::int32_t* p) {
        return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
    }
    KERNELET_INLINE void store(std::int32_t* p) const {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
    }
};

KERNELET_INLINE Vector operator+(Vector a, Vector b) { return {_mm256_add_ps(a.v, b.v)}; }
KERNELET_INLINE Vector operator-(Vector a, Vector b) { return {_mm256_sub_ps(a.v, b.v)}; }
KERNELET_INLINE Vector operator*(Vector a, Vector b) { return {_mm256_mul_ps(a.v, b.v)}; }
KERNELET_INLINE Vector operator/(Vector a, Vector b) { return {_mm256_div_ps(a.v, b.v)}; }
KERNELET_INLINE Vector operator-(Vector a) { return {_mm256_xor_ps(a.v, _mm256_set1_ps(-0.0F))}; }
KERNELET_INLINE Vector fma(Vector a, Vector b, Vector c) {
    return {_mm256_fmadd_ps(a.v, b.v, c.v)};
}
KERNELET_INLINE Vector fnma(Vector a, Vector b, Vector c) {
    return {_mm256_fnmadd_ps(a.v, b.v, c.v)};
}
KERNELET_INLINE Vector min(Vector a, Vector b) { return {_mm256_min_ps(a.v, b.v)}; }
KERNELET_INLINE Vector max(Vector a, Vector b) { return {_mm256_max_ps(a.v, b.v)}; }
KERNELET_INLINE Vector abs(Vector a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0F), a.v)}; }
KERNELET_INLINE Vector sqrt(Vector a) { return {_mm256_sqrt_ps(a.v)}; }
KERNELET_INLINE Vector round_to_nearest(Vector a) {
    return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
KERNELET_INLINE Vector copy_sign(Vector magnitude, Vector sign) {
    const __m256 sign_bit = _mm256_set1_ps(-0.0F);
    return {_mm256_or_ps(_mm256_andnot_ps(sign_bit, magnitude.v), _mm256_and_ps(sign_bit, sign.v))};
}

KERNELET_INLINE float reduce_add(Vector a) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
KERNELET_INLINE float reduce_max(Vector a) {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

KERNELET_INLINE Mask less(Vector a, Vector b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
KERNELET_INLINE Mask less_equal(Vector a, Vector b) {
    return {_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)};
}
KERNELET_INLINE Mask greater(Vector a, Vector b) { return less(b, a); }
KERNELET_INLINE Mask equal(Vector a, Vector b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)}; }
KERNELET_INLINE Mask equal_u8(const std::uint8_t* p, std::uint8_t byte) {
    return equal(Vector::load_u8(p), Vector::broadcast(static_cast<float>(byte)));
}
KERNELET_INLINE Mask is_nan(Vector a) { return {_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q)}; }
KERNELET_INLINE Mask mask_and(Mask a, Mask b) { return {_mm256_and_ps(a.m, b.m)}; }
KERNELET_INLINE Mask mask_or(Mask a, Mask b) { return {_mm256_or_ps(a.m, b.m)}; }
KERNELET_INLINE Mask mask_not(Mask a) {
    return {_mm256_xor_ps(a.m, _mm256_castsi256_ps(_mm256_set1_epi32(-1)))};
}
KERNELET_INLINE std::uint32_t mask_bits(Mask a) {
    return static_cast<std::uint32_t>(_mm256_movemask_ps(a.m));
}
KERNELET_INLINE Mask mask_of_bits(std::uint32_t bits) {
    const __m256i powers = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i all = _mm256_set1_epi32(static_cast<std::int32_t>(bits));
    return {_mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(all, powers), powers))};
}
KERNELET_INLINE bool any(Mask a) { return _mm256_movemask_ps(a.m) != 0; }
KERNELET_INLINE bool all(Mask a) { return _mm256_movemask_ps(a.m) == 0xFF; }
KERNELET_INLINE Vector select(Mask mask, Vector a, Vector b) {
    return {_mm256_blendv_ps(b.v, a.v, mask.m)};
}

KERNELET_INLINE IntVector operator+(IntVector a, IntVector b) {
    return {_mm256_add_epi32(a.v, b.v)};
}
KERNELET_INLINE IntVector operator-(IntVector a, IntVector b) {
    return {_mm256_sub_epi32(a.v, b.v)};
}
KERNELET_INLINE IntVector operator&(IntVector a, IntVector b) {
    return {_mm256_and_si256(a.v, b.v)};
}
KERNELET_INLINE IntVector operator|(IntVector a, IntVector b) {
    return {_mm256_or_si256(a.v, b.v)};
}
KERNELET_INLINE IntVector operator^(IntVector a, IntVector b) {
    return {_mm256_xor_si256(a.v, b.v)};
}
template <int bits>
KERNELET_INLINE IntVector shift_left(IntVector a) {
    return {_mm256_slli_epi32(a.v, bits)};
}
template <int bits>
KERNELET_INLINE IntVector shift_right_arithmetic(IntVector a) {
    return {_mm256_srai_epi32(a.v, bits)};
}
template <int bits>
KERNELET_INLINE IntVector shift_right_logical(IntVector a) {
    return {_mm256_srli_epi32(a.v, bits)};
}
KERNELET_INLINE Vector permute(Vector a, IntVector indices) {
    return {_mm256_permutevar8x32_ps(a.v, indices.v)};
}
KERNELET_INLINE IntVector bits_of(Vector a) { return {_mm256_castps_si256(a.v)}; }
KERNELET_INLINE Vector from_bits(IntVector a) { return {_mm256_castsi256_ps(a.v)}; }
KERNELET_INLINE IntVector convert_to_int(Vector a) { return {_mm256_cvtps_epi32(a.v)}; }
KERNELET_INLINE Vector convert_to_float(IntVector a) { return {_mm256_cvtepi32_ps(a.v)}; }

struct DoubleVector {
    using Native = __m256d;
    static constexpr int width = 4;

    Native v;

    KERNELET_INLINE static DoubleVector zero() { return {_mm256_setzero_pd()}; }
    KERNELET_INLINE static DoubleVector broadcast(double x) { return {_mm256_set1_pd(x)}; }
    KERNELET_INLINE static DoubleVector broadcast_from(const double* p) {
        return {_mm256_set1_pd(*p)};
    }
    KERNELET_INLINE static DoubleVector load(const double* p) { return {_mm256_loadu_pd(p)}; }
    KERNELET_INLINE void store(double* p) const { _mm256_storeu_pd(p, v); }
};

KERNELET_INLINE DoubleVector operator+(DoubleVector a, DoubleVector b) {
    return {_mm256_add_pd(a.v, b.v)};
}
KERNELET_INLINE DoubleVector operator-(DoubleVector a, DoubleVector b) {
    return {_mm256_sub_pd(a.v, b.v)};
}
KERNELET_INLINE DoubleVector operator*(DoubleVector a, DoubleVector b) {
    return {_mm256_mul_pd(a.v, b.v)};
}
KERNELET_INLINE DoubleVector fma(DoubleVector a, DoubleVector b, DoubleVector c) {
    return {_mm256_fmadd_pd(a.v, b.v, c.v)};
}
KERNELET_INLINE DoubleVector fnma(DoubleVector a, DoubleVector b, DoubleVector c) {
    return {_mm256_fnmadd_pd(a.v, b.v, c.v)};
}

}  // namespace kernelet::KERNELET_ISA
