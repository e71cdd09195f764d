// The transforms of Winograd's convolution on six points: 4 outputs of 3 taps, or 2 of 5.
//
// Polynomials with the outputs, the taps and the cells of a tile as coefficients are multiplied by
// their values at 0, ±√2, ±√½ and ∞ (Lavin and Gray, "Fast algorithms for convolutional neural
// networks", 2016). These points make every constant small: the error in float32 is twice that of
// adding products one by one, with 0, ±1, ±2 and ∞ it is four times.
#pragma once

#include "kernelet/kernel.h"
#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

inline constexpr int winograd_points = 6;
inline constexpr int winograd_positions = winograd_points * winograd_points;
inline constexpr float root_two = 1.41421356F;
inline constexpr float root_half = 0.70710678F;

// Floats between `count` things of some floats each at neighbouring positions, tiles or inputs: a
// cache line more than they take, so that what belongs to one of them at all positions does not
// meet in one set of the cache.
KERNELET_INLINE std::int64_t position_stride(std::int64_t count, std::int64_t floats) {
    return count * floats + lanes;
}

// Outputs of a tile along an axis.
template <int Taps>
inline constexpr int winograd_outputs = winograd_points + 1 - Taps;

// What a tile's cells contribute at each point (Bᵀ).
KERNELET_INLINE void transform_cells(const Vector (&d)[winograd_points],
                                     Vector (&result)[winograd_points]) {
    const Vector half = Vector::broadcast(0.5F);
    const Vector two = Vector::broadcast(2.0F);
    const Vector wide = Vector::broadcast(2.5F);
    const Vector even = fnma(half, d[2], d[4]);
    const Vector odd = fnma(half, d[1], d[3]);
    const Vector inner_even = fnma(two, d[2], d[4]);
    const Vector inner_odd = fnma(two, d[1], d[3]);
    result[0] = fnma(wide, d[2], d[0] + d[4]);
    result[1] = fma(Vector::broadcast(root_two), odd, even);
    result[2] = fnma(Vector::broadcast(root_two), odd, even);
    result[3] = fma(Vector::broadcast(root_half), inner_odd, inner_even);
    result[4] = fnma(Vector::broadcast(root_half), inner_odd, inner_even);
    result[5] = fnma(wide, d[3], d[1] + d[5]);
}

// The values at all points of the polynomial with N coefficients c (A for outputs, G without its
// scale for taps).
template <int N>
KERNELET_INLINE void evaluate(const Vector (&c)[N], Vector (&values)[winograd_points]) {
    const Vector half = Vector::broadcast(0.5F);
    const Vector two = Vector::broadcast(2.0F);
    Vector even = c[0];
    Vector inner_even = c[0];
    Vector odd = c[1];
    Vector inner_odd = c[1];
    if constexpr (N >= 3) {
        const Vector second = N >= 5 ? fma(two, c[N - 1], c[2]) : c[2];
        const Vector inner_second = N >= 5 ? fma(half, c[N - 1], c[2]) : c[2];
        even = fma(two, second, even);
        inner_even = fma(half, inner_second, inner_even);
    }
    if constexpr (N >= 4) {
        odd = fma(two, c[3], odd);
        inner_odd = fma(half, c[3], inner_odd);
    }
    values[0] = c[0];
    values[1] = fma(Vector::broadcast(root_two), odd, even);
    values[2] = fnma(Vector::broadcast(root_two), odd, even);
    values[3] = fma(Vector::broadcast(root_half), inner_odd, inner_even);
    values[4] = fnma(Vector::broadcast(root_half), inner_odd, inner_even);
    values[5] = c[N - 1];
}

// The transpose of `evaluate` (Aᵀ, or Gᵀ without its scale).
template <int N>
KERNELET_INLINE void combine(const Vector (&m)[winograd_points], Vector (&c)[N]) {
    const Vector sum = m[1] + m[2];
    const Vector difference = m[1] - m[2];
    const Vector inner_sum = m[3] + m[4];
    const Vector inner_difference = m[3] - m[4];
    float power = 1.0F;
    float inner_power = 1.0F;
    KERNELET_UNROLL
    for (int i = 0; i < N; ++i) {
        const bool odd = i % 2 == 1;
        const float factor = odd ? power * root_two : power;
        const float inner_factor = odd ? inner_power * root_half : inner_power;
        const Vector outer = odd ? difference : sum;
        const Vector inner = odd ? inner_difference : inner_sum;
        Vector value = i == 0       ? outer + (inner + m[0])
                       : i == N - 1 ? fma(Vector::broadcast(inner_factor), inner, m[5])
                                    : inner * Vector::broadcast(inner_factor);
        if (i > 0) value = fma(Vector::broadcast(factor), outer, value);
        c[i] = value;
        if (odd) {
            power *= 2.0F;
            inner_power *= 0.5F;
        }
    }
}

// Products with 1 / Π (p − q) over the other points q, which the taps' transform G contains.
KERNELET_INLINE void scale_points(Vector (&values)[winograd_points]) {
    const Vector outer = Vector::broadcast(1.0F / 6.0F);
    const Vector inner = Vector::broadcast(-2.0F / 3.0F);
    values[1] = values[1] * outer;
    values[2] = values[2] * outer;
    values[3] = values[3] * inner;
    values[4] = values[4] * inner;
}

}  // namespace kernelet::KERNELET_ISA
