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
#include "single_cases.h"

namespace {

using namespace kernel_cases;
using kernelet::CellsArguments;
using kernelet::CellsFilterGradientArguments;
using kernelet::DepthwiseGradientArguments;
using kernelet::FilterGradientStripsArguments;
using kernelet::PackFiltersSingleArguments;
using kernelet::PackSingleArguments;
using kernelet::SingleConvolutionArguments;
using kernelet::SingleDenseArguments;
using kernelet::SingleDenseProductArguments;
using kernelet::SingleFilterGradientArguments;
using kernelet::SinglePanelConvolutionArguments;
using kernelet::UnpackSingleArguments;

// Panels of all groups.
std::int64_t panels_of(const SinglePanelConvolutionArguments& a, bool backward) {
    const std::int64_t groups = a.groups / a.merged;
    return groups * padded((backward ? a.channels : a.filters) / groups) / lanes;
}

Numbers packed(const Kernels& kernels, Random& random, Numbers& weights,
               const SinglePanelConvolutionArguments& a, bool backward) {
    const std::int64_t taps = a.kernel_depth * a.kernel_height * a.kernel_width;
    const std::int64_t inputs = (backward ? a.filters : a.channels) / a.groups;
    const std::int64_t pieces = panels_of(a, backward) * taps;
    const PackFiltersSingleArguments pack{taps,     a.channels / a.groups, a.filters / a.groups,
                                          a.groups, backward ? 1 : 0,      a.merged};
    Numbers result(size_of(pieces * inputs * lanes), 1e30F);
    in_parts(random, pieces, [&](std::int64_t begin, std::int64_t end) {
        kernels.run_pieces("pack_filters_single", {weights.data(), result.data()}, pack, begin,
                           end);
    });
    return result;
}

// Cells of an axis that so many cells in a row reach, of those that are written.
std::int64_t reached(std::int64_t cells, std::int64_t kernel, std::int64_t stride,
                     std::int64_t dilation, bool backward) {
    const std::int64_t extent = (kernel - 1) * dilation;
    return backward ? (cells - 1 + extent) / stride + 1 : (cells - 1) * stride + extent + 1;
}

std::int64_t workspace_of(const SinglePanelConvolutionArguments& a, bool backward) {
    const std::int64_t width = backward ? a.width : a.output_width;
    return a.kernel_depth *
           reached(a.band, a.kernel_height, a.stride_height, a.dilation_height, backward) *
           reached(width, a.kernel_width, a.stride_width, a.dilation_width, backward) *
           (backward ? a.filters : a.channels) / a.groups * a.merged;
}

// How many groups may share a panel: any divisor of their number whose filters fit.
std::int64_t random_merged(Random& random, std::int64_t groups, std::int64_t outputs) {
    std::vector<std::int64_t> fitting;
    for (std::int64_t k = 1; k <= groups; ++k) {
        if (groups % k == 0 && (k == 1 || k * outputs <= lanes)) fitting.push_back(k);
    }
    return fitting[size_of(random.between(0, static_cast<std::int64_t>(fitting.size()) - 1))];
}

// By panels of filters, in bands of any height.
void test_panels(const Kernels& kernels, Random& random, bool backward) {
    Case one = random_case(random, backward);
    const ConvolutionArguments& a = one.a;
    const std::int64_t inputs = backward ? a.filters : a.channels;
    const std::int64_t outputs = backward ? a.channels : a.filters;
    const std::int64_t cell_floats = either(random, inputs);
    const std::int64_t output_floats = either(random, outputs);
    auto arguments = single<SinglePanelConvolutionArguments>(a, cell_floats, output_floats);
    arguments.merged = random_merged(random, a.groups, outputs / a.groups);
    arguments.skips = arguments.merged == 1 ? random.between(0, 1) : 0;
    const std::int64_t rows = backward ? a.height : a.output_height;
    arguments.band = random.between(1, rows);
    arguments.by_rows = random.between(0, 1);
    Numbers input = spread(one.input, inputs, cell_floats);
    Numbers filters = packed(kernels, random, one.weights, arguments, backward);
    const auto cells = static_cast<std::int64_t>(one.expected.size()) / outputs;
    Numbers output(size_of(cells * output_floats), 7.0F);
    Numbers space(size_of(workspace_of(arguments, backward)), 1e30F);
    const std::int64_t planes = backward ? a.depth : a.output_depth;
    in_parts(random, planes * rows * panels_of(arguments, backward),
             [&](std::int64_t begin, std::int64_t end) {
                 kernels.run_pieces(
                     backward ? "convolution_input_gradient_single" : "convolution_single",
                     {input.data(), filters.data(), one.bias.data(), data_or_null(one.factors),
                      output.data(), space.data()},
                     arguments, begin, end);
             });
    CHECK(gathered(output, outputs, output_floats) == one.expected);
}

// By vectors of cells; counts in `by_cells` those that the kernel of few filters can do.
void test_cells(const Kernels& kernels, Random& random, bool backward, int& by_cells) {
    Case one = random_case(random, backward);
    const ConvolutionArguments& a = one.a;
    const std::int64_t inputs = backward ? a.filters : a.channels;
    const std::int64_t outputs = backward ? a.channels : a.filters;
    if (outputs / a.groups > 8) return;
    const std::int64_t cell_floats = either(random, inputs);
    const std::int64_t output_floats = either(random, outputs);
    auto panels = single<SinglePanelConvolutionArguments>(a, cell_floats, output_floats);
    panels.merged = 1;
    const auto arguments = single<SingleConvolutionArguments>(a, cell_floats, output_floats);
    const std::int64_t stride = backward ? 1 : a.stride_width;
    const std::int64_t width = backward ? a.width : a.output_width;
    const std::int64_t phase_floats =
        (reached(width, a.kernel_width, a.stride_width, a.dilation_width, backward) - 1) / stride +
        lanes;
    const std::int64_t places =
        reached(4, a.kernel_height, a.stride_height, a.dilation_height, backward);
    Numbers input = spread(one.input, inputs, cell_floats);
    Numbers filters =
        backward ? packed(kernels, random, one.weights, panels, backward) : one.weights;
    const auto cells = static_cast<std::int64_t>(one.expected.size()) / outputs;
    Numbers output(size_of(cells * output_floats), 7.0F);
    Numbers rows(size_of(a.kernel_depth * places * inputs / a.groups * stride * phase_floats),
                 1e30F);
    in_parts(random, a.groups * cells / width, [&](std::int64_t begin, std::int64_t end) {
        kernels.run_pieces(
            backward ? "convolution_input_gradient_single_cells" : "convolution_single_cells",
            {input.data(), filters.data(), one.bias.data(), data_or_null(one.factors),
             output.data(), rows.data()},
            arguments, begin, end);
    });
    CHECK(gathered(output, outputs, output_floats) == one.expected);
    by_cells += 1;
}

void test_dense_gradient(const Kernels& kernels, Random& random, const SingleDenseArguments& a,
                         Numbers& weights) {
    Numbers upstream = random.numbers(a.outputs);
    Numbers expected(size_of(a.cells * a.channels), 0.0F);
    for (std::size_t k = 0; k < weights.size(); ++k) {
        expected[k / size_of(a.outputs)] += upstream[k % size_of(a.outputs)] * weights[k];
    }
    Numbers gradient(size_of(a.cells * a.cell_floats));
    in_parts(random, (a.cells * a.cell_floats + lanes - 1) / lanes,
             [&](std::int64_t begin, std::int64_t end) {
                 kernels.run_pieces("dense_input_gradient_single",
                                    {upstream.data(), weights.data(), gradient.data()}, a, begin,
                                    end);
             });
    CHECK(gathered(gradient, a.channels, a.cell_floats) == expected);
}

void test_dense(const Kernels& kernels, Random& random) {
    SingleDenseProductArguments a{};
    a.cells = random.between(1, 9);
    a.channels = random.between(1, 20);
    a.cell_floats = either(random, a.channels);
    a.outputs = random.between(1, 300);
    a.in_parts = random.between(0, 1);
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
    in_parts(random, padded(a.outputs) / lanes, [&](std::int64_t begin, std::int64_t end) {
        kernels.run_pieces(
            "dense_single",
            {input.data(), weights.data(), bias.data(), data_or_null(factors), output.data()}, a,
            begin, end);
    });
    output.resize(size_of(a.outputs));
    CHECK(output == expected);
    const SingleDenseArguments gradient{a.cells, a.channels, a.cell_floats, a.outputs, 0, 0.0};
    test_dense_gradient(kernels, random, gradient, weights);
}

// A gradient by the filters, overwritten and then added to; `arguments` say where cells lie.
template <class Arguments>
void check_filter_gradient(const Kernels& kernels, Random& random, const char* kernel,
                           Arguments arguments, std::int64_t pieces, std::int64_t workspace) {
    ConvolutionArguments a{};
#define KERNELET_COPY(name) a.name = arguments.name;
    ARGUMENTS_Convolution(KERNELET_COPY, KERNELET_COPY)
#undef KERNELET_COPY
        arguments.input_floats = either(random, a.channels);
    arguments.upstream_floats = either(random, a.filters);
    const Numbers x = random.numbers(a.depth * a.height * a.width * a.channels);
    const Numbers y = random.numbers(a.output_depth * a.output_height * a.output_width * a.filters);
    const std::int64_t taps = a.kernel_depth * a.kernel_height * a.kernel_width;
    Numbers expected(size_of(taps * a.channels / a.groups * a.filters), 0.0F);
    for_products(a, [&](std::int64_t in, std::int64_t w, std::int64_t out) {
        expected[size_of(w)] += x[size_of(in)] * y[size_of(out)];
    });
    Numbers input = spread(x, a.channels, arguments.input_floats);
    Numbers upstream = spread(y, a.filters, arguments.upstream_floats);
    Numbers gradient(expected.size(), 1e30F);
    Numbers space(size_of(workspace), 1e30F);
    const std::vector<float*> operands{input.data(), upstream.data(), gradient.data(),
                                       space.data()};
    kernels.run(kernel, operands, arguments, true, pieces);
    CHECK(gradient == expected);
    kernels.run(kernel, operands, arguments, false, pieces);
    for (std::size_t k = 0; k < gradient.size(); ++k) CHECK(gradient[k] == 2.0F * expected[k]);
}

// From pieces of random strips.
void test_filter_gradient(const Kernels& kernels, Random& random) {
    ConvolutionArguments a = random_convolution(random);
    a.filters = a.groups * random.between(1, 70);
    SingleFilterGradientArguments single{};
    const FilterGradientStripsArguments strips = random_strips(random, a);
#define KERNELET_COPY(name) single.name = strips.name;
    ARGUMENTS_FilterGradientStrips(KERNELET_COPY, KERNELET_COPY)
#undef KERNELET_COPY
        check_filter_gradient(kernels, random, "convolution_filter_gradient_single", single,
                              strips_pieces(single), strips_workspace(single, 1));
}

// By vectors of cells, of strips of any height.
void test_filter_gradient_by_cells(const Kernels& kernels, Random& random) {
    ConvolutionArguments a = random_convolution(random);
    a.filters = a.groups * random.between(1, 8);
    CellsFilterGradientArguments single{};
#define KERNELET_COPY(name) single.name = a.name;
    ARGUMENTS_Convolution(KERNELET_COPY, KERNELET_COPY)
#undef KERNELET_COPY
        single.strip_rows = random.between(1, a.output_height);
    const std::int64_t channels = a.channels / a.groups;
    const std::int64_t filters = a.filters / a.groups;
    const std::int64_t rows = std::min(
        a.height,
        reached(single.strip_rows, a.kernel_height, a.stride_height, a.dilation_height, false));
    const std::int64_t columns =
        reached(a.output_width, a.kernel_width, a.stride_width, a.dilation_width, false);
    const std::int64_t row_floats =
        channels * a.stride_width * ((columns - 1) / a.stride_width + lanes);
    const std::int64_t taps = a.kernel_depth * a.kernel_height;
    const std::int64_t sums = taps * a.kernel_width * channels * filters * lanes;
    check_filter_gradient(kernels, random, "convolution_filter_gradient_single_cells", single,
                          a.groups * taps,
                          a.kernel_depth * rows * row_floats +
                              single.strip_rows * filters * padded(a.output_width) + sums);
}

// Cells with and without padding.
void test_channel_sums(const Kernels& kernels, Random& random) {
    CellsArguments a{};
    a.cells = random.between(1, 100);
    a.channels = random.between(1, 40);
    a.cell_floats = a.channels <= 8 ? either(random, a.channels) : padded(a.channels);
    const Numbers numbers = random.numbers(a.cells * a.channels);
    Numbers expected(size_of(a.channels), 0.0F);
    for (std::size_t k = 0; k < numbers.size(); ++k) {
        expected[k % size_of(a.channels)] += numbers[k];
    }
    Numbers input = spread(numbers, a.channels, a.cell_floats);
    Numbers sums(size_of(a.channels), 1e30F);
    const std::int64_t pieces = padded(a.channels) / lanes;
    kernels.run("channel_sum_single", {input.data(), sums.data()}, a, true, pieces);
    CHECK(sums == expected);
    kernels.run("channel_sum_single", {input.data(), sums.data()}, a, false, pieces);
    for (std::size_t k = 0; k < sums.size(); ++k) CHECK(sums[k] == 2.0F * expected[k]);
}

// Channels with a filter each: the convolution, and its gradients by the input and the filters.
void test_depthwise(const Kernels& kernels, Random& random, bool backward) {
    Case one = random_case(random, backward, random.between(2, 70));
    const ConvolutionArguments& a = one.a;
    const std::int64_t cell_floats = either(random, a.channels);
    const std::int64_t output_floats = either(random, a.channels);
    const auto arguments = single<SingleConvolutionArguments>(a, cell_floats, output_floats);
    Numbers input = spread(one.input, a.channels, cell_floats);
    const auto cells = static_cast<std::int64_t>(one.expected.size()) / a.channels;
    Numbers output(size_of(cells * output_floats), 7.0F);
    const std::int64_t rows = backward ? a.depth * a.height : a.output_depth * a.output_height;
    in_parts(random, rows, [&](std::int64_t begin, std::int64_t end) {
        kernels.run_pieces(backward ? "depthwise_input_gradient_single" : "depthwise_single",
                           {input.data(), one.weights.data(), one.bias.data(),
                            data_or_null(one.factors), output.data()},
                           arguments, begin, end);
    });
    CHECK(gathered(output, a.channels, output_floats) == one.expected);
}

void test_depthwise_gradient(const Kernels& kernels, Random& random) {
    ConvolutionArguments a = random_convolution(random);
    a.groups = a.channels = a.filters = random.between(2, 150);
    DepthwiseGradientArguments single{};
#define KERNELET_COPY(name) single.name = a.name;
    ARGUMENTS_Convolution(KERNELET_COPY, KERNELET_COPY)
#undef KERNELET_COPY
        check_filter_gradient(kernels, random, "depthwise_filter_gradient_single", single,
                              a.kernel_depth * a.kernel_height * a.kernel_width, 1);
}

void test_outer_product(const Kernels& kernels, Random& random) {
    SingleDenseArguments a{};
    a.cells = random.between(1, 9);
    a.channels = random.between(1, 20);
    a.cell_floats = either(random, a.channels);
    a.outputs = random.between(1, 100);
    const Numbers numbers = random.numbers(a.cells * a.channels);
    Numbers input = spread(numbers, a.channels, a.cell_floats);
    Numbers upstream = random.numbers(a.outputs);
    Numbers gradient(size_of(a.cells * a.channels * a.outputs), 1e30F);
    const std::vector<float*> operands{input.data(), upstream.data(), gradient.data()};
    const std::int64_t pieces = pieces_of(a.cells * a.channels, kernelet::outer_product_sum_piece);
    for (const float times : {1.0F, 2.0F}) {
        kernels.run("outer_product_single", operands, a, times == 1.0F, pieces);
        for (std::int64_t k = 0; k < a.cells * a.channels * a.outputs; ++k) {
            CHECK(gradient[size_of(k)] ==
                  times * numbers[size_of(k / a.outputs)] * upstream[size_of(k % a.outputs)]);
        }
    }
}

// Rows of the caller's array of T, scaled, and back again.
template <class T>
void test_moving(const Kernels& kernels, Random& random, kernelet::ElementType type) {
    constexpr std::int64_t rows = 3;
    PackSingleArguments a{};
    a.cells = random.between(1, 60);
    a.channels = random.between(1, 40);
    a.cell_floats = either(random, a.channels);
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
        const int count = cases(300);
        for (int repeat = 0; repeat < count; ++repeat) {
            test_panels(kernels, random, false);
            test_panels(kernels, random, true);
            test_cells(kernels, random, false, by_cells);
            test_cells(kernels, random, true, by_cells);
            test_dense(kernels, random);
            test_filter_gradient(kernels, random);
            test_filter_gradient_by_cells(kernels, random);
            test_channel_sums(kernels, random);
            test_depthwise(kernels, random, false);
            test_depthwise(kernels, random, true);
            test_depthwise_gradient(kernels, random);
            test_outer_product(kernels, random);
            test_moving<float>(kernels, random, kernelet::ElementType::float32);
            test_moving<std::uint8_t>(kernels, random, kernelet::ElementType::uint8);
            test_moving<std::int32_t>(kernels, random, kernelet::ElementType::int32);
        }
        CHECK(by_cells >= count);
        std::printf(
            "%s: %d convolutions and dense products of single samples exact, with their "
            "gradients, %d by cells\n",
            name.c_str(), count, by_cells);
    }
    return 0;
}
