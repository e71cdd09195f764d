// Kernels of single samples, of every instruction set, against sums of whole numbers, exactly.
// Arrays end where their last number does, so that a sanitizer sees every read beyond it.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "kernel_cases.h"
#include "kernelet/cpu.h"
#include "kernelet/kernel_list.h"

namespace {

using namespace kernel_cases;
using kernelet::PackSingleArguments;
using kernelet::SingleConvolutionArguments;
using kernelet::SingleDenseArguments;
using kernelet::UnpackSingleArguments;

std::int64_t padded(std::int64_t channels) { return (channels + lanes - 1) / lanes * lanes; }

// Cells with as many floats as `cell_floats`; what pads them must never count.
Numbers spread(const Numbers& numbers, std::int64_t channels, std::int64_t cell_floats) {
    const auto cells = static_cast<std::int64_t>(numbers.size()) / channels;
    Numbers result(size_of(cells * cell_floats), 1e30F);
    for (std::int64_t k = 0; k < cells * channels; ++k) {
        result[size_of(k / channels * cell_floats + k % channels)] = numbers[size_of(k)];
    }
    return result;
}

Numbers gathered(const Numbers& numbers, std::int64_t channels, std::int64_t cell_floats) {
    const auto cells = static_cast<std::int64_t>(numbers.size()) / cell_floats;
    Numbers result(size_of(cells * channels));
    for (std::int64_t k = 0; k < cells * channels; ++k) {
        result[size_of(k)] = numbers[size_of(k / channels * cell_floats + k % channels)];
    }
    return result;
}

// Sums multiplied by each channel's factor, if there are any, with each channel's bias added.
void finish(Numbers& sums, const Numbers& factors, const Numbers& bias) {
    for (std::size_t k = 0; k < sums.size(); ++k) {
        const std::size_t channel = k % bias.size();
        if (!factors.empty()) sums[k] *= factors[channel];
        sums[k] += bias[channel];
    }
}

SingleConvolutionArguments single(const ConvolutionArguments& a, std::int64_t cell_floats) {
    SingleConvolutionArguments result{};
#define KERNELET_COPY(name) result.name = a.name;
    ARGUMENTS_Convolution(KERNELET_COPY, KERNELET_COPY)
#undef KERNELET_COPY
        result.cell_floats = cell_floats;
    return result;
}

// Counts in `by_cells` the convolutions that the kernel of few filters could do too.
void test_convolution(const Kernels& kernels, Random& random, int& by_cells) {
    ConvolutionArguments a = random_convolution(random);
    if (a.groups == 1) a.filters = random.between(1, random.between(0, 1) == 0 ? 8 : 70);
    const std::int64_t cells = a.output_depth * a.output_height * a.output_width;
    const std::int64_t taps = a.kernel_depth * a.kernel_height * a.kernel_width;
    const Numbers numbers = random.numbers(a.depth * a.height * a.width * a.channels);
    Numbers weights = random.numbers(taps * a.channels / a.groups * a.filters);
    Numbers bias = random.numbers(a.filters);
    Numbers factors = random_factors(random, a.filters);
    Numbers expected(size_of(cells * a.filters), 0.0F);
    for_products(a, [&](std::int64_t in, std::int64_t w, std::int64_t out) {
        expected[size_of(out)] += numbers[size_of(in)] * weights[size_of(w)];
    });
    finish(expected, factors, bias);
    if (a.activation == static_cast<std::int64_t>(kernelet::Activation::relu)) {
        for (float& x : expected) x = std::max(x, 0.0F);
    }

    const std::int64_t cell_floats = random.between(0, 1) == 0 ? a.channels : padded(a.channels);
    const SingleConvolutionArguments arguments = single(a, cell_floats);
    Numbers input = spread(numbers, a.channels, cell_floats);
    Numbers output(size_of(cells * padded(a.filters)));
    const std::int64_t rows = a.output_depth * a.output_height;
    const std::int64_t middle = random.between(0, rows);
    std::vector<float*> operands{input.data(), weights.data(), bias.data(), data_or_null(factors),
                                 output.data()};
    const auto check = [&](const char* name) {
        output.assign(output.size(), 0.0F);
        for (const auto& [begin, end] :
             {std::pair(middle, rows), std::pair(std::int64_t{0}, middle)}) {
            kernels.run_pieces(name, operands, arguments, begin, end);
        }
        CHECK(gathered(output, a.filters, padded(a.filters)) == expected);
    };
    check("convolution_single");
    if (a.output_depth > 1 || a.kernel_depth > 1 || a.depth > 1) return;
    if (a.groups > 1 || a.filters > 8 || a.stride_width > 1) return;
    const std::int64_t ring_rows = (a.kernel_height - 1) * a.dilation_height + 1;
    const std::int64_t row_floats =
        padded(a.output_width) + (a.kernel_width - 1) * a.dilation_width;
    Numbers ring(size_of(ring_rows * a.channels * row_floats), 1e30F);
    operands.push_back(ring.data());
    check("convolution_single_cells");
    by_cells += 1;
}

void test_dense(const Kernels& kernels, Random& random) {
    SingleDenseArguments a{};
    a.cells = random.between(1, 9);
    a.channels = random.between(1, 20);
    a.cell_floats = random.between(0, 1) == 0 ? a.channels : padded(a.channels);
    a.outputs = random.between(1, 300);
    const Numbers numbers = random.numbers(a.cells * a.channels);
    Numbers weights = random.numbers(a.cells * a.channels * a.outputs);
    Numbers bias = random.numbers(a.outputs);
    Numbers factors = random_factors(random, a.outputs);
    Numbers expected(size_of(a.outputs), 0.0F);
    for (std::int64_t i = 0; i < a.cells * a.channels; ++i)
        for (std::int64_t o = 0; o < a.outputs; ++o) {
            expected[size_of(o)] += numbers[size_of(i)] * weights[size_of(i * a.outputs + o)];
        }
    finish(expected, factors, bias);

    Numbers input = spread(numbers, a.channels, a.cell_floats);
    Numbers output(size_of(padded(a.outputs)));
    const std::int64_t groups = padded(a.outputs) / lanes;
    const std::int64_t middle = random.between(0, groups);
    for (const auto& [begin, end] :
         {std::pair(middle, groups), std::pair(std::int64_t{0}, middle)}) {
        kernels.run_pieces(
            "dense_single",
            {input.data(), weights.data(), bias.data(), data_or_null(factors), output.data()}, a,
            begin, end);
    }
    output.resize(size_of(a.outputs));
    CHECK(output == expected);
}

// Rows of the caller's array of T, scaled, and back again.
template <class T>
void test_moving(const Kernels& kernels, Random& random, kernelet::ElementType type) {
    constexpr std::int64_t rows = 3;
    PackSingleArguments a{};
    a.cells = random.between(1, 60);
    a.channels = random.between(1, 40);
    a.cell_floats = random.between(0, 1) == 0 ? a.channels : padded(a.channels);
    std::vector<T> data(size_of(rows * a.cells * a.channels));
    for (T& x : data) x = static_cast<T>(random.between(0, 200));
    Numbers scale = random.numbers(a.channels);
    Numbers offset = random.numbers(a.channels);
    const std::int64_t row = random.between(0, rows - 1);
    Numbers expected(size_of(a.cells * a.channels));
    for (std::size_t k = 0; k < expected.size(); ++k) {
        const std::size_t channel = k % size_of(a.channels);
        const T x = data[size_of(row) * expected.size() + k];
        expected[k] = static_cast<float>(x) * scale[channel] + offset[channel];
    }

    const kernelet::InputArray in{data.data(), type, a.cells * a.channels};
    Numbers returned(size_of(rows) * expected.size(), -1.0F);
    const kernelet::OutputArray out{returned.data(), a.cells * a.channels};
    kernelet::Step step{};
    step.samples = &row;
    step.position = random.between(0, rows - 1);
    step.inputs = &in;
    step.outputs = &out;
    Numbers value(size_of(a.cells * a.cell_floats));
    const std::int64_t middle = random.between(0, a.cells);
    const UnpackSingleArguments back{0, a.cells, a.channels, a.cell_floats};
    for (const auto& [begin, end] :
         {std::pair(middle, a.cells), std::pair(std::int64_t{0}, middle)}) {
        kernels.run_pieces("pack_single", {value.data(), scale.data(), offset.data()}, a, begin,
                           end, step);
        kernels.run_pieces("unpack_single", {value.data()}, back, begin, end, step);
    }
    CHECK(gathered(value, a.channels, a.cell_floats) == expected);
    const auto first = returned.begin() + step.position * a.cells * a.channels;
    CHECK(std::equal(expected.begin(), expected.end(), first));
    CHECK(std::count(returned.begin(), returned.end(), -1.0F) >= (rows - 1) * a.cells * a.channels);
}

}  // namespace

int main() {
    for (const kernelet::Isa isa : kernelet::processor().levels) {
        const std::string name(kernelet::isa_name(isa));
        const Kernels kernels(name);
        Random random;
        int by_cells = 0;
        for (int repeat = 0; repeat < 300; ++repeat) {
            test_convolution(kernels, random, by_cells);
            test_dense(kernels, random);
            test_moving<float>(kernels, random, kernelet::ElementType::float32);
            test_moving<std::uint8_t>(kernels, random, kernelet::ElementType::uint8);
            test_moving<std::int32_t>(kernels, random, kernelet::ElementType::int32);
        }
        CHECK(by_cells >= 20);
        std::printf(
            "%s: 300 convolutions and dense products of single samples exact, %d by cells\n",
            name.c_str(), by_cells);
    }
    return 0;
}
