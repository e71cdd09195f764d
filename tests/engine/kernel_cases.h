// What the tests of kernels share: random sizes, whole numbers, and the products of a convolution.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "kernelet/cpu.h"
#include "kernelet/kernel_list.h"
#include "kernelet/select.h"

namespace kernel_cases {

using kernelet::Call;
using kernelet::ConvolutionArguments;
using kernelet::lanes;

using Numbers = std::vector<float>;

inline std::size_t size_of(std::int64_t elements) { return static_cast<std::size_t>(elements); }

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

// Factors of channels in every other case, otherwise none.
inline Numbers random_factors(Random& random, std::int64_t channels) {
    return random.between(0, 1) == 0 ? random.numbers(channels) : Numbers{};
}

inline float* data_or_null(Numbers& numbers) { return numbers.empty() ? nullptr : numbers.data(); }

// Pieces that a kernel makes of a number of elements.
inline std::int64_t pieces_of(std::int64_t elements, std::int64_t piece) {
    return (elements + piece - 1) / piece;
}

// The instruction sets that the arguments of a program name; without any, all that the processor
// has and emulated tiles.
inline std::vector<std::string> bfloat16_levels(int count, char** given) {
    std::vector<std::string> names(given + 1, given + count);
    if (names.empty()) {
        for (const kernelet::Isa isa : kernelet::processor().levels) {
            names.emplace_back(kernelet::isa_name(isa));
        }
        names.emplace_back("amx_emulated");
    }
    for (const std::string& name : names) kernelet::isa_by_name(name, "the command line");
    return names;
}

class Kernels {
  public:
    explicit Kernels(const std::string& isa) : table_(kernelet::kernel_table(isa)) {}

    // Runs a kernel on all pieces of a block of samples, first on one and then on the others, in
    // two parts.
    template <class Arguments>
    void run(const char* name, std::vector<float*> operands, const Arguments& arguments,
             bool first = true, std::int64_t pieces = 1) const {
        kernelet::Step step{};
        step.batch = lanes;
        const std::int64_t middle = (1 + pieces) / 2;
        for (const auto& [begin, end] :
             {std::pair{std::int64_t{0}, std::int64_t{1}}, std::pair{std::int64_t{1}, middle},
              std::pair{middle, pieces}}) {
            if (begin >= end) continue;
            const Call call{operands.data(), &arguments, &step, 0, lanes, first, begin, end};
            table_[kernelet::kernel_index(name)](call);
        }
    }

    // Runs a kernel of single samples on pieces [begin, end).
    template <class Arguments>
    void run_pieces(const char* name, std::vector<float*> operands, const Arguments& arguments,
                    std::int64_t begin, std::int64_t end, const kernelet::Step& step = {}) const {
        const Call call{operands.data(), &arguments, &step, 0, 1, false, begin, end};
        table_[kernelet::kernel_index(name)](call);
    }

  private:
    const kernelet::Kernel* table_;
};

// The input cell that tap k connects with output cell i along one axis, or -1 outside.
inline std::int64_t input_cell(std::int64_t i, std::int64_t k, std::int64_t length,
                               std::int64_t stride, std::int64_t dilation, std::int64_t pad) {
    const std::int64_t cell = i * stride - pad + k * dilation;
    return cell < length ? std::max<std::int64_t>(cell, -1) : -1;
}

// Calls `visit(tap, input cell, output cell)` for every pair of cells that a tap connects.
template <class Visit>
inline void for_cells(const ConvolutionArguments& a, Visit&& visit) {
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
inline void for_products(const ConvolutionArguments& a, Visit&& visit) {
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

inline RandomAxis random_axis(Random& random, std::int64_t longest, std::int64_t largest_kernel) {
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
inline ConvolutionArguments random_convolution(Random& random) {
    const std::int64_t axes = random.between(1, 3);
    const RandomAxis flat{1, 1, 1, 1, 1, 0};
    const RandomAxis depth = axes == 3 ? random_axis(random, 5, 3) : flat;
    const RandomAxis height = axes >= 2 ? random_axis(random, 9, 5) : flat;
    const RandomAxis width = random_axis(random, axes == 1 ? 40 : 12, axes == 1 ? 9 : 5);
    ConvolutionArguments a{};
    a.groups = random.between(0, 3) == 0 ? random.between(2, random.between(0, 1) ? 3 : 12) : 1;
    // Many groups are narrow.
    a.channels = a.groups * random.between(1, a.groups > 3 ? 3 : axes == 3 ? 5 : 9);
    a.filters = a.groups * random.between(1, a.groups > 3 ? 4 : axes == 3 ? 10 : 20);
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

// A convolution whose gradient by the filters is taken in strips of random size.
inline kernelet::FilterGradientStripsArguments random_strips(Random& random,
                                                             const ConvolutionArguments& a) {
    kernelet::FilterGradientStripsArguments result{};
#define KERNELET_COPY(name) result.name = a.name;
    ARGUMENTS_Convolution(KERNELET_COPY, KERNELET_COPY)
#undef KERNELET_COPY
        result.strip_rows = random.between(1, a.output_height);
    result.strip_columns = random.between(1, a.output_width);
    result.channels_together = random.between(1, a.channels / a.groups);
    return result;
}

// Floats of the workspace, and pieces, of the gradient by the filters in strips.
template <class Arguments>
std::int64_t strips_workspace(const Arguments& a, std::int64_t samples) {
    const std::int64_t filters = pieces_of(a.filters / a.groups, 32) * 32;
    const std::int64_t stride = a.kernel_width == 1 ? 1 : a.stride_width;
    const std::int64_t copied =
        (a.strip_columns - 1) * stride + (a.kernel_width - 1) * a.dilation_width + 1;
    return samples * a.strip_rows * (a.strip_columns * filters + copied * a.channels_together);
}

template <class Arguments>
std::int64_t strips_pieces(const Arguments& a) {
    return a.groups *
           pieces_of(a.filters / a.groups, kernelet::convolution_filter_gradient_strips_piece) *
           a.kernel_depth * a.kernel_height * pieces_of(a.channels / a.groups, a.channels_together);
}

}  // namespace kernel_cases
