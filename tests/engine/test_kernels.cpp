// Convolution and dense kernels of every instruction set against sums of whole numbers, exactly.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "check.h"
#include "kernelet/cpu.h"
#include "kernelet/kernel_list.h"
#include "kernelet/select.h"

namespace {

using kernelet::Call;
using kernelet::ConvolutionArguments;
using kernelet::DenseArguments;
using kernelet::lanes;
using kernelet::PackFiltersArguments;

using Numbers = std::vector<float>;

std::size_t size_of(std::int64_t elements) { return static_cast<std::size_t>(elements); }

// Whole numbers small enough for every sum of products to be exact in float32.
class Random {
  public:
    std::int64_t between(std::int64_t low, std::int64_t high) {
        return std::uniform_int_distribution<std::int64_t>(low, high)(generator_);
    }

    Numbers numbers(std::int64_t count) {
        Numbers result(size_of(count));
        for (float& x : result) x = static_cast<float>(between(-4, 4));
        return result;
    }

  private:
    std::mt19937 generator_{20};
};

class Kernels {
  public:
    explicit Kernels(const std::string& isa) : table_(kernelet::kernel_table(isa)) {}

    template <class Arguments>
    void run(const char* name, std::vector<float*> operands, const Arguments& arguments,
             bool first = true) const {
        kernelet::Step step{};
        step.batch = lanes;
        const Call call{operands.data(), &arguments, &step, 0, lanes, first, 0, 0};
        table_[kernelet::kernel_index(name)](call);
    }

