// Activations that no other kernel has applied to its sums, and the gradients of all.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/pointwise.h"
#include "simd/math.h"

namespace kernelet::KERNELET_ISA {

// Operands: input, output. Pieces are elements.
inline void activate(const Call& call) {
    const auto& a = arguments<ActivationArguments>(call);
    const std::int64_t first = call.begin * lanes;
    activate_any(call.operands[0] + first, call.operands[1] + first, call.end - call.begin,
                 static_cast<Activation>(a.activation), static_cast<float>(a.slope));
}

// Density of the normal distribution, exp(−x² / 2) / √(2π).
KERNELET_INLINE Vector normal_density(Vector x) {
    return Vector::broadcast(0.39894228F) * exp(Vector::broadcast(-0.5F) * x * x);
}

// Upstream gradient × derivative. `saved` is the output of a relu, leaky relu, sigmoid or tanh,
// and the input of the others. NaN is not less than or equal to zero: it lets the upstream pass.
template <Activation kind>
KERNELET_INLINE Vector activation_gradient(Vector upstream, Vector saved, Vector slope) {
    const Vector one = Vector::broadcast(1.0F);
    if constexpr (kind == Activation::relu) {
        return select(less_equal(saved, Vector::zero()), Vector::zero(), upstream);
    } else if constexpr (kind == Activation::leaky_relu) {
        return select(less_equal(saved, Vector::zero()), upstream * slope, upstream);
    } else if constexpr (kind == Activation::sigmoid) {
        return upstream * (saved * (one - saved));
    } else if constexpr (kind == Activation::tanh) {
        return upstream * fnma(saved, saved, one);
    } else if constexpr (kind == Activation::gelu) {
        return upstream * fma(saved, normal_density(saved), normal_distribution(saved));
    } else if constexpr (kind == Activation::silu) {
        const Vector s = sigmoid(saved);
        return upstream * (s * fma(saved, one - s, one));
    } else {
        return upstream;
    }
}

template <Activation kind>
inline void activation_gradient_elements(const float* upstream, const float* saved, float* gradient,
                                         std::int64_t elements, float slope) {
    for (std::int64_t k = 0; k < elements * lanes; k += Vector::width) {
        activation_gradient<kind>(Vector::load(upstream + k), Vector::load(saved + k),
                                  Vector::broadcast(slope))
            .store(gradient + k);
    }
}

inline void activation_gradient_any(const float* upstream, const float* saved, float* gradient,
                                    std::int64_t elements, Activation kind, float slope) {
    switch (kind) {
#define KERNELET_GRADIENT_CASE(name)                                                        \
    case Activation::name:                                                                  \
        activation_gradient_elements<Activation::name>(upstream, saved, gradient, elements, \
                                                       slope);                              \
        break;
        KERNELET_ACTIVATIONS(KERNELET_GRADIENT_CASE)
#undef KERNELET_GRADIENT_CASE
    }
}

// Where the output of a relu or leaky relu is above zero, or NaN, in a bit a lane.
KERNELET_INLINE std::uint32_t sign_bits(Vector output) {
    return mask_bits(mask_not(less_equal(output, Vector::zero())));
}

// The gradient by the input of a relu, or else of a leaky relu, from those bits.
KERNELET_INLINE Vector gradient_by_sign(Vector upstream, std::uint32_t bits, bool leaky,
                                        Vector slope) {
    return select(mask_of_bits(bits), upstream, leaky ? upstream * slope : Vector::zero());
}

// The signs of all samples of each element.
inline void store_signs(const float* values, std::uint16_t* signs, std::int64_t elements) {
    for (std::int64_t k = 0; k < elements; ++k) {
        std::uint32_t bits = 0;
        for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
            bits |= sign_bits(Vector::load(values + k * lanes + lane)) << lane;
        }
        signs[k] = static_cast<std::uint16_t>(bits);
    }
}

// In place.
inline void gradient_by_signs(float* gradient, const std::uint16_t* signs, std::int64_t elements,
                              bool leaky, float slope) {
    for (std::int64_t k = 0; k < elements; ++k) {
        for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
            float* numbers = gradient + k * lanes + lane;
            gradient_by_sign(Vector::load(numbers), std::uint32_t{signs[k]} >> lane, leaky,
                             Vector::broadcast(slope))
                .store(numbers);
        }
    }
}

// Operands: upstream gradient, saved output or input, gradient by the input. Pieces are elements.
inline void activate_gradient(const Call& call) {
    const auto& a = arguments<ActivationArguments>(call);
    const std::int64_t first = call.begin * lanes;
    activation_gradient_any(call.operands[0] + first, call.operands[1] + first,
                            call.operands[2] + first, call.end - call.begin,
                            static_cast<Activation>(a.activation), static_cast<float>(a.slope));
}

}  // namespace kernelet::KERNELET_ISA
