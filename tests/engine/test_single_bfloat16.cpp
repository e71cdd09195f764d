// The bfloat16 kernels of single samples, of every instruction set and of emulated matrix tiles,
// against sums of whole numbers, exactly. Workspaces are full of NaN before each call: no kernel
// may multiply what it has not written.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "kernel_cases.h"
#include "kernelet/aligned.h"
#include "kernelet/kernel_list.h"
#include "single_cases.h"

namespace {

using namespace kernel_cases;
using kernelet::AlignedArray;
using kernelet::PackFiltersBfloat16Arguments;
using kernelet::SingleConvolutionBfloat16Arguments;
using kernelet::SingleDenseArguments;

constexpr std::int64_t line = 32;
constexpr std::int64_t panel = 32;

AlignedArray<float> unwritten(const char* kernel, const auto& arguments) {
    const std::int64_t size = kernelet::bfloat16_size(kernel)(&arguments);
    auto result = kernelet::aligned_array<float>(size);
    std::fill_n(result.get(), size, std::numeric_limits<float>::quiet_NaN());
    return result;
}

// Weights with `together` taps of all channels in a run.
AlignedArray<float> packed(const Kernels& kernels, Random& random, Numbers& weights,
                           std::int64_t taps, std::int64_t channels, std::int64_t filters,
                           std::int64_t groups, std::int64_t together) {
    const std::int64_t slots = pieces_of(together * channels, line) * line / 2;
    const PackFiltersBfloat16Arguments pack{taps, channels, filters, groups, 0, together, slots};
    auto result = unwritten("pack_filters_single_bfloat16", pack);
    const std::int64_t pieces = groups * pieces_of(filters, kernelet::pack_filters_bfloat16_piece);
    in_parts(random, pieces, [&](std::int64_t begin, std::int64_t end) {
        kernels.run_pieces("pack_filters_single_bfloat16", {weights.data(), result.get()}, pack,
                           begin, end);
    });
    return result;
}

// Some rows and columns make several tiles of cells; many channels several lines of a cell.
void enlarge(Random& random, ConvolutionArguments& a) {
    if (random.between(0, 1) == 0) {
        a.channels = a.groups * random.between(20, 70);
    }
    if (random.between(0, 1) == 0) {
        const std::int64_t more = random.between(10, 30);
        a.width += more * a.stride_width;
        a.output_width += more;
    }
}

void test_convolution(const Kernels& kernels, bool tiles, Random& random) {
    Case one = random_case(random, false, 0, enlarge);
    const ConvolutionArguments& a = one.a;
    const std::int64_t cell_floats = either(random, a.channels);
    const std::int64_t output_floats = either(random, a.filters);
    auto arguments = single<SingleConvolutionBfloat16Arguments>(a, cell_floats, output_floats);
    arguments.band = random.between(1, a.output_height);
    arguments.by_rows = random.between(0, 1);
    arguments.gathered = random.between(0, 1);
    arguments.tile_cells = tiles ? 16 : random.between(1, 16);
    const std::int64_t taps = a.kernel_depth * a.kernel_height * a.kernel_width;
    const auto filters = packed(kernels, random, one.weights, taps, a.channels / a.groups,
                                a.filters / a.groups, a.groups, arguments.gathered ? taps : 1);
    Numbers input = spread(one.input, a.channels, cell_floats);
    const auto cells = static_cast<std::int64_t>(one.expected.size()) / a.filters;
    Numbers output(size_of(cells * output_floats), 7.0F);
    const auto space = unwritten("convolution_single_bfloat16", arguments);
    const std::int64_t panels = a.groups * pieces_of(a.filters / a.groups, panel);
    in_parts(random, a.output_depth * a.output_height * panels,
             [&](std::int64_t begin, std::int64_t end) {
                 kernels.run_pieces("convolution_single_bfloat16",
                                    {input.data(), filters.get(), one.bias.data(),
                                     data_or_null(one.factors), output.data(), space.get()},
                                    arguments, begin, end);
             });
    CHECK(gathered(output, a.filters, output_floats) == one.expected);
}

void test_dense(const Kernels& kernels, Random& random) {
    SingleDenseArguments a{};
    a.cells = random.between(1, 40);
    a.channels = random.between(1, 20);
    a.cell_floats = either(random, a.channels);
    a.outputs = random.between(1, 200);
    const std::int64_t inputs = a.cells * a.channels;
    const Numbers numbers = random.numbers(inputs);
    Numbers weights = random.numbers(inputs * a.outputs);
    Numbers bias = random.numbers(a.outputs);
    Numbers factors = random_factors(random, a.outputs);
    Numbers expected(size_of(a.outputs), 0.0F);
    for (std::int64_t k = 0; k < inputs * a.outputs; ++k) {
        expected[size_of(k % a.outputs)] += numbers[size_of(k / a.outputs)] * weights[size_of(k)];
    }
    finish(expected, factors, bias);
    const auto filters = packed(kernels, random, weights, 1, inputs, a.outputs, 1, 1);
    Numbers input = spread(numbers, a.channels, a.cell_floats);
    Numbers output(size_of(padded(a.outputs)));
    const auto space = unwritten("dense_single_bfloat16", a);
    in_parts(random, padded(a.outputs) / lanes, [&](std::int64_t begin, std::int64_t end) {
        kernels.run_pieces("dense_single_bfloat16",
                           {input.data(), filters.get(), bias.data(), data_or_null(factors),
                            output.data(), space.get()},
                           a, begin, end);
    });
    output.resize(size_of(a.outputs));
    CHECK(output == expected);
}

}  // namespace

int main(int count, char** given) {
    for (const std::string& name : bfloat16_levels(count, given)) {
        const Kernels kernels(name);
        Random random;
        const int drawn = cases(200);
        for (int repeat = 0; repeat < drawn; ++repeat) {
            test_convolution(kernels, name.starts_with("amx"), random);
            test_dense(kernels, random);
        }
        std::printf("%s: %d convolutions and dense products of single samples exact in bfloat16\n",
                    name.c_str(), drawn);
    }
    return 0;
}
