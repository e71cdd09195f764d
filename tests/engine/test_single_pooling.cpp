// Poolings of single samples, of every instruction set, against the definition, exactly. Arrays end
// where their last number does, so that a sanitizer sees every read beyond it.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "check.h"
#include "kernel_cases.h"
#include "kernelet/cpu.h"
#include "kernelet/kernel_list.h"
#include "single_cases.h"

namespace {

using namespace kernel_cases;
using kernelet::SinglePoolingArguments;

RandomAxis pooled_axis(Random& random, std::int64_t longest) {
    for (;;) {
        RandomAxis axis = random_axis(random, longest, 5);
        if (axis.dilation == 1) return axis;
    }
}

SinglePoolingArguments random_pooling(Random& random) {
    const std::int64_t axes = random.between(1, 3);
    const RandomAxis flat{1, 1, 1, 1, 1, 0};
    const RandomAxis depth = axes == 3 ? pooled_axis(random, 5) : flat;
    const RandomAxis height = axes >= 2 ? pooled_axis(random, 9) : flat;
    const RandomAxis width = pooled_axis(random, 40);
    SinglePoolingArguments a{};
#define KERNELET_AXIS(axis)        \
    a.axis = axis.length;          \
    a.output_##axis = axis.output; \
    a.kernel_##axis = axis.kernel; \
    a.stride_##axis = axis.stride; \
    a.pad_##axis = axis.pad;
    KERNELET_AXIS(depth)
    KERNELET_AXIS(height)
    KERNELET_AXIS(width)
#undef KERNELET_AXIS
    a.channels = random.between(1, random.between(0, 1) == 0 ? 8 : 150);
    a.cell_floats = either(random, a.channels);
    a.output_floats = either(random, a.channels);
    return a;
}

// The cells of an axis inside the window of an output cell.
std::vector<std::int64_t> inside(std::int64_t cell, std::int64_t length, std::int64_t kernel,
                                 std::int64_t stride, std::int64_t pad) {
    std::vector<std::int64_t> cells;
    for (std::int64_t k = 0; k < kernel; ++k) {
        const std::int64_t at = cell * stride - pad + k;
        if (at >= 0 && at < length) cells.push_back(at);
    }
    return cells;
}

// The numbers of each result, in row-major order of cells.
template <class Function>
Numbers pooled(const SinglePoolingArguments& a, const Numbers& pictures, const Function& function) {
    Numbers result;
    for (std::int64_t z = 0; z < a.output_depth; ++z) {
        const auto planes = inside(z, a.depth, a.kernel_depth, a.stride_depth, a.pad_depth);
        for (std::int64_t y = 0; y < a.output_height; ++y) {
            const auto rows = inside(y, a.height, a.kernel_height, a.stride_height, a.pad_height);
            for (std::int64_t x = 0; x < a.output_width; ++x) {
                const auto columns =
                    inside(x, a.width, a.kernel_width, a.stride_width, a.pad_width);
                for (std::int64_t channel = 0; channel < a.channels; ++channel) {
                    Numbers window;
                    for (const auto plane : planes) {
                        for (const auto row : rows) {
                            for (const auto column : columns) {
                                const auto cell = (plane * a.height + row) * a.width + column;
                                window.push_back(pictures[size_of(cell * a.channels + channel)]);
                            }
                        }
                    }
                    result.push_back(function(window));
                }
            }
        }
    }
    return result;
}

void test_pooling(const Kernels& kernels, Random& random) {
    const SinglePoolingArguments a = random_pooling(random);
    const Numbers numbers = random.numbers(a.depth * a.height * a.width * a.channels);
    Numbers pictures = spread(numbers, a.channels, a.cell_floats);
    const std::int64_t rows = a.output_depth * a.output_height;
    const auto check = [&](const char* name, const Numbers& expected) {
        Numbers maps(size_of(rows * a.output_width * a.output_floats), -1e30F);
        in_parts(random, rows, [&](std::int64_t begin, std::int64_t end) {
            kernels.run_pieces(name, {pictures.data(), maps.data()}, a, begin, end);
        });
        CHECK(gathered(maps, a.channels, a.output_floats) == expected);
    };
    check("max_pool_single", pooled(a, numbers, [](const Numbers& window) {
              return *std::max_element(window.begin(), window.end());
          }));
    check("average_pool_single", pooled(a, numbers, [](const Numbers& window) {
              float sum = 0.0F;
              for (const float x : window) sum += x;
              return sum / static_cast<float>(window.size());
          }));
}

}  // namespace

int main() {
    for (const kernelet::Isa isa : kernelet::processor().levels) {
        const std::string name(kernelet::isa_name(isa));
        const Kernels kernels(name);
        Random random;
        const int count = cases(600);
        for (int repeat = 0; repeat < count; ++repeat) test_pooling(kernels, random);
        std::printf("%s: %d poolings of single samples exact\n", name.c_str(), count);
    }
    return 0;
}
