// Convolution and dense kernels of every instruction set against sums of whole numbers, exactly.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "check.h"
#include "kernel_cases.h"
#include "kernelet/cpu.h"
#include "kernelet/kernel_list.h"

namespace {

using namespace kernel_cases;
using kernelet::DenseArguments;
using kernelet::DenseProductArguments;
using kernelet::FilterGradientStripsArguments;
using kernelet::PackFiltersArguments;

Numbers packed(const Kernels& kernels, Numbers& weights, const ConvolutionArguments& a,
               bool transposed) {
    Numbers result(weights.size());
    const PackFiltersArguments pack{a.kernel_depth * a.kernel_height * a.kernel_width,
                                    a.channels / a.groups, a.filters / a.groups, a.groups,
                                    transposed ? 1 : 0};
    const std::int64_t outputs = transposed ? pack.channels : pack.filters;
    kernels.run("pack_filters", {weights.data(), result.data()}, pack, true,
                a.groups * pieces_of(outputs, kernelet::pack_filters_piece));
    return result;
}

Numbers rectified(Numbers values) {
    for (float& x : values) x = std::max(x, 0.0F);
    return values;
}

// Sums multiplied by each channel's factor, if there are any, with each channel's bias added.
void finish(Numbers& sums, const Numbers& factors, const Numbers& bias) {
    for (std::size_t k = 0; k < sums.size(); ++k) {
        const std::size_t channel = k / size_of(lanes) % bias.size();
        if (!factors.empty()) sums[k] *= factors[channel];
        sums[k] += bias[channel];
    }
}

std::int64_t parts_of_row(std::int64_t cells) {
    return pieces_of(cells, kernelet::convolution_piece);
}

void test_convolution(const Kernels& kernels, Random& random) {
    const ConvolutionArguments a = random_convolution(random);
    const std::int64_t input_cells = a.depth * a.height * a.width;
    const std::int64_t output_cells = a.output_depth * a.output_height * a.output_width;
    const std::int64_t taps =
        a.kernel_depth * a.kernel_height * a.kernel_width * a.channels / a.groups * a.filters;
    Numbers input = random.numbers(input_cells * a.channels * lanes);
    Numbers weights = random.numbers(taps);
    Numbers bias = random.numbers(a.filters);
    Numbers transposed_bias = random.numbers(a.channels);
    Numbers factors = random_factors(random, a.filters);
    Numbers transposed_factors = random_factors(random, a.channels);
    Numbers upstream = random.numbers(output_cells * a.filters * lanes);
    Numbers gradient = random.numbers(taps);
    const Numbers before = gradient;

    Numbers expected(upstream.size(), 0.0F);
    Numbers expected_input(input.size(), 0.0F);
    Numbers expected_weights(size_of(taps), 0.0F);
    for_products(a, [&](std::int64_t in, std::int64_t w, std::int64_t out) {
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
            const std::size_t from = size_of(in * lanes + lane);
            const std::size_t to = size_of(out * lanes + lane);
            expected[to] += input[from] * weights[size_of(w)];
            expected_input[from] += upstream[to] * weights[size_of(w)];
            expected_weights[size_of(w)] += input[from] * upstream[to];
        }
    });
    finish(expected, factors, bias);
    finish(expected_input, transposed_factors, transposed_bias);
    if (a.activation == static_cast<std::int64_t>(kernelet::Activation::relu)) {
        expected = rectified(expected);
        expected_input = rectified(expected_input);
    }

    Numbers output(expected.size());
    Numbers forward = packed(kernels, weights, a, false);
    kernels.run("convolution",
                {input.data(), forward.data(), bias.data(), data_or_null(factors), output.data()},
                a, true, a.output_depth * a.output_height * parts_of_row(a.output_width));
    CHECK(output == expected);

    Numbers input_gradient(input.size());
    Numbers backward = packed(kernels, weights, a, true);
    kernels.run("convolution_input_gradient",
                {upstream.data(), backward.data(), transposed_bias.data(),
                 data_or_null(transposed_factors), input_gradient.data()},
                a, true, a.depth * a.height * parts_of_row(a.width));
    CHECK(input_gradient == expected_input);

    const std::int64_t pieces =
        a.kernel_depth * a.kernel_height * a.groups *
        pieces_of(a.filters / a.groups, kernelet::convolution_filter_gradient_piece);
    kernels.run("convolution_filter_gradient", {input.data(), upstream.data(), gradient.data()}, a,
                false, pieces);
    for (std::size_t k = 0; k < gradient.size(); ++k) {
        CHECK(gradient[k] == before[k] + expected_weights[k]);
    }
    kernels.run("convolution_filter_gradient", {input.data(), upstream.data(), gradient.data()}, a,
                true, pieces);
    CHECK(gradient == expected_weights);
}

