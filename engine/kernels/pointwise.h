// Activations: functions of one number, applied to vectors of samples.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/tile.h"
#include "simd/math.h"

namespace kernelet::KERNELET_ISA {

// Distribution function of the normal distribution, ½ (1 + erf(x / √2)).
KERNELET_INLINE Vector normal_distribution(Vector x) {
    const Vector half = Vector::broadcast(0.5F);
    return fma(half, erf(x * Vector::broadcast(0.70710678F)), half);
}

template <Activation kind>
KERNELET_INLINE Vector activate(Vector x, Vector slope) {
    if constexpr (kind == Activation::relu) {
        return max(Vector::zero(), x);
    } else if constexpr (kind == Activation::leaky_relu) {
        return select(less(x, Vector::zero()), x * slope, x);
    } else if constexpr (kind == Activation::sigmoid) {
        return sigmoid(x);
    } else if constexpr (kind == Activation::tanh) {
        return tanh(x);
    } else if constexpr (kind == Activation::gelu) {
        return x * normal_distribution(x);
    } else if constexpr (kind == Activation::silu) {
        return x * sigmoid(x);
    } else {
        return x;
    }
}

template <Activation kind>
inline void activate_elements(const float* source, float* target, std::int64_t elements,
                              float slope) {
    for (std::int64_t k = 0; k < elements * lanes; k += Vector::width) {
        activate<kind>(Vector::load(source + k), Vector::broadcast(slope)).store(target + k);
    }
}

inline void activate_any(const float* source, float* target, std::int64_t elements, Activation kind,
                         float slope) {
    switch (kind) {
#define KERNELET_ACTIVATE_CASE(name)                                          \
    case Activation::name:                                                    \
        activate_elements<Activation::name>(source, target, elements, slope); \
        break;
        KERNELET_ACTIVATIONS(KERNELET_ACTIVATE_CASE)
#undef KERNELET_ACTIVATE_CASE
    }
}

// Applies in place the activations that the tile's epilogue leaves to a second pass over the row
// that has just been written, still in cache.
inline void activate_row(float* row, std::int64_t elements, std::int64_t activation) {
    if (!epilogue_applies(activation)) {
        activate_any(row, row, elements, static_cast<Activation>(activation), 0.0F);
    }
}

}  // namespace kernelet::KERNELET_ISA
