// The vector vocabulary on AArch64 NEON: 4 float32 lanes, masks as all-ones or all-zeros lanes.
// The contract of each operation is in README.md.
#pragma once

#include <arm_neon.h>

#include "simd/common.h"

#define KERNELET_IN_REGISTER(native) __asm__("" : "+w"(native))

namespace kernelet::KERNELET_ISA {

struct Mask {
    uint32x4_t m;
};

KERNELET_INLINE Mask first_lanes(int n) {
    const int32x4_t lane = {0, 1, 2, 3};
    return {vcltq_s32(lane, vdupq_n_s32(n))};
}

struct Vector {
    using Native = float32x4_t;
    static constexpr int width = 4;
    static constexpr int registers = 32;

    Native v;

    KERNELET_INLINE static Vector zero() { return {vdupq_n_f32(0.0F)}; }
    KERNELET_INLINE static Vector broadcast(float x) { return {vdupq_n_f32(x)}; }
    KERNELET_INLINE static Vector broadcast_from(const float* p) { return {vld1q_dup_f32(p)}; }
    KERNELET_INLINE static Vector load(const float* p) { return {vld1q_f32(p)}; }
    KERNELET_INLINE static Vector load_partial(const float* p, int n) {
        if (n >= width) {
            return load(p);
        }
        float32x4_t lanes = vdupq_n_f32(0.0F);
        if (n > 0) {
            lanes = vld1q_lane_f32(p, lanes, 0);
        }
        if (n > 1) {
            lanes = vld1q_lane_f32(p + 1, lanes, 1);
        }
        if (n > 2) {
            lanes = vld1q_lane_f32(p + 2, lanes, 2);
        }
        return {lanes};
    }
    KERNELET_INLINE static Vector load_u8(const std::uint8_t* p) {
        std::uint32_t packed;
        __builtin_memcpy(&packed, p, sizeof packed);
        return from_packed_u8(packed);
    }
    KERNELET_INLINE static Vector load_u8_partial(const std::uint8_t* p, int n) {
        std::uint32_t packed = 0;
        for (int i = 0; i < n; ++i) {
            packed |= static_cast<std::uint32_t>(p[i]) << (8 * i);
        }
        return from_packed_u8(packed);
    }
    KERNELET_INLINE static Vector from_packed_u8(std::uint32_t packed) {
        const uint16x8_t wide = vmovl_u8(vcreate_u8(packed));
        return {vcvtq_f32_u32(vmovl_u16(vget_low_u16(wide)))};
    }
    KERNELET_INLINE void store(float* p) const { vst1q_f32(p, v); }
    KERNELET_INLINE void store_partial(float* p, int n) const {
        if (n >= width) {
            store(p);
            return;
        }
        if (n > 0) {
            vst1q_lane_f32(p, v, 0);
        }
        if (n > 1) {
            vst1q_lane_f32(p + 1, v, 1);
        }
        if (n > 2) {
            vst1q_lane_f32(p + 2, v, 2);
        }
    }
    KERNELET_INLINE void store_u8(std::uint8_t* p) const {
        const uint16x4_t words = vmovn_u32(vcvtq_u32_f32(v));
        const uint8x8_t bytes = vmovn_u16(vcombine_u16(words, words));
        const std::uint32_t packed = vget_lane_u32(vreinterpret_u32_u8(bytes), 0);
        __builtin_memcpy(p, &packed, sizeof packed);
    }
};

struct IntVector {
    using Native = int32x4_t;
    static constexpr int width = 4;

    Native v;

    KERNELET_INLINE static IntVector broadcast(std::int32_t x) { return {vdupq_n_s32(x)}; }
    KERNELET_INLINE static IntVector load(const std::int32_t* p) { return {vld1q_s32(p)}; }
    KERNELET_INLINE void store(std::int32_t* p) const { vst1q_s32(p, v); }
};

KERNELET_INLINE Mask less(Vector a, Vector b) { return {vcltq_f32(a.v, b.v)}; }
KERNELET_INLINE Mask less_equal(Vector a, Vector b) { return {vcleq_f32(a.v, b.v)}; }
KERNELET_INLINE Mask greater(Vector a, Vector b) { return {vcgtq_f32(a.v, b.v)}; }
KERNELET_INLINE Mask equal(Vector a, Vector b) { return {vceqq_f32(a.v, b.v)}; }
KERNELET_INLINE Mask equal_u8(const std::uint8_t* p, std::uint8_t byte) {
    return equal(Vector::load_u8(p), Vector::broadcast(static_cast<float>(byte)));
}
KERNELET_INLINE Mask is_nan(Vector a) { return {vmvnq_u32(vceqq_f32(a.v, a.v))}; }
KERNELET_INLINE Mask mask_and(Mask a, Mask b) { return {vandq_u32(a.m, b.m)}; }
KERNELET_INLINE Mask mask_or(Mask a, Mask b) { return {vorrq_u32(a.m, b.m)}; }
KERNELET_INLINE Mask mask_not(Mask a) { return {vmvnq_u32(a.m)}; }
KERNELET_INLINE std::uint32_t mask_bits(Mask a) {
    const uint32x4_t powers = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(a.m, powers));
}
KERNELET_INLINE Mask mask_of_bits(std::uint32_t bits) {
    const uint32x4_t powers = {1, 2, 4, 8};
    return {vtstq_u32(vdupq_n_u32(bits), powers)};
}
KERNELET_INLINE bool any(Mask a) { return vmaxvq_u32(a.m) != 0; }
KERNELET_INLINE bool all(Mask a) { return vminvq_u32(a.m) != 0; }
KERNELET_INLINE Vector select(Mask mask, Vector a, Vector b) {
    return {vbslq_f32(mask.m, a.v, b.v)};
}

