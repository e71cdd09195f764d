// Elementary functions over the vector vocabulary, written once for every instruction set.
//
// Each function covers all of float32: infinities and NaN give what IEEE 754 asks for, and a
// result of exp or sigmoid below 2^-126, the smallest normal number, is 0. exp, log and sigmoid
// give the same bits whether or not the processor flushes denormal numbers to zero, tanh and erf
// do for arguments of 2^-120 and more in magnitude.
//
// The errors stated are the largest over all float32 arguments, in units in the last place of the
// float64 result: first with a fused multiply-add, then with two roundings (scalar).
// tools/fit_polynomials.py derives the coefficients.
#pragma once

#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

// c0 + x (c1 + x (c2 + …)), coefficients lowest power first.
KERNELET_INLINE Vector polynomial(Vector /*x*/, float c0) { return Vector::broadcast(c0); }
template <typename... Rest>
KERNELET_INLINE Vector polynomial(Vector x, float c0, Rest... rest) {
    return fma(polynomial(x, rest...), x, Vector::broadcast(c0));
}

inline constexpr float smallest_normal = 0x1p-126F;
inline constexpr float infinity = __builtin_inff();

// ln 2 in two parts. The upper has 9 significant bits, so that its product with an exponent is
// exact also where fma rounds twice.
inline constexpr float ln2_upper = 0.693359375F;
inline constexpr float ln2_lower = -2.12194440e-4F;

// The arguments with a normal, finite exponential: [ln 2^-126, ln of the largest float32].
inline constexpr float exp_lowest = -87.3365402F;
inline constexpr float exp_highest = 88.7228317F;

// exp(x) for exp_lowest <= x <= exp_highest; anything for other x, NaN included.
//
// x = n ln 2 + r with |r| <= ln 2 / 2, exp(x) = 2^n exp(r). Adding 1.5 * 2^23 leaves n in the low
// bits of the sum; adding those to the exponent of exp(r) multiplies it by 2^n.
KERNELET_INLINE Vector exp_in_range(Vector x) {
    const Vector shifter = Vector::broadcast(0x1.8p23F);
    const Vector shifted = fma(x, Vector::broadcast(1.44269504F), shifter);
    const Vector n = shifted - shifter;
    const Vector r =
        fnma(n, Vector::broadcast(ln2_lower), fnma(n, Vector::broadcast(ln2_upper), x));
    const Vector tail =
        polynomial(r, 0.49999994F, 0.166665226F, 0.0416682921F, 0.00836853217F, 0.00138182985F);
    const Vector power = fma(r * r, tail, r) + Vector::broadcast(1.0F);
    return from_bits(bits_of(power) + shift_left<23>(bits_of(shifted)));
}

// e^x. Errors: 1.02, 1.00.
KERNELET_INLINE Vector exp(Vector x) {
    const Vector y =
        select(less(x, Vector::broadcast(exp_lowest)), Vector::zero(), exp_in_range(x));
    // The sum is infinity for a large x and NaN for NaN.
    return select(less_equal(x, Vector::broadcast(exp_highest)), y,
                  x + Vector::broadcast(infinity));
}

// Natural logarithm. A denormal argument of either sign counts as 0 and gives -infinity.
// Errors: 0.86, 0.87.
//
// x = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), log(x) = e ln 2 + log(1 + f).
KERNELET_INLINE Vector log(Vector x) {
    const IntVector sqrt_half = IntVector::broadcast(0x3F3504F3);
    const IntVector exponent = shift_right_arithmetic<23>(bits_of(x) - sqrt_half);
    const Vector e = convert_to_float(exponent);
    const Vector f = from_bits(bits_of(x) - shift_left<23>(exponent)) - Vector::broadcast(1.0F);
    const Vector square = f * f;
    const Vector tail = polynomial(f, 0.333333313F, -0.250008196F, 0.200012416F, -0.166234091F,
                                   0.1420158F, -0.131596103F, 0.127622172F, -0.0763643906F);
    const Vector lower = fma(e, Vector::broadcast(ln2_lower), square * f * tail);
    const Vector sum = f + fnma(Vector::broadcast(0.5F), square, lower);
    const Vector finite = fma(e, Vector::broadcast(ln2_upper), sum);

    const Vector positive = select(less(x, Vector::broadcast(infinity)), finite, x + x);
    const Vector zero = select(less_equal(x, Vector::broadcast(-smallest_normal)),
                               Vector::broadcast(__builtin_nanf("")), Vector::broadcast(-infinity));
    return select(less(x, Vector::broadcast(smallest_normal)), zero, positive);
}

// Hyperbolic tangent. Errors: 1.34, 1.34.
//
// An odd polynomial up to 0.625, 1 - 2 / (exp(2 x) + 1) beyond, which is 1 from 9.02 on.
KERNELET_INLINE Vector tanh(Vector x) {
    const Vector one = Vector::broadcast(1.0F);
    const Vector threshold = Vector::broadcast(0.625F);
    const Vector magnitude = abs(x);
    const Vector square = x * x;
    const Vector tail = polynomial(square, -0.333332807F, 0.133314058F, -0.0537365153F,
                                   0.0206281673F, -0.00569229666F);
    const Vector small = fma(x * square, tail, x);

    const Vector bounded = min(magnitude, Vector::broadcast(10.0F));
    const Vector quotient = Vector::broadcast(2.0F) / (exp_in_range(bounded + bounded) + one);
    // NaN compares false with the threshold; the polynomial hands it on.
    // copy_sign also restores the sign of -0, which the addition of +0 in `small` loses.
    return copy_sign(select(less_equal(threshold, magnitude), one - quotient, small), x);
}

// 1 / (1 + e^-x). Errors: 2.49, 2.49.
KERNELET_INLINE Vector sigmoid(Vector x) {
    const Vector one = Vector::broadcast(1.0F);
    const Vector y = one / (one + exp(-x));
    return select(less(x, Vector::broadcast(exp_lowest)), Vector::zero(), y);
}

// Error function. Errors: 1.12, 1.30.
//
// An odd polynomial up to 0.9, 1 - exp(-p(x)) beyond, which is 1 from 3.92 on.
KERNELET_INLINE Vector erf(Vector x) {
    const Vector threshold = Vector::broadcast(0.9F);
    const Vector magnitude = abs(x);
    const Vector small = fma(x,
                             polynomial(x * x, 0.128379151F, -0.376125067F, 0.112819783F,
                                        -0.0267733987F, 0.00500434591F, -0.000605344598F),
                             x);

    const Vector bounded = min(magnitude, Vector::broadcast(4.0F));
    const Vector decay = polynomial(bounded, 0.000166447775F, 1.12779725F, 0.636976063F,
                                    0.10411372F, -0.0223152544F, 0.00306551019F, -0.000198223352F);
    const Vector large = Vector::broadcast(1.0F) - exp_in_range(-decay);
    // As in tanh, the polynomial hands NaN on.
    return select(less_equal(threshold, magnitude), copy_sign(large, x), small);
}

}  // namespace kernelet::KERNELET_ISA
