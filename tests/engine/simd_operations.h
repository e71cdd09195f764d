// The vector vocabulary of one instruction set as plain functions over arrays of one vector, so
// that the checks and the standard library they use are compiled for the baseline processor only.
#pragma once

#include <cstdint>

struct SimdOperations {
    using Unary = void (*)(const float* a, float* out);
    using Binary = void (*)(const float* a, const float* b, float* out);
    using Ternary = void (*)(const float* a, const float* b, const float* c, float* out);
    using ByChannels = void (*)(const float* a, float* out);
    using IntUnary = void (*)(const std::int32_t* a, std::int32_t* out);
    using IntBinary = void (*)(const std::int32_t* a, const std::int32_t* b, std::int32_t* out);

    const char* name;
    int width;
    bool fused;  // fma rounds once

    Unary copy, broadcast_from, negate, absolute, square_root, round;
    Unary exp, log, tanh, sigmoid, erf;
    Binary add, subtract, multiply, divide, min, max, copy_sign;
    Ternary fma, fnma;

    // Comparisons and masks: 1 in the lanes where the mask is true, 0 elsewhere.
    Binary less, less_equal, greater, equal, both_nan, either_nan;
    Unary is_nan, is_number;
    // select(a < b, c, a)
    Ternary select_less;
    bool (*any_less)(const float* a, const float* b);
    bool (*all_less)(const float* a, const float* b);

    void (*permute)(const float* a, const std::int32_t* places, float* out);
    // By the number of channels, from 1 on.
    ByChannels split_channels[8];
    ByChannels join_channels[8];
    float (*reduce_add)(const float* a);
    float (*reduce_max)(const float* a);
    void (*zero)(float* out);
    void (*broadcast)(float x, float* out);

    void (*first_lanes)(int n, float* out);
    std::uint32_t (*mask_bits)(std::uint32_t bits);
    void (*load_partial)(const float* p, int n, float* out);
    void (*store_partial)(const float* a, float* p, int n);
    void (*load_u8)(const std::uint8_t* p, float* out);
    void (*load_u8_partial)(const std::uint8_t* p, int n, float* out);
    void (*store_u8)(const float* a, std::uint8_t* p);

    IntBinary int_add, int_subtract, int_and, int_or, int_xor;
    IntUnary shift_left_5, shift_right_arithmetic_5, shift_right_logical_5;
    void (*int_broadcast)(std::int32_t x, std::int32_t* out);
    void (*bits_of)(const float* a, std::int32_t* out);
    void (*from_bits)(const std::int32_t* a, float* out);
    void (*convert_to_int)(const float* a, std::int32_t* out);
    void (*convert_to_float)(const std::int32_t* a, float* out);
};

extern const SimdOperations simd_scalar;
#if defined(__x86_64__)
extern const SimdOperations simd_avx2;
extern const SimdOperations simd_avx512;
#elif defined(__aarch64__)
extern const SimdOperations simd_neon;
#endif
