// The vector vocabulary in plain C++: one lane, for every machine. It is the fallback and the
// reading aid; the contract of each operation is in README.md.
#pragma once

#include "simd/common.h"

#define KERNELET_IN_REGISTER(native) static_cast<void>(native)

namespace kernelet::KERNELET_ISA {

struct Mask {
    bool m;
};

KERNELET_INLINE Mask first_lanes(int n) { return {n > 0}; }

struct Vector {
    using Native = float;
    static constexpr int width = 1;
    static constexpr int registers = 16;

    Native v;

    KERNELET_INLINE static Vector zero() { return {0.0F}; }
    KERNELET_INLINE static Vector broadcast(float x) { return {x}; }
    KERNELET_INLINE static Vector broadcast_from(const float* p) { return {*p}; }
    KERNELET_INLINE static Vector load(const float* p) { return {*p}; }
    KERNELET_INLINE static Vector load_partial(const float* p, int n) {
        return {n > 0 ? *p : 0.0F};
    }
    KERNELET_INLINE static Vector load_u8(const std::uint8_t* p) {
        return {static_cast<float>(*p)};
    }
    KERNELET_INLINE static Vector load_u8_partial(const std::uint8_t* p, int n) {
        return {n > 0 ? static_cast<float>(*p) : 0.0F};
    }
    KERNELET_INLINE void store(float* p) const { *p = v; }
    KERNELET_INLINE void store_partial(float* p, int n) const {
        if (n > 0) {
            *p = v;
        }
    }
    KERNELET_INLINE void store_u8(std::uint8_t* p) const { *p = static_cast<std::uint8_t>(v); }
};

struct IntVector {
    using Native = std::int32_t;
    static constexpr int width = 1;

    Native v;

