// Winograd's convolution and its gradients against sums of products in double precision, under
// every instruction set that the processor has.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "kernel_cases.h"
#include "kernelet/cpu.h"
#include "kernelet/select.h"

namespace {

using kernel_cases::Kernels;
using kernel_cases::lanes;
using kernel_cases::Numbers;
using kernel_cases::pieces_of;
using kernel_cases::Random;
using kernel_cases::size_of;
using kernelet::SingleWinogradGradientArguments;
using kernelet::WinogradArguments;
using kernelet::WinogradFiltersArguments;

constexpr std::int64_t positions = 36;
using Doubles = std::vector<double>;

WinogradArguments random_case(Random& random) {
    WinogradArguments a{};
    a.taps = random.between(0, 1) == 0 ? 3 : 5;
    a.height = random.between(1, 11);
    a.width = random.between(1, 11);
    a.pad_height = random.between(a.height < a.taps ? a.taps / 2 : 0, 3);
    a.pad_width = random.between(a.width < a.taps ? a.taps / 2 : 0, 3);
    a.output_height = std::max<std::int64_t>(1, a.height + 2 * a.pad_height - a.taps + 1);
    a.output_width = std::max<std::int64_t>(1, a.width + 2 * a.pad_width - a.taps + 1);
    a.channels = random.between(1, 26);
    a.filters = random.between(1, 26);
    a.tiles = random.between(1, 9);
    return a;
}

std::int64_t outputs_of(const WinogradArguments& a) { return 7 - a.taps; }

std::int64_t rows_of_tiles(const WinogradArguments& a) {
    return pieces_of(a.output_height, outputs_of(a));
}

std::int64_t padded(std::int64_t elements) { return (elements + lanes - 1) / lanes * lanes; }

// Floats that a strip's values and sums take.
std::size_t strip_size(const WinogradArguments& a, std::int64_t values, std::int64_t sums) {
    return size_of(positions * (a.tiles * (values + sums) + 2 * lanes));
}

// Calls `function(input element, weight, output element)` for every product.
template <class Function>
void for_products(const WinogradArguments& a, const Function& function) {
    for (std::int64_t i = 0; i < a.output_height; ++i)
        for (std::int64_t j = 0; j < a.output_width; ++j)
            for (std::int64_t k = 0; k < a.taps; ++k)
                for (std::int64_t l = 0; l < a.taps; ++l) {
                    const std::int64_t row = i + k - a.pad_height;
                    const std::int64_t column = j + l - a.pad_width;
                    if (row < 0 || row >= a.height || column < 0 || column >= a.width) continue;
                    for (std::int64_t c = 0; c < a.channels; ++c)
                        for (std::int64_t f = 0; f < a.filters; ++f) {
                            function((row * a.width + column) * a.channels + c,
                                     ((k * a.taps + l) * a.channels + c) * a.filters + f,
                                     (i * a.output_width + j) * a.filters + f);
                        }
                }
}

// Roundings are fewer than the terms and the steps of the transforms, each of at most half a unit
// in the last place of an intermediate sum. Those are at most 200 times as large as the sum of the
// absolute products, of whole numbers up to 4.
bool near(const Numbers& got, const Doubles& wanted, std::int64_t terms) {
    const double bound =
        static_cast<double>(terms + 40) * 6e-8 * 200.0 * 16.0 * static_cast<double>(terms);
    for (std::size_t k = 0; k < got.size(); ++k) {
        if (!(std::abs(static_cast<double>(got[k]) - wanted[k]) <= bound)) return false;
    }
    return true;
}

// In two parts, as threads share the pieces.
Numbers transformed(const Kernels& kernels, Random& random, Numbers& weights,
                    const WinogradArguments& a, bool transposed) {
    Numbers result(size_of(positions * (a.channels * a.filters + lanes)));
    const WinogradFiltersArguments pack{a.taps, a.channels, a.filters, transposed ? 1 : 0, 0};
    const std::int64_t pieces = transposed ? padded(a.channels) / lanes * a.filters
                                           : padded(a.filters) / lanes * a.channels;
    const std::int64_t middle = random.between(0, pieces);
    for (const auto& [begin, end] :
         {std::pair(middle, pieces), std::pair(std::int64_t{0}, middle)}) {
        kernels.run_pieces("pack_filters_winograd", {weights.data(), result.data()}, pack, begin,
                           end);
    }
    return result;
}

// The gradient by the input as a correlation of the gradient by the output.
WinogradArguments turned(const WinogradArguments& a) {
    WinogradArguments b = a;
    b.height = a.output_height;
    b.width = a.output_width;
    b.output_height = a.height;
    b.output_width = a.width;
    b.pad_height = a.taps - 1 - a.pad_height;
    b.pad_width = a.taps - 1 - a.pad_width;
    b.channels = a.filters;
    b.filters = a.channels;
    return b;
}

void test_blocks(const Kernels& kernels, Random& random) {
    const WinogradArguments a = random_case(random);
    Numbers input = random.numbers(a.height * a.width * a.channels * lanes);
    Numbers weights = random.numbers(a.taps * a.taps * a.channels * a.filters);
    Numbers upstream = random.numbers(a.output_height * a.output_width * a.filters * lanes);
    Numbers bias = random.numbers(a.filters);
    Doubles expected(upstream.size());
    Doubles expected_input(input.size(), 0.0);
    Doubles expected_weights(weights.size(), 0.0);
    for (std::size_t k = 0; k < expected.size(); ++k) {
        expected[k] = static_cast<double>(bias[k / size_of(lanes) % size_of(a.filters)]);
    }
    for_products(a, [&](std::int64_t in, std::int64_t w, std::int64_t out) {
        const auto weight = static_cast<double>(weights[size_of(w)]);
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
            const std::size_t from = size_of(in * lanes + lane);
            const std::size_t to = size_of(out * lanes + lane);
            const auto x = static_cast<double>(input[from]);
            const auto y = static_cast<double>(upstream[to]);
            expected[to] += x * weight;
            expected_input[from] += y * weight;
            expected_weights[size_of(w)] += x * y;
        }
    });
    const std::int64_t taps = a.taps * a.taps;