// The gradient by the filters in strips of random size.
void test_strips(const Kernels& kernels, Random& random) {
    ConvolutionArguments a = random_convolution(random);
    a.filters = a.groups * random.between(1, 70);
    const std::int64_t taps =
        a.kernel_depth * a.kernel_height * a.kernel_width * a.channels / a.groups * a.filters;
    const FilterGradientStripsArguments strips = random_strips(random, a);
    Numbers input = random.numbers(a.depth * a.height * a.width * a.channels * lanes);
    Numbers upstream =
        random.numbers(a.output_depth * a.output_height * a.output_width * a.filters * lanes);
    Numbers expected(size_of(taps), 0.0F);
    for_products(a, [&](std::int64_t in, std::int64_t w, std::int64_t out) {
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
            expected[size_of(w)] +=
                input[size_of(in * lanes + lane)] * upstream[size_of(out * lanes + lane)];
        }
    });
    Numbers gradient(expected.size(), 1e30F);
    Numbers workspace(size_of(strips_workspace(strips, lanes)), 1e30F);
    const std::vector<float*> operands{input.data(), upstream.data(), gradient.data(),
                                       workspace.data()};
    const std::int64_t pieces = strips_pieces(strips);
    kernels.run("convolution_filter_gradient_strips", operands, strips, true, pieces);
    CHECK(gradient == expected);
    kernels.run("convolution_filter_gradient_strips", operands, strips, false, pieces);
    for (std::size_t k = 0; k < gradient.size(); ++k) CHECK(gradient[k] == 2.0F * expected[k]);
}

void test_dense(const Kernels& kernels, Random& random) {
    DenseArguments a{};
    a.inputs = random.between(1, 70);
    a.outputs = random.between(1, 90);
    Numbers input = random.numbers(a.inputs * lanes);
    Numbers weights = random.numbers(a.inputs * a.outputs);
    Numbers upstream = random.numbers(a.outputs * lanes);
    Numbers expected(size_of(a.outputs * lanes), 0.0F);
    Numbers expected_weights(weights.size(), 0.0F);
    for (std::int64_t i = 0; i < a.inputs; ++i)
        for (std::int64_t o = 0; o < a.outputs; ++o)
            for (std::int64_t lane = 0; lane < lanes; ++lane) {
                const float x = input[size_of(i * lanes + lane)];
                const std::size_t w = size_of(i * a.outputs + o);
                expected[size_of(o * lanes + lane)] += x * weights[w];
                expected_weights[w] += x * upstream[size_of(o * lanes + lane)];
            }

    Numbers forward(weights.size());
    const PackFiltersArguments pack{1, a.inputs, a.outputs, 1, 0};
    kernels.run("pack_filters", {weights.data(), forward.data()}, pack, true,
                pieces_of(pack.filters, kernelet::pack_filters_piece));
    Numbers output(expected.size());
    const DenseProductArguments product{a.inputs, a.outputs, 0, 0.0, random.between(0, 1)};
    kernels.run("dense", {input.data(), forward.data(), nullptr, nullptr, output.data()}, product,
                true, pieces_of(a.outputs, kernelet::dense_piece));
    CHECK(output == expected);

    Numbers gradient(weights.size());
    Numbers workspace(size_of((a.outputs + lanes - 1) / lanes * lanes * lanes));
    const std::vector<float*> operands{input.data(), upstream.data(), gradient.data(),
                                       workspace.data()};
    const std::int64_t pieces = pieces_of(a.inputs, kernelet::outer_product_sum_piece);
    kernels.run("outer_product_sum", operands, a, true, pieces);
    CHECK(gradient == expected_weights);
    kernels.run("outer_product_sum", operands, a, false, pieces);
    for (std::size_t k = 0; k < gradient.size(); ++k) {
        CHECK(gradient[k] == 2.0F * expected_weights[k]);
    }
}

}  // namespace

int main() {
    for (const kernelet::Isa isa : kernelet::processor().levels) {
        const std::string name(kernelet::isa_name(isa));
        const Kernels kernels(name);
        Random random;
        const int count = cases(300);
        for (int repeat = 0; repeat < count; ++repeat) {
            test_convolution(kernels, random);
            test_strips(kernels, random);
            test_dense(kernels, random);
        }
        std::printf("%s: %d convolutions and dense products exact\n", name.c_str(), count);
    }
    return 0;
}