    KERNELET_INLINE static IntVector broadcast(std::int32_t x) { return {x}; }
    KERNELET_INLINE static IntVector load(const std::int32_t* p) { return {*p}; }
    KERNELET_INLINE void store(std::int32_t* p) const { *p = v; }
};

KERNELET_INLINE Vector operator+(Vector a, Vector b) { return {a.v + b.v}; }
KERNELET_INLINE Vector operator-(Vector a, Vector b) { return {a.v - b.v}; }
KERNELET_INLINE Vector operator*(Vector a, Vector b) { return {a.v * b.v}; }
KERNELET_INLINE Vector operator/(Vector a, Vector b) { return {a.v / b.v}; }
KERNELET_INLINE Vector operator-(Vector a) { return {-a.v}; }
// Rounded twice: a fused multiply-add without the instruction is a library call of some 50 ns.
KERNELET_INLINE Vector fma(Vector a, Vector b, Vector c) { return {a.v * b.v + c.v}; }
KERNELET_INLINE Vector fnma(Vector a, Vector b, Vector c) { return {c.v - a.v * b.v}; }
KERNELET_INLINE Vector min(Vector a, Vector b) { return {a.v < b.v ? a.v : b.v}; }
KERNELET_INLINE Vector max(Vector a, Vector b) { return {a.v > b.v ? a.v : b.v}; }
KERNELET_INLINE Vector abs(Vector a) { return {__builtin_fabsf(a.v)}; }
KERNELET_INLINE Vector sqrt(Vector a) { return {__builtin_sqrtf(a.v)}; }
KERNELET_INLINE Vector copy_sign(Vector magnitude, Vector sign) {
    return {__builtin_copysignf(magnitude.v, sign.v)};
}
// From 2^23 on every float32 is whole, and adding 2^23 rounds a smaller one to a whole number.
KERNELET_INLINE Vector round_to_nearest(Vector a) {
    const float magnitude = __builtin_fabsf(a.v);
    if (!(magnitude < 0x1p23F)) {
        return a;
    }
    return {__builtin_copysignf((magnitude + 0x1p23F) - 0x1p23F, a.v)};
}

KERNELET_INLINE float reduce_add(Vector a) { return a.v; }
KERNELET_INLINE float reduce_max(Vector a) { return a.v; }

KERNELET_INLINE Mask less(Vector a, Vector b) { return {a.v < b.v}; }
KERNELET_INLINE Mask less_equal(Vector a, Vector b) { return {a.v <= b.v}; }
KERNELET_INLINE Mask greater(Vector a, Vector b) { return {a.v > b.v}; }
KERNELET_INLINE Mask equal(Vector a, Vector b) { return {a.v == b.v}; }
KERNELET_INLINE Mask equal_u8(const std::uint8_t* p, std::uint8_t byte) { return {*p == byte}; }
KERNELET_INLINE Mask is_nan(Vector a) { return {a.v != a.v}; }
KERNELET_INLINE Mask mask_and(Mask a, Mask b) { return {a.m && b.m}; }
KERNELET_INLINE Mask mask_or(Mask a, Mask b) { return {a.m || b.m}; }
KERNELET_INLINE Mask mask_not(Mask a) { return {!a.m}; }
KERNELET_INLINE std::uint32_t mask_bits(Mask a) { return a.m ? 1 : 0; }
KERNELET_INLINE Mask mask_of_bits(std::uint32_t bits) { return {(bits & 1) != 0}; }
KERNELET_INLINE bool any(Mask a) { return a.m; }
KERNELET_INLINE bool all(Mask a) { return a.m; }
KERNELET_INLINE Vector select(Mask mask, Vector a, Vector b) { return mask.m ? a : b; }

// Signed overflow wraps, as in the vector instructions: the arithmetic is done unsigned.
KERNELET_INLINE std::uint32_t as_unsigned(IntVector a) { return static_cast<std::uint32_t>(a.v); }
KERNELET_INLINE IntVector as_signed(std::uint32_t a) { return {static_cast<std::int32_t>(a)}; }
KERNELET_INLINE IntVector operator+(IntVector a, IntVector b) {
    return as_signed(as_unsigned(a) + as_unsigned(b));
}
KERNELET_INLINE IntVector operator-(IntVector a, IntVector b) {
    return as_signed(as_unsigned(a) - as_unsigned(b));
}
KERNELET_INLINE IntVector operator&(IntVector a, IntVector b) { return {a.v & b.v}; }
KERNELET_INLINE IntVector operator|(IntVector a, IntVector b) { return {a.v | b.v}; }
KERNELET_INLINE IntVector operator^(IntVector a, IntVector b) { return {a.v ^ b.v}; }
template <int bits>
KERNELET_INLINE IntVector shift_left(IntVector a) {
    return as_signed(as_unsigned(a) << bits);
}
template <int bits>
KERNELET_INLINE IntVector shift_right_arithmetic(IntVector a) {
    return {a.v >> bits};
}
template <int bits>
KERNELET_INLINE IntVector shift_right_logical(IntVector a) {
    return as_signed(as_unsigned(a) >> bits);
}
KERNELET_INLINE Vector permute(Vector a, IntVector) { return a; }
KERNELET_INLINE IntVector bits_of(Vector a) { return {__builtin_bit_cast(std::int32_t, a.v)}; }
KERNELET_INLINE Vector from_bits(IntVector a) { return {__builtin_bit_cast(float, a.v)}; }
// What does not fit (NaN too) becomes INT32_MIN, as on x86, instead of undefined behaviour.
KERNELET_INLINE IntVector convert_to_int(Vector a) {
    const float whole = round_to_nearest(a).v;
    const bool fits = whole >= -0x1p31F && whole < 0x1p31F;
    return {fits ? static_cast<std::int32_t>(whole) : INT32_MIN};
}
KERNELET_INLINE Vector convert_to_float(IntVector a) { return {static_cast<float>(a.v)}; }

struct DoubleVector {
    using Native = double;
    static constexpr int width = 1;

    Native v;

    KERNELET_INLINE static DoubleVector zero() { return {0.0}; }
    KERNELET_INLINE static DoubleVector broadcast(double x) { return {x}; }
    KERNELET_INLINE static DoubleVector broadcast_from(const double* p) { return {*p}; }
    KERNELET_INLINE static DoubleVector load(const double* p) { return {*p}; }
    KERNELET_INLINE void store(double* p) const { *p = v; }
};

KERNELET_INLINE DoubleVector operator+(DoubleVector a, DoubleVector b) { return {a.v + b.v}; }
KERNELET_INLINE DoubleVector operator-(DoubleVector a, DoubleVector b) { return {a.v - b.v}; }
KERNELET_INLINE DoubleVector operator*(DoubleVector a, DoubleVector b) { return {a.v * b.v}; }
KERNELET_INLINE DoubleVector fma(DoubleVector a, DoubleVector b, DoubleVector c) {
    return {a.v * b.v + c.v};
}
KERNELET_INLINE DoubleVector fnma(DoubleVector a, DoubleVector b, DoubleVector c) {
    return {c.v - a.v * b.v};
}

}  // namespace kernelet::KERNELET_ISA