    Numbers output(expected.size());
    Numbers forward = transformed(kernels, random, weights, a, false);
    Numbers space(strip_size(a, a.channels * lanes, a.filters * lanes));
    kernels.run("winograd_convolution",
                {input.data(), forward.data(), bias.data(), nullptr, output.data(), space.data()},
                a, true, rows_of_tiles(a));
    CHECK(near(output, expected, taps * a.channels));

    const WinogradArguments b = turned(a);
    Numbers input_gradient(input.size());
    Numbers backward = transformed(kernels, random, weights, a, true);
    kernels.run(
        "winograd_convolution",
        {upstream.data(), backward.data(), nullptr, nullptr, input_gradient.data(), space.data()},
        b, true, rows_of_tiles(b));
    CHECK(near(input_gradient, expected_input, taps * a.filters));

    Numbers gradient(weights.size());
    const std::int64_t width = padded(a.filters) * lanes;
    Numbers sums(
        strip_size(a, a.channels * lanes, width) +
        size_of(outputs_of(a) * outputs_of(a) * width + positions * a.channels * a.filters));
    const std::int64_t terms = a.output_height * a.output_width * lanes;
    const std::int64_t pieces = pieces_of(a.channels, kernelet::winograd_filter_gradient_piece);
    const std::vector<float*> operands{input.data(), upstream.data(), gradient.data(), sums.data()};
    kernels.run("winograd_filter_gradient", operands, a, true, pieces);
    CHECK(near(gradient, expected_weights, terms));
    kernels.run("winograd_filter_gradient", operands, a, false, pieces);
    for (double& sum : expected_weights) sum *= 2.0;
    CHECK(near(gradient, expected_weights, 2 * terms));
}

// The gradient by filters of a single sample, whose cells may lie further apart than their
// channels.
void test_single_gradient(const Kernels& kernels, Random& random) {
    const WinogradArguments shape = random_case(random);
    SingleWinogradGradientArguments a{};
    a.taps = shape.taps;
    a.height = shape.height;
    a.width = shape.width;
    a.pad_height = shape.pad_height;
    a.pad_width = shape.pad_width;
    a.output_height = shape.output_height;
    a.output_width = shape.output_width;
    a.channels = shape.channels;
    a.filters = shape.filters;
    a.tiles = shape.tiles;
    a.input_floats = a.channels + random.between(0, 5);
    a.upstream_floats = a.filters + random.between(0, 5);
    Numbers input = random.numbers(a.height * a.width * a.input_floats);
    Numbers upstream = random.numbers(a.output_height * a.output_width * a.upstream_floats);
    Numbers gradient(size_of(a.taps * a.taps * a.channels * a.filters));
    Doubles expected(gradient.size(), 0.0);
    for_products(shape, [&](std::int64_t in, std::int64_t w, std::int64_t out) {
        const std::int64_t cell = in / a.channels;
        const std::int64_t result = out / a.filters;
        const float x = input[size_of(cell * a.input_floats + in % a.channels)];
        const float y = upstream[size_of(result * a.upstream_floats + out % a.filters)];
        expected[size_of(w)] += static_cast<double>(x) * static_cast<double>(y);
    });
    Numbers space(strip_size(shape, padded(a.channels), padded(a.filters)) +
                  size_of(positions * a.channels * a.filters));
    const std::int64_t terms = a.output_height * a.output_width;
    const std::int64_t pieces = pieces_of(a.channels, kernelet::winograd_filter_gradient_piece);
    const std::vector<float*> operands{input.data(), upstream.data(), gradient.data(),
                                       space.data()};
    kernels.run("winograd_filter_gradient_single", operands, a, true, pieces);
    CHECK(near(gradient, expected, terms));
    kernels.run("winograd_filter_gradient_single", operands, a, false, pieces);
    for (double& sum : expected) sum *= 2.0;
    CHECK(near(gradient, expected, 2 * terms));
}

}  // namespace

int main() {
    for (const kernelet::Isa isa : kernelet::processor().levels) {
        const std::string name(kernelet::isa_name(isa));
        const Kernels kernels(name);
        Random random;
        const int count = cases(20);
        for (int repeat = 0; repeat < count; ++repeat) {
            test_blocks(kernels, random);
            test_single_gradient(kernels, random);
        }
        std::printf("%s: %d convolutions with their gradients near to double precision\n",
                    name.c_str(), count);
    }
    return 0;
}
