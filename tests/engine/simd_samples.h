// What the checks of the vector vocabulary share: sample values, comparison, failure reports.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "simd_operations.h"

inline constexpr int max_width = 16;
inline constexpr float infinity = std::numeric_limits<float>::infinity();
inline constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
using Lanes = std::array<float, max_width>;
using IntLanes = std::array<std::int32_t, max_width>;

inline int failures = 0;

inline void fail(const SimdOperations& simd, const std::string& what, double argument,
                 double expected, double actual) {
    ++failures;
    if (failures <= 40) {
        std::printf("%s %s(%.9g): expected %.9g, got %.9g\n", simd.name, what.c_str(), argument,
                    expected, actual);
    }
}

inline bool same(float a, float b) {
    return (std::isnan(a) && std::isnan(b)) ||
           std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

// Zeros, denormals, ties, whole-number limits, infinities and NaN, then random bit patterns.
// The count is a multiple of no vector width, so that values change lanes from one use to the next.
inline std::vector<float> float_samples() {
    std::vector<float> samples;
    for (const float x : {0.0F,       0x1p-149F,
                          0x1p-127F,  0x1p-126F,
                          0x1p-60F,   0.25F,
                          0.5F,       0.625F,
                          0.75F,      0.9F,
                          1.0F,       1.5F,
                          2.0F,       2.5F,
                          3.5F,       88.72283F,
                          88.72284F,  87.33654F,
                          87.33655F,  1e3F,
                          0x1.8p22F,  8388607.5F,
                          8388609.0F, 0x1p31F,
                          1e20F,      0x1.fffffep127F,
                          infinity,   not_a_number}) {
        samples.push_back(x);
        samples.push_back(-x);
    }
    std::uint32_t state = 12345;
    while (samples.size() < 211) {
        state = state * 1664525U + 1013904223U;
        samples.push_back(std::bit_cast<float>(state ^ (state >> 15)));
    }
    return samples;
}

inline std::vector<std::int32_t> int_samples() {
    std::vector<std::int32_t> samples = {
        0, 1, -1, 31, -32, 0x3F800000, 0x7FFFFFFF, std::numeric_limits<std::int32_t>::min()};
    for (const float x : float_samples()) {
        samples.push_back(std::bit_cast<std::int32_t>(x));
    }
    return samples;
}

template <typename T>
std::array<T, max_width> lanes_from(const std::vector<T>& samples, std::size_t start) {
    std::array<T, max_width> lanes{};
    for (std::size_t i = 0; i < lanes.size(); ++i) {
        lanes[i] = samples[(start + i) % samples.size()];
    }
    return lanes;
}