KERNELET_INLINE Vector operator+(Vector a, Vector b) { return {vaddq_f32(a.v, b.v)}; }
KERNELET_INLINE Vector operator-(Vector a, Vector b) { return {vsubq_f32(a.v, b.v)}; }
KERNELET_INLINE Vector operator*(Vector a, Vector b) { return {vmulq_f32(a.v, b.v)}; }
KERNELET_INLINE Vector operator/(Vector a, Vector b) { return {vdivq_f32(a.v, b.v)}; }
KERNELET_INLINE Vector operator-(Vector a) { return {vnegq_f32(a.v)}; }
KERNELET_INLINE Vector fma(Vector a, Vector b, Vector c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
KERNELET_INLINE Vector fnma(Vector a, Vector b, Vector c) { return {vfmsq_f32(c.v, a.v, b.v)}; }
// Not vminq and vmaxq: those return NaN where either argument is, unlike the other headers.
KERNELET_INLINE Vector min(Vector a, Vector b) { return select(less(a, b), a, b); }
KERNELET_INLINE Vector max(Vector a, Vector b) { return select(greater(a, b), a, b); }
KERNELET_INLINE Vector abs(Vector a) { return {vabsq_f32(a.v)}; }
KERNELET_INLINE Vector sqrt(Vector a) { return {vsqrtq_f32(a.v)}; }
KERNELET_INLINE Vector round_to_nearest(Vector a) { return {vrndnq_f32(a.v)}; }
KERNELET_INLINE Vector copy_sign(Vector magnitude, Vector sign) {
    return {vbslq_f32(vdupq_n_u32(0x80000000U), sign.v, magnitude.v)};
}

KERNELET_INLINE float reduce_add(Vector a) {
    const float32x2_t two = vadd_f32(vget_low_f32(a.v), vget_high_f32(a.v));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
KERNELET_INLINE float reduce_max(Vector a) { return vmaxvq_f32(a.v); }

KERNELET_INLINE IntVector operator+(IntVector a, IntVector b) { return {vaddq_s32(a.v, b.v)}; }
KERNELET_INLINE IntVector operator-(IntVector a, IntVector b) { return {vsubq_s32(a.v, b.v)}; }
KERNELET_INLINE IntVector operator&(IntVector a, IntVector b) { return {vandq_s32(a.v, b.v)}; }
KERNELET_INLINE IntVector operator|(IntVector a, IntVector b) { return {vorrq_s32(a.v, b.v)}; }
KERNELET_INLINE IntVector operator^(IntVector a, IntVector b) { return {veorq_s32(a.v, b.v)}; }
template <int bits>
KERNELET_INLINE IntVector shift_left(IntVector a) {
    return {vshlq_n_s32(a.v, bits)};
}
template <int bits>
KERNELET_INLINE IntVector shift_right_arithmetic(IntVector a) {
    return {vshrq_n_s32(a.v, bits)};
}
template <int bits>
KERNELET_INLINE IntVector shift_right_logical(IntVector a) {
    return {vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(a.v), bits))};
}
KERNELET_INLINE Vector permute(Vector a, IntVector indices) {
    // The four bytes of a number, least significant first.
    const int32x4_t first = vmulq_n_s32(indices.v, 0x04040404);
    const int32x4_t bytes = vaddq_s32(first, vdupq_n_s32(0x03020100));
    return {
        vreinterpretq_f32_u8(vqtbl1q_u8(vreinterpretq_u8_f32(a.v), vreinterpretq_u8_s32(bytes)))};
}
KERNELET_INLINE IntVector bits_of(Vector a) { return {vreinterpretq_s32_f32(a.v)}; }
KERNELET_INLINE Vector from_bits(IntVector a) { return {vreinterpretq_f32_s32(a.v)}; }
KERNELET_INLINE IntVector convert_to_int(Vector a) { return {vcvtnq_s32_f32(a.v)}; }
KERNELET_INLINE Vector convert_to_float(IntVector a) { return {vcvtq_f32_s32(a.v)}; }

struct DoubleVector {
    using Native = float64x2_t;
    static constexpr int width = 2;

    Native v;

    KERNELET_INLINE static DoubleVector zero() { return {vdupq_n_f64(0.0)}; }
    KERNELET_INLINE static DoubleVector broadcast(double x) { return {vdupq_n_f64(x)}; }
    KERNELET_INLINE static DoubleVector broadcast_from(const double* p) {
        return {vld1q_dup_f64(p)};
    }
    KERNELET_INLINE static DoubleVector load(const double* p) { return {vld1q_f64(p)}; }
    KERNELET_INLINE void store(double* p) const { vst1q_f64(p, v); }
};

KERNELET_INLINE DoubleVector operator+(DoubleVector a, DoubleVector b) {
    return {vaddq_f64(a.v, b.v)};
}
KERNELET_INLINE DoubleVector operator-(DoubleVector a, DoubleVector b) {
    return {vsubq_f64(a.v, b.v)};
}
KERNELET_INLINE DoubleVector operator*(DoubleVector a, DoubleVector b) {
    return {vmulq_f64(a.v, b.v)};
}
KERNELET_INLINE DoubleVector fma(DoubleVector a, DoubleVector b, DoubleVector c) {
    return {vfmaq_f64(c.v, a.v, b.v)};
}
KERNELET_INLINE DoubleVector fnma(DoubleVector a, DoubleVector b, DoubleVector c) {
    return {vfmsq_f64(c.v, a.v, b.v)};
}

}  // namespace kernelet::KERNELET_ISA
