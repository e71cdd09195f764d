// The bfloat16 kernels of every instruction set, and of emulated matrix tiles, against sums of
// whole numbers, exactly. Workspaces are full of NaN before each call: no kernel may multiply what
// it has not written.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "kernel_cases.h"
#include "kernelet/kernel_list.h"

namespace {

using namespace kernel_cases;
using kernelet::ConvolutionBfloat16Arguments;
using kernelet::FilterGradientBfloat16Arguments;
using kernelet::PackCellsBfloat16Arguments;
using kernelet::PackFiltersBfloat16Arguments;

constexpr std::int64_t chunk = 16;

template <class Arguments>
Numbers workspace(const char* kernel, const Arguments& arguments) {
    const std::int64_t size = kernelet::bfloat16_size(kernel)(&arguments);
    return Numbers(size_of(size), std::numeric_limits<float>::quiet_NaN());
}

// Calls a kernel on operands that begin at cache lines, as in a plan; empty ones are absent.
void run(const Kernels& kernels, const char* name, const std::vector<Numbers*>& operands,
         const auto& arguments, bool first = true, std::int64_t pieces = 1) {
    struct alignas(64) Line {
        float floats[16];
    };
    std::vector<std::vector<Line>> lines;
    std::vector<float*> pointers;
    for (const Numbers* operand : operands) {
        if (operand->empty()) {
            lines.emplace_back();
            pointers.push_back(nullptr);
            continue;
        }
        lines.emplace_back((operand->size() + 15) / 16);
        pointers.push_back(lines.back().data()->floats);
        std::copy(operand->begin(), operand->end(), pointers.back());
    }
    kernels.run(name, pointers, arguments, first, pieces);
    for (std::size_t k = 0; k < operands.size(); ++k) {
        std::copy_n(pointers[k], operands[k]->size(), operands[k]->begin());
    }
}

// Matrix tiles take all taps of a row as one run, in chunks of its own, perhaps with the other rows
// of the filter, and perhaps for several output cells; other kernels take any runs.
void set_runs(Random& random, bool tiles, std::int64_t channels, ConvolutionBfloat16Arguments& a) {
    const auto apart = [](std::int64_t slots) { return (slots + chunk - 1) / chunk * chunk; };
    const bool alone = a.groups == 1;
    a.cells = 1;
    a.rows_together = tiles && alone ? random.between(0, 1) : 0;
    a.output_cells = a.output_width;
    if (tiles) {
        if (alone && a.dilation_width == 1) a.cells = random.between(1, 4);
        a.kernel_width += (a.cells - 1) * a.stride_width;
        a.stride_width *= a.cells;
        a.output_width = (a.output_width + a.cells - 1) / a.cells;
        a.filters *= a.cells;
    }
    a.run_taps = tiles || (alone && a.dilation_width == 1) ? a.kernel_width : 1;
    a.run_slots = (a.run_taps * channels + 1) / 2 * (a.rows_together ? a.kernel_height : 1);
    if (tiles || random.between(0, 1) == 0) a.run_slots = apart(a.run_slots);
}

// Arguments that begin with those of a convolution; all others are zero.
template <class Arguments>
Arguments extended(const ConvolutionArguments& a) {
    Arguments result{};
    static_cast<void>(std::copy_n(reinterpret_cast<const std::int64_t*>(&a),
                                  sizeof a / sizeof(std::int64_t),
                                  reinterpret_cast<std::int64_t*>(&result)));
    return result;
}

ConvolutionBfloat16Arguments plain_arguments(const ConvolutionArguments& a) {
    auto result = extended<ConvolutionBfloat16Arguments>(a);
    result.step_depth = result.step_height = result.step_width = 1;
    return result;
}

ConvolutionBfloat16Arguments forward_arguments(Random& random, bool tiles,
                                               const ConvolutionArguments& a) {
    ConvolutionBfloat16Arguments result = plain_arguments(a);
    set_runs(random, tiles, a.channels / a.groups, result);
    return result;
}

// The convolution that computes the gradient by the input of another.
ConvolutionBfloat16Arguments backward_arguments(Random& random, bool tiles,
                                                const ConvolutionArguments& a) {
    ConvolutionBfloat16Arguments result = plain_arguments(a);
    std::swap(result.channels, result.filters);
    std::swap(result.depth, result.output_depth);
    std::swap(result.height, result.output_height);
    std::swap(result.width, result.output_width);
    std::swap(result.stride_depth, result.step_depth);
    std::swap(result.stride_height, result.step_height);
    std::swap(result.stride_width, result.step_width);
    result.pad_depth = (a.kernel_depth - 1) * a.dilation_depth - a.pad_depth;
    result.pad_height = (a.kernel_height - 1) * a.dilation_height - a.pad_height;
    result.pad_width = (a.kernel_width - 1) * a.dilation_width - a.pad_width;
    set_runs(random, tiles, a.filters / a.groups, result);
    return result;
}

Numbers packed(const Kernels& kernels, Numbers& weights, const ConvolutionArguments& a,
               const ConvolutionBfloat16Arguments& runs, bool rotated) {
    const std::int64_t channels = a.channels / a.groups;
    const std::int64_t filters = a.filters / a.groups;
    if (runs.cells > 1 || runs.rows_together) {
        const PackCellsBfloat16Arguments pack{a.kernel_depth,
                                              a.kernel_height,
                                              a.kernel_width,
                                              channels,
                                              filters,
                                              rotated ? 1 : 0,
                                              runs.cells,
                                              runs.stride_width / runs.cells,
                                              runs.rows_together,
                                              runs.run_slots};
        Numbers result = workspace("pack_cells_bfloat16", pack);
        run(kernels, "pack_cells_bfloat16", {&weights, &result}, pack);
        return result;
    }
    const PackFiltersBfloat16Arguments pack{a.kernel_depth * a.kernel_height * a.kernel_width,
                                            channels,
                                            filters,
                                            a.groups,
                                            rotated ? 1 : 0,
                                            runs.run_taps,
                                            runs.run_slots};
    Numbers result = workspace("pack_filters_bfloat16", pack);
    const std::int64_t outputs = rotated ? channels : filters;
    const std::int64_t pieces = pieces_of(outputs, kernelet::pack_filters_bfloat16_piece);
    run(kernels, "pack_filters_bfloat16", {&weights, &result}, pack, true, a.groups * pieces);
    return result;
}

Numbers convolved(const Kernels& kernels, Numbers& input, Numbers& weights, Numbers& bias,
                  Numbers& factors, const ConvolutionArguments& a,
                  const ConvolutionBfloat16Arguments& runs, bool rotated, std::size_t outputs) {
    Numbers filters = packed(kernels, weights, a, runs, rotated);
    Numbers space = workspace("convolution_bfloat16", runs);
    Numbers absent;
    Numbers output(outputs);
    run(kernels, "convolution_bfloat16",
        {&input, &filters, &bias, &factors, &absent, &absent, &output, &absent, &space}, runs, true,
        runs.output_depth * runs.output_height);
    return output;
}

// Sums multiplied by each channel's factor, if there are any, with each channel's bias added.
void finish(Numbers& sums, const Numbers& factors, const Numbers& bias) {
    for (std::size_t k = 0; k < sums.size(); ++k) {
        const std::size_t channel = k / size_of(lanes) % bias.size();
        if (!factors.empty()) sums[k] *= factors[channel];
        sums[k] += bias[channel];
    }
}

void test_convolution(const Kernels& kernels, bool tiles, Random& random,
                      const ConvolutionArguments& a) {
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
        for (Numbers* values : {&expected, &expected_input}) {
            for (float& x : *values) x = std::max(x, 0.0F);
        }
    }
    CHECK(convolved(kernels, input, weights, bias, factors, a, forward_arguments(random, tiles, a),
                    false, expected.size()) == expected);
    CHECK(convolved(kernels, upstream, weights, transposed_bias, transposed_factors, a,
                    backward_arguments(random, tiles, a), true,
                    expected_input.size()) == expected_input);

