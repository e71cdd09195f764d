// Discrete Fourier transforms of 2, 3, 4, 5 and 8 complex numbers, many side by side.
#pragma once

#include "simd/common.h"
#include "simd/elements.h"

namespace kernelet::KERNELET_ISA {

// As many complex numbers with parts of type T as a vector has lanes.
template <class T>
struct Complex {
    VectorOf<T> re;
    VectorOf<T> im;
};

template <class T>
KERNELET_INLINE Complex<T> operator+(Complex<T> a, Complex<T> b) {
    return {a.re + b.re, a.im + b.im};
}
template <class T>
KERNELET_INLINE Complex<T> operator-(Complex<T> a, Complex<T> b) {
    return {a.re - b.re, a.im - b.im};
}

// c·x, or the conjugate of c times x.
template <bool conjugate, class T>
KERNELET_INLINE Complex<T> multiply(Complex<T> c, Complex<T> x) {
    if constexpr (conjugate) {
        return {fma(c.im, x.im, c.re * x.re), fnma(c.im, x.re, c.re * x.im)};
    } else {
        return {fnma(c.im, x.im, c.re * x.re), fma(c.im, x.re, c.re * x.im)};
    }
}

// a + s·x with a real number s.
template <class T>
KERNELET_INLINE Complex<T> add_scaled(Complex<T> a, T s, Complex<T> x) {
    const auto scale = VectorOf<T>::broadcast(s);
    return {fma(scale, x.re, a.re), fma(scale, x.im, a.im)};
}

// a + i·x, or a − i·x.
template <bool minus, class T>
KERNELET_INLINE Complex<T> add_turned(Complex<T> a, Complex<T> x) {
    if constexpr (minus) {
        return {a.re + x.im, a.im - x.re};
    } else {
        return {a.re - x.im, a.im + x.re};
    }
}

// a + i·s·x, or a − i·s·x, with a real number s.
template <bool minus, class T>
KERNELET_INLINE Complex<T> add_turned(Complex<T> a, T s, Complex<T> x) {
    const auto scale = VectorOf<T>::broadcast(s);
    if constexpr (minus) {
        return {fma(scale, x.im, a.re), fnma(scale, x.re, a.im)};
    } else {
        return {fnma(scale, x.im, a.re), fma(scale, x.re, a.im)};
    }
}

// x_j becomes Σ_k ω^{jk}·x_k with ω = e^{2πi/radix}, or with the conjugate of ω.
template <int radix, bool conjugate>
struct Butterfly;

template <bool conjugate>
struct Butterfly<2, conjugate> {
    template <class T>
    KERNELET_INLINE static void apply(Complex<T>* x) {
        const Complex<T> sum = x[0] + x[1];
        x[1] = x[0] - x[1];
        x[0] = sum;
    }
};

template <bool conjugate>
struct Butterfly<3, conjugate> {
    template <class T>
    KERNELET_INLINE static void apply(Complex<T>* x) {
        constexpr T cosine = T(-0.5);
        constexpr T sine = T(0.86602540378443864676);
        const Complex<T> sum = x[1] + x[2];
        const Complex<T> difference = x[1] - x[2];
        const Complex<T> middle = add_scaled(x[0], cosine, sum);
        x[0] = x[0] + sum;
        x[1] = add_turned<conjugate>(middle, sine, difference);
        x[2] = add_turned<!conjugate>(middle, sine, difference);
    }
};

template <bool conjugate>
struct Butterfly<4, conjugate> {
    template <class T>
    KERNELET_INLINE static void apply(Complex<T>* x) {
        const Complex<T> even_sum = x[0] + x[2];
        const Complex<T> even_difference = x[0] - x[2];
        const Complex<T> odd_sum = x[1] + x[3];
        const Complex<T> odd_difference = x[1] - x[3];
        x[0] = even_sum + odd_sum;
        x[1] = add_turned<conjugate>(even_difference, odd_difference);
        x[2] = even_sum - odd_sum;
        x[3] = add_turned<!conjugate>(even_difference, odd_difference);
    }
};

template <bool conjugate>
struct Butterfly<5, conjugate> {
    template <class T>
    KERNELET_INLINE static void apply(Complex<T>* x) {
        constexpr T cosine1 = T(0.30901699437494742410);   // of 2π/5
        constexpr T cosine2 = T(-0.80901699437494742410);  // of 4π/5
        constexpr T sine2 = T(0.58778525229247312917);     // of 4π/5
        constexpr T sine1 = T(0.95105651629515357212);     // of 2π/5
        const Complex<T> sum1 = x[1] + x[4];
        const Complex<T> sum2 = x[2] + x[3];
        const Complex<T> difference1 = x[1] - x[4];
        const Complex<T> difference2 = x[2] - x[3];
        const Complex<T> middle1 = add_scaled(add_scaled(x[0], cosine1, sum1), cosine2, sum2);
        const Complex<T> middle2 = add_scaled(add_scaled(x[0], cosine2, sum1), cosine1, sum2);
        x[0] = x[0] + sum1 + sum2;
        x[1] = turn(middle1, sine1, difference1, sine2, difference2);
        x[4] = turn(middle1, -sine1, difference1, -sine2, difference2);
        x[2] = turn(middle2, sine2, difference1, -sine1, difference2);
        x[3] = turn(middle2, -sine2, difference1, sine1, difference2);
    }

    template <class T>
    KERNELET_INLINE static Complex<T> turn(Complex<T> a, T s, Complex<T> x, T t, Complex<T> y) {
        return add_turned<conjugate>(add_turned<conjugate>(a, s, x), t, y);
    }
};

template <bool conjugate>
struct Butterfly<8, conjugate> {
    template <class T>
    KERNELET_INLINE static void apply(Complex<T>* x) {
        constexpr T half_root = T(0.70710678118654752440);
        Complex<T> even[4] = {x[0], x[2], x[4], x[6]};
        Complex<T> odd[4] = {x[1], x[3], x[5], x[7]};
        Butterfly<4, conjugate>::apply(even);
        Butterfly<4, conjugate>::apply(odd);
        // odd[1]·ω and odd[3]·ω³ without their common factor √½.
        const Complex<T> once = add_turned<conjugate>(odd[1], odd[1]);
        const Complex<T> thrice = add_turned<!conjugate>(odd[3], odd[3]);
        x[0] = even[0] + odd[0];
        x[4] = even[0] - odd[0];
        x[1] = add_scaled(even[1], half_root, once);
        x[5] = add_scaled(even[1], -half_root, once);
        x[2] = add_turned<conjugate>(even[2], odd[2]);
        x[6] = add_turned<!conjugate>(even[2], odd[2]);
        x[3] = add_scaled(even[3], -half_root, thrice);
        x[7] = add_scaled(even[3], half_root, thrice);
    }
};

}  // namespace kernelet::KERNELET_ISA
