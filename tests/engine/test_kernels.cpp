// Convolution and dense kernels of every instruction set against sums of whole numbers, exactly.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
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

// Calls `visit(input element, weight element, output element)` for every product of a convolution.
template <class Visit>
void for_products(const ConvolutionArguments& a, Visit&& visit) {
    const std::int64_t channels = a.channels / a.groups;
    const std::int64_t filters = a.filters / a.groups;
    for (std::int64_t i = 0; i < a.output_height; ++i)
        for (std::int64_t j = 0; j < a.output_width; ++j)
            for (std::int64_t k = 0; k < a.kernel_height; ++k)
                for (std::int64_t l = 0; l < a.kernel_width; ++l) {
                    const std::int64_t y = i * a.stride_height - a.pad_top + k * a.dilation_height;
                    const std::int64_t x = j * a.stride_width - a.pad_left + l * a.dilation_width;
                    if (y < 0 || y >= a.height || x < 0 || x >= a.width) continue;
                    for (std::int64_t f = 0; f < a.filters; ++f)
                        for (std::int64_t c = 0; c < channels; ++c)
                            visit((y * a.width + x) * a.channels + f / filters * channels + c,
                                  ((k * a.kernel_width + l) * channels + c) * a.filters + f,
                                  (i * a.output_width + j) * a.filters + f);
                }
}

ConvolutionArguments random_convolution(Random& random) {
    ConvolutionArguments a{};
    for (;;) {
        a.height = random.between(1, 9);
        a.width = random.between(1, 12);
        a.kernel_height = random.between(1, 5);
        a.kernel_width = random.between(1, 5);
        a.stride_height = random.between(1, 3);
        a.stride_width = random.between(1, 3);
        a.dilation_height = random.between(1, 3);
        a.dilation_width = random.between(1, 3);
        const std::int64_t extent_height = a.dilation_height * (a.kernel_height - 1) + 1;
        const std::int64_t extent_width = a.dilation_width * (a.kernel_width - 1) + 1;
        a.pad_top = random.between(0, extent_height - 1);
        a.pad_left = random.between(0, extent_width - 1);
        const std::int64_t below = random.between(0, extent_height - 1);
        const std::int64_t right = random.between(0, extent_width - 1);
        const std::int64_t rows = a.height + a.pad_top + below - extent_height;
        const std::int64_t columns = a.width + a.pad_left + right - extent_width;
        if (rows < 0 || columns < 0) continue;
        a.output_height = rows / a.stride_height + 1;
        a.output_width = columns / a.stride_width + 1;
        break;
    }
    a.groups = random.between(0, 3) == 0 ? random.between(2, 3) : 1;
    a.channels = a.groups * random.between(1, 9);
    a.filters = a.groups * random.between(1, 20);
    a.activation = static_cast<std::int64_t>(
        random.between(0, 1) == 0 ? kernelet::Activation::linear : kernelet::Activation::relu);
    return a;
}

Numbers packed(const Kernels& kernels, Numbers& weights, const ConvolutionArguments& a,
               bool transposed) {
    Numbers result(weights.size());
    const PackFiltersArguments pack{a.kernel_height * a.kernel_width, a.channels / a.groups,
                                    a.filters / a.groups, a.groups, transposed ? 1 : 0};
    kernels.run("pack_filters", {weights.data(), result.data()}, pack);
    return result;
}

void test_convolution(const Kernels& kernels, Random& random) {
    const ConvolutionArguments a = random_convolution(random);
    const std::int64_t picture = a.height * a.width * a.channels;
    const std::int64_t maps = a.output_height * a.output_width * a.filters;
    const std::int64_t taps = a.kernel_height * a.kernel_width * a.channels / a.groups * a.filters;
    Numbers input = random.numbers(picture * lanes);
    Numbers weights = random.numbers(taps);
    Numbers bias = random.numbers(a.filters);
    Numbers upstream = random.numbers(maps * lanes);
    Numbers gradient = random.numbers(taps);
    const Numbers before = gradient;

    Numbers expected(size_of(maps * lanes));
    Numbers expected_input(size_of(picture * lanes), 0.0F);
    Numbers expected_weights(size_of(taps), 0.0F);
    for (std::int64_t k = 0; k < maps * lanes; ++k) {
        expected[size_of(k)] = bias[size_of(k / lanes % a.filters)];
    }
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
        for (float& x : expected) x = std::max(x, 0.0F);
    }

    Numbers output(expected.size());
    Numbers forward = packed(kernels, weights, a, false);
    kernels.run("convolution", {input.data(), forward.data(), bias.data(), output.data()}, a);
    CHECK(output == expected);

    Numbers input_gradient(input.size());
    Numbers backward = packed(kernels, weights, a, true);
    kernels.run("convolution_input_gradient",
                {upstream.data(), backward.data(), input_gradient.data()}, a);
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