  private:
    const kernelet::Kernel* table_;
};

// The input cell that tap k connects with output cell i along one axis, or -1 outside.
std::int64_t input_cell(std::int64_t i, std::int64_t k, std::int64_t length, std::int64_t stride,
                        std::int64_t dilation, std::int64_t pad) {
    const std::int64_t cell = i * stride - pad + k * dilation;
    return cell < length ? std::max<std::int64_t>(cell, -1) : -1;
}

// Calls `visit(tap, input cell, output cell)` for every pair of cells that a tap connects.
template <class Visit>
void for_cells(const ConvolutionArguments& a, Visit&& visit) {
    const std::int64_t taps = a.kernel_depth * a.kernel_height * a.kernel_width;
    const std::int64_t outputs = a.output_depth * a.output_height * a.output_width;
    for (std::int64_t out = 0; out < outputs; ++out)
        for (std::int64_t tap = 0; tap < taps; ++tap) {
            const std::int64_t z = input_cell(out / a.output_width / a.output_height,
                                              tap / a.kernel_width / a.kernel_height, a.depth,
                                              a.stride_depth, a.dilation_depth, a.pad_depth);
            const std::int64_t y = input_cell(out / a.output_width % a.output_height,
                                              tap / a.kernel_width % a.kernel_height, a.height,
                                              a.stride_height, a.dilation_height, a.pad_height);
            const std::int64_t x = input_cell(out % a.output_width, tap % a.kernel_width, a.width,
                                              a.stride_width, a.dilation_width, a.pad_width);
            if (z >= 0 && y >= 0 && x >= 0) visit(tap, (z * a.height + y) * a.width + x, out);
        }
}

// Calls `visit(input element, weight element, output element)` for every product of a convolution.
template <class Visit>
void for_products(const ConvolutionArguments& a, Visit&& visit) {
    const std::int64_t channels = a.channels / a.groups;
    const std::int64_t filters = a.filters / a.groups;
    for_cells(a, [&](std::int64_t tap, std::int64_t in, std::int64_t out) {
        for (std::int64_t f = 0; f < a.filters; ++f)
            for (std::int64_t c = 0; c < channels; ++c)
                visit(in * a.channels + f / filters * channels + c,
                      (tap * channels + c) * a.filters + f, out * a.filters + f);
    });
}

struct RandomAxis {
    std::int64_t length, output, kernel, stride, dilation, pad;
};

RandomAxis random_axis(Random& random, std::int64_t longest, std::int64_t largest_kernel) {
    for (;;) {
        RandomAxis axis{};
        axis.length = random.between(1, longest);
        axis.kernel = random.between(1, largest_kernel);
        axis.stride = random.between(1, 3);
        axis.dilation = random.between(1, 3);
        const std::int64_t extent = axis.dilation * (axis.kernel - 1) + 1;
        axis.pad = random.between(0, extent - 1);
        const std::int64_t room = axis.length + axis.pad + random.between(0, extent - 1) - extent;
        if (room < 0) continue;
        axis.output = room / axis.stride + 1;
        return axis;
    }
}

// Over one, two or three axes.
ConvolutionArguments random_convolution(Random& random) {
    const std::int64_t axes = random.between(1, 3);
    const RandomAxis flat{1, 1, 1, 1, 1, 0};
    const RandomAxis depth = axes == 3 ? random_axis(random, 5, 3) : flat;
    const RandomAxis height = axes >= 2 ? random_axis(random, 9, 5) : flat;
    const RandomAxis width = random_axis(random, axes == 1 ? 40 : 12, axes == 1 ? 9 : 5);
    ConvolutionArguments a{};
    a.groups = random.between(0, 3) == 0 ? random.between(2, 3) : 1;
    a.channels = a.groups * random.between(1, axes == 3 ? 5 : 9);
    a.filters = a.groups * random.between(1, axes == 3 ? 10 : 20);
    a.activation = static_cast<std::int64_t>(
        random.between(0, 1) == 0 ? kernelet::Activation::linear : kernelet::Activation::relu);
    std::tie(a.depth, a.output_depth, a.kernel_depth) =
        std::tie(depth.length, depth.output, depth.kernel);
    std::tie(a.stride_depth, a.dilation_depth, a.pad_depth) =
        std::tie(depth.stride, depth.dilation, depth.pad);
    std::tie(a.height, a.output_height, a.kernel_height) =
        std::tie(height.length, height.output, height.kernel);
    std::tie(a.stride_height, a.dilation_height, a.pad_height) =
        std::tie(height.stride, height.dilation, height.pad);
    std::tie(a.width, a.output_width, a.kernel_width) =
        std::tie(width.length, width.output, width.kernel);
    std::tie(a.stride_width, a.dilation_width, a.pad_width) =
        std::tie(width.stride, width.dilation, width.pad);
    return a;
}

Numbers packed(const Kernels& kernels, Numbers& weights, const ConvolutionArguments& a,
               bool transposed) {
    Numbers result(weights.size());
    const PackFiltersArguments pack{a.kernel_depth * a.kernel_height * a.kernel_width,
                                    a.channels / a.groups, a.filters / a.groups, a.groups,
                                    transposed ? 1 : 0};
    kernels.run("pack_filters", {weights.data(), result.data()}, pack);
    return result;
}

Numbers rectified(Numbers values) {
    for (float& x : values) x = std::max(x, 0.0F);
    return values;
}

// Each channel's bias in every cell and lane.
Numbers biased(const Numbers& bias, std::int64_t cells) {
    const auto channels = static_cast<std::int64_t>(bias.size());
    Numbers result(size_of(cells * channels * lanes));
    for (std::int64_t k = 0; k < cells * channels * lanes; ++k) {
        result[size_of(k)] = bias[size_of(k / lanes % channels)];
    }
    return result;
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
    Numbers upstream = random.numbers(output_cells * a.filters * lanes);
    Numbers gradient = random.numbers(taps);
    const Numbers before = gradient;

    Numbers expected = biased(bias, output_cells);
    Numbers expected_input = biased(transposed_bias, input_cells);
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
    if (a.activation == static_cast<std::int64_t>(kernelet::Activation::relu)) {
        expected = rectified(expected);
        expected_input = rectified(expected_input);
    }

    Numbers output(expected.size());
    Numbers forward = packed(kernels, weights, a, false);
    kernels.run("convolution", {input.data(), forward.data(), bias.data(), output.data()}, a);
    CHECK(output == expected);

    Numbers input_gradient(input.size());
    Numbers backward = packed(kernels, weights, a, true);
    kernels.run("convolution_input_gradient",
                {upstream.data(), backward.data(), transposed_bias.data(), input_gradient.data()},
                a);
    CHECK(input_gradient == expected_input);

    kernels.run("convolution_filter_gradient", {input.data(), upstream.data(), gradient.data()}, a,
                false);
    for (std::size_t k = 0; k < gradient.size(); ++k) {
        CHECK(gradient[k] == before[k] + expected_weights[k]);
    }
    kernels.run("convolution_filter_gradient", {input.data(), upstream.data(), gradient.data()}, a,
                true);
    CHECK(gradient == expected_weights);
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
    kernels.run("pack_filters", {weights.data(), forward.data()}, pack);
    Numbers output(expected.size());
    kernels.run("dense", {input.data(), forward.data(), nullptr, output.data()}, a);
    CHECK(output == expected);

    Numbers gradient(weights.size());
    Numbers workspace(size_of((a.outputs + lanes - 1) / lanes * lanes * lanes));
    const std::vector<float*> operands{input.data(), upstream.data(), gradient.data(),
                                       workspace.data()};
    kernels.run("outer_product_sum", operands, a, true);
    CHECK(gradient == expected_weights);
    kernels.run("outer_product_sum", operands, a, false);
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
        for (int repeat = 0; repeat < 300; ++repeat) {
            test_convolution(kernels, random);
            test_dense(kernels, random);
        }
        std::printf("%s: 300 convolutions and 300 dense products exact\n", name.c_str());
    }
    return 0;
}
