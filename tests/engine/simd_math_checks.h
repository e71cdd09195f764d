// The elementary functions against float64: a sweep over all exponents and signs, the special
// values, and independence of the processor's treatment of denormal numbers.
#pragma once

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "simd_samples.h"

struct MathCase {
    const char* name;
    SimdOperations::Unary SimdOperations::* function;
    double (*expected)(double);
    // Largest error in units in the last place: one rounding a multiply-add, two roundings.
    double fused_bound;
    double unfused_bound;
    // The smallest magnitude of an argument whose result does not depend on flushing denormals.
    float exact_from;
};

inline constexpr double smallest_normal = 0x1p-126;

inline double flushed(double result) { return result < smallest_normal ? 0.0 : result; }
inline double expected_exp(double x) { return flushed(std::exp(x)); }
inline double expected_log(double x) {
    return std::fabs(x) < smallest_normal ? -static_cast<double>(infinity) : std::log(x);
}
inline double expected_tanh(double x) { return std::tanh(x); }
inline double expected_sigmoid(double x) { return flushed(1.0 / (1.0 + std::exp(-x))); }
inline double expected_erf(double x) { return std::erf(x); }

inline constexpr std::array<MathCase, 5> math_cases = {{
    {"exp", &SimdOperations::exp, expected_exp, 1.02, 1.00, 0.0F},
    {"log", &SimdOperations::log, expected_log, 0.86, 0.87, 0.0F},
    {"tanh", &SimdOperations::tanh, expected_tanh, 1.34, 1.34, 0x1p-120F},
    {"sigmoid", &SimdOperations::sigmoid, expected_sigmoid, 2.49, 2.49, 0.0F},
    {"erf", &SimdOperations::erf, expected_erf, 1.12, 1.30, 0x1p-120F},
}};

// Every 4,099th bit pattern (a prime, so that all mantissas and exponents are met), and the
// special values with the neighbours of each.
inline std::vector<float> math_arguments() {
    std::vector<float> arguments;
    for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 4099) {
        arguments.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    }
    for (const std::int32_t bits : int_samples()) {
        for (std::int64_t neighbour = -20; neighbour <= 20; ++neighbour) {
            arguments.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits + neighbour)));
        }
    }
    arguments.resize(arguments.size() / max_width * max_width);
    return arguments;
}

inline std::vector<float> evaluate(const SimdOperations& simd, SimdOperations::Unary function,
                                   const std::vector<float>& arguments) {
    std::vector<float> results(arguments.size());
    for (std::size_t i = 0; i < arguments.size(); i += static_cast<std::size_t>(simd.width)) {
        function(&arguments[i], &results[i]);
    }
    return results;
}

// Distance in units in the last place of a float32 near the exact result.
inline double error_in_ulps(float actual, double expected) {
    int exponent = 0;
    std::frexp(std::max(std::fabs(expected), smallest_normal), &exponent);
    return std::ldexp(std::fabs(actual - expected), 24 - exponent);
}

inline bool is_accurate(float actual, double expected, double bound) {
    const auto rounded = static_cast<float>(expected);
    if (std::isnan(rounded) || std::isinf(rounded) || expected == 0.0) {
        return same(actual, rounded);
    }
    return std::signbit(actual) == std::signbit(rounded) &&
           error_in_ulps(actual, expected) <= bound;
}

inline void check_accuracy(const SimdOperations& simd, const MathCase& math,
                           const std::vector<float>& arguments, const std::vector<float>& results) {
    const double bound = simd.fused ? math.fused_bound : math.unfused_bound;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const double expected = math.expected(arguments[i]);
        if (!is_accurate(results[i], expected, bound)) {
            fail(simd, math.name, arguments[i], expected, results[i]);
        }
    }
}

// Denormal arguments and results count as zero while an object of this class lives.
class FlushDenormals {
  public:
#if defined(__x86_64__)
    FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040U); }
    ~FlushDenormals() { _mm_setcsr(saved_); }
#elif defined(__aarch64__)
    FlushDenormals() {
        asm volatile("mrs %0, fpcr" : "=r"(saved_));
        asm volatile("msr fpcr, %0" : : "r"(saved_ | (std::uint64_t{1} << 24)));
    }
    ~FlushDenormals() { asm volatile("msr fpcr, %0" : : "r"(saved_)); }
#endif
    FlushDenormals(const FlushDenormals&) = delete;
    FlushDenormals& operator=(const FlushDenormals&) = delete;

  private:
#if defined(__x86_64__)
    unsigned saved_;
#elif defined(__aarch64__)
    std::uint64_t saved_ = 0;
#endif
};

inline std::vector<float> evaluate_flushed(const SimdOperations& simd,
                                           SimdOperations::Unary function,
                                           const std::vector<float>& arguments) {
    const FlushDenormals flush;
    return evaluate(simd, function, arguments);
}

inline void check_math(const SimdOperations& simd) {
    const std::vector<float> arguments = math_arguments();
    for (const MathCase& math : math_cases) {
        const SimdOperations::Unary function = simd.*math.function;
        const std::vector<float> results = evaluate(simd, function, arguments);
        check_accuracy(simd, math, arguments, results);
        const std::vector<float> flushed_results = evaluate_flushed(simd, function, arguments);
        for (std::size_t i = 0; i < arguments.size(); ++i) {
            if (std::fabs(arguments[i]) >= math.exact_from &&
                !same(results[i], flushed_results[i])) {
                fail(simd, math.name + std::string(" with denormals flushed"), arguments[i],
                     results[i], flushed_results[i]);
            }
        }
    }
}