    const char* name = "convolution_filter_gradient_bfloat16";
    auto whole = extended<FilterGradientBfloat16Arguments>(a);
    if (tiles && a.dilation_width == 1) whole.rows_together = random.between(0, 1);
    Numbers absent;
    Numbers space = workspace(name, whole);
    const std::int64_t pieces =
        a.groups *
        pieces_of(a.filters / a.groups, kernelet::convolution_filter_gradient_bfloat16_piece);
    run(kernels, name, {&input, &upstream, &absent, &gradient, &absent, &space}, whole, false,
        pieces);
    for (std::size_t k = 0; k < gradient.size(); ++k) {
        CHECK(gradient[k] == before[k] + expected_weights[k]);
    }
    space = workspace(name, whole);
    run(kernels, name, {&input, &upstream, &absent, &gradient, &absent, &space}, whole, true,
        pieces);
    CHECK(gradient == expected_weights);
}

// Enough channels and filters for several tiles along every side.
ConvolutionArguments wide_convolution(Random& random) {
    ConvolutionArguments a = random_convolution(random);
    while (a.kernel_depth * a.kernel_height * a.kernel_width > 9) a = random_convolution(random);
    a.groups = 1;
    a.channels = random.between(30, 70);
    a.filters = random.between(15, 70);
    return a;
}

// So many cells that the gradient by the filters is summed up band by band, the last one smaller.
ConvolutionArguments tall_convolution(Random& random) {
    ConvolutionArguments a{};
    a.groups = random.between(1, 2);
    a.channels = a.groups * random.between(8, 12);
    a.filters = a.groups * random.between(8, 12);
    a.depth = a.output_depth = a.kernel_depth = a.stride_depth = a.dilation_depth = 1;
    a.stride_height = random.between(1, 2);
    a.stride_width = random.between(1, 2);
    a.dilation_height = a.dilation_width = 1;
    a.kernel_height = random.between(1, 3);
    a.kernel_width = random.between(1, 3);
    a.pad_height = random.between(0, a.kernel_height - 1);
    a.pad_width = random.between(0, a.kernel_width - 1);
    a.output_height = random.between(9, 15);
    a.output_width = random.between(130, 160);
    a.height = (a.output_height - 1) * a.stride_height + a.kernel_height - a.pad_height;
    a.width = (a.output_width - 1) * a.stride_width + a.kernel_width - a.pad_width;
    return a;
}

}  // namespace

int main(int count, char** given) {
    for (const std::string& name : bfloat16_levels(count, given)) {
        const Kernels kernels(name);
        const bool tiles = name.starts_with("amx");
        Random random;
        const int drawn = cases(50);
        for (int repeat = 0; repeat < drawn; ++repeat) {
            test_convolution(kernels, tiles, random, random_convolution(random));
        }
        for (int repeat = 0; repeat < 2; ++repeat) {
            test_convolution(kernels, tiles, random, wide_convolution(random));
            test_convolution(kernels, tiles, random, tall_convolution(random));
        }
        std::printf("%s: %d convolutions with their gradients exact in bfloat16\n", name.c_str(),
                    drawn + 4);
    }
    return 0;
}
