// What the tests of kernels of single samples share: cells padded to groups of channels, and random
// convolutions with their results.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernel_cases.h"
#include "kernelet/kernel_list.h"

namespace kernel_cases {

inline std::int64_t padded(std::int64_t channels) { return (channels + lanes - 1) / lanes * lanes; }

// Floats between cells, padded or not.
inline std::int64_t either(Random& random, std::int64_t channels) {
    return random.between(0, 1) == 0 ? channels : padded(channels);
}

// Cells with as many floats as `cell_floats`; what pads them must never count.
inline Numbers spread(const Numbers& numbers, std::int64_t channels, std::int64_t cell_floats) {
    const auto cells = static_cast<std::int64_t>(numbers.size()) / channels;
    Numbers result(size_of(cells * cell_floats), std::numeric_limits<float>::quiet_NaN());
    for (std::int64_t k = 0; k < cells * channels; ++k) {
        result[size_of(k / channels * cell_floats + k % channels)] = numbers[size_of(k)];
    }
    return result;
}

inline Numbers gathered(const Numbers& numbers, std::int64_t channels, std::int64_t cell_floats) {
    const auto cells = static_cast<std::int64_t>(numbers.size()) / cell_floats;
    Numbers result(size_of(cells * channels));
    for (std::int64_t k = 0; k < cells * channels; ++k) {
        result[size_of(k)] = numbers[size_of(k / channels * cell_floats + k % channels)];
    }
    return result;
}

// Sums multiplied by each channel's factor, if there are any, with each channel's bias added.
inline void finish(Numbers& sums, const Numbers& factors, const Numbers& bias) {
    for (std::size_t k = 0; k < sums.size(); ++k) {
        const std::size_t channel = k % bias.size();
        if (!factors.empty()) sums[k] *= factors[channel];
        sums[k] += bias[channel];
    }
}

template <class Arguments>
Arguments single(const ConvolutionArguments& a, std::int64_t cell_floats,
                 std::int64_t output_floats) {
    Arguments result{};
#define KERNELET_COPY(name) result.name = a.name;
    ARGUMENTS_Convolution(KERNELET_COPY, KERNELET_COPY)
#undef KERNELET_COPY
        result.cell_floats = cell_floats;
    result.output_floats = output_floats;
    return result;
}

// Calls `function(begin, end)` for two parts of a number of pieces, the last one first.
template <class Function>
void in_parts(Random& random, std::int64_t pieces, const Function& function) {
    const std::int64_t middle = random.between(0, pieces);
    function(middle, pieces);
    function(std::int64_t{0}, middle);
}

struct Case {
    ConvolutionArguments a;
    Numbers input;
    Numbers weights;
    Numbers bias;
    Numbers factors;
    Numbers expected;
};

// Of as many channels with a filter each, unless that is 0; `change(random, a)` may draw other
// sizes.
template <class Change>
Case random_case(Random& random, bool backward, std::int64_t depthwise, const Change& change) {
    Case one;
    ConvolutionArguments& a = one.a = random_convolution(random);
    if (depthwise > 0) a.groups = a.channels = a.filters = depthwise;
    if (a.groups == 1) a.filters = random.between(1, random.between(0, 1) == 0 ? 8 : 70);
    if (a.groups == 1 && backward) std::swap(a.channels, a.filters);
    change(random, a);
    const std::int64_t pictures = a.depth * a.height * a.width * a.channels;
    const std::int64_t maps = a.output_depth * a.output_height * a.output_width * a.filters;
    const std::int64_t taps = a.kernel_depth * a.kernel_height * a.kernel_width;
    one.input = random.numbers(backward ? maps : pictures);
    one.weights = random.numbers(taps * a.channels / a.groups * a.filters);
    one.bias = random.numbers(backward ? a.channels : a.filters);
    one.factors = random_factors(random, backward ? a.channels : a.filters);
    one.expected.assign(size_of(backward ? pictures : maps), 0.0F);
    for_products(a, [&](std::int64_t picture, std::int64_t w, std::int64_t map) {
        one.expected[size_of(backward ? picture : map)] +=
            one.input[size_of(backward ? map : picture)] * one.weights[size_of(w)];
    });
    finish(one.expected, one.factors, one.bias);
    if (a.activation == static_cast<std::int64_t>(kernelet::Activation::relu)) {
        for (float& x : one.expected) x = std::max(x, 0.0F);
    }
    return one;
}

inline Case random_case(Random& random, bool backward, std::int64_t depthwise = 0) {
    return random_case(random, backward, depthwise, [](Random&, ConvolutionArguments&) {});
}

}  // namespace kernel_cases
