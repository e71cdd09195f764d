// Dense layers of all samples of a batch at once, of every instruction set: exact sums of whole
// numbers, and the very numbers of one sample after the other.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "kernel_cases.h"
#include "kernelet/cpu.h"
#include "kernelet/kernel_list.h"

namespace {

using namespace kernel_cases;
using kernelet::BatchDenseArguments;
using kernelet::DenseArguments;
using kernelet::SingleDenseArguments;
using kernelet::SingleDenseProductArguments;

// Parts of the inputs must not be empty.
constexpr std::int64_t fewest_in_parts = 4;

std::int64_t padded(std::int64_t channels) { return (channels + lanes - 1) / lanes * lanes; }

// A batch whose samples lie `stride` floats apart; what pads cells must never count.
struct Batch {
    std::int64_t samples;
    std::int64_t stride;
    SingleDenseArguments a;
    Numbers input;
    Numbers upstream;
    Numbers weights;

    std::int64_t inputs() const { return a.cells * a.channels; }
    std::int64_t place(std::int64_t number) const {
        return number / a.channels * a.cell_floats + number % a.channels;
    }
    float* input_of(std::int64_t sample) { return input.data() + sample * stride; }
    float* upstream_of(std::int64_t sample) { return upstream.data() + sample * stride; }
};

Batch random_batch(Random& random) {
    Batch b{};
    b.samples = random.between(1, random.between(0, 3) == 0 ? 150 : 20);
    b.a.cells = random.between(1, 9);
    b.a.channels = random.between(1, random.between(0, 1) == 0 ? 20 : 120);
    b.a.cell_floats = random.between(0, 1) == 0 ? b.a.channels : padded(b.a.channels);
    b.a.outputs = random.between(1, random.between(0, 3) == 0 ? 600 : 60);
    b.stride =
        padded(std::max(b.a.cells * b.a.cell_floats, b.a.outputs)) + lanes * random.between(0, 3);
    b.weights = random.numbers(b.inputs() * b.a.outputs);
    b.input.assign(size_of(b.samples * b.stride), 1e30F);
    b.upstream.assign(size_of(b.samples * b.stride), 1e30F);
    for (std::int64_t s = 0; s < b.samples; ++s) {
        const Numbers x = random.numbers(b.inputs());
        for (std::int64_t i = 0; i < b.inputs(); ++i) b.input_of(s)[b.place(i)] = x[size_of(i)];
        const Numbers y = random.numbers(b.a.outputs);
        std::copy(y.begin(), y.end(), b.upstream_of(s));
    }
    return b;
}

// Runs a kernel in two parts of its pieces, the last one first.
template <class Arguments>
void run(const Kernels& kernels, Random& random, const Batch& batch, const char* name,
         const std::vector<float*>& operands, const Arguments& arguments, std::int64_t pieces) {
    kernelet::Step step{};
    step.batch = batch.samples;
    step.batch_stride = batch.stride;
    const std::int64_t middle = random.between(0, pieces);
    kernels.run_pieces(name, operands, arguments, middle, pieces, step);
    kernels.run_pieces(name, operands, arguments, 0, middle, step);
}

// Numbers that are not whole, so that another order of adding would show.
void disturb(Numbers& numbers) {
    std::mt19937 generator(7);
    std::uniform_real_distribution<float> distribution(-1.0F, 1.0F);
    for (float& x : numbers) {
        if (x < 1e29F) x = distribution(generator);
    }
}

void test_product(const Kernels& kernels, Random& random, Batch b) {
    disturb(b.input);
    disturb(b.weights);
    Numbers bias = random.numbers(b.a.outputs);
    Numbers factors = random_factors(random, b.a.outputs);
    Numbers output(size_of(b.samples * b.stride), 1e30F);
    Numbers workspace(size_of(b.samples * padded(b.a.outputs)), 1e30F);
    BatchDenseArguments a{};
#define KERNELET_COPY(name) a.name = b.a.name;
    ARGUMENTS_SingleDense(KERNELET_COPY, KERNELET_COPY)
#undef KERNELET_COPY
        a.in_parts = b.inputs() < fewest_in_parts ? 0 : random.between(0, 1);
    a.parts = random.between(1, 3);
    SingleDenseProductArguments one{};
#define KERNELET_COPY(name) one.name = a.name;
    ARGUMENTS_SingleDenseProduct(KERNELET_COPY, KERNELET_COPY)
#undef KERNELET_COPY
        const std::int64_t groups = padded(a.outputs) / lanes;
    run(kernels, random, b, "dense_single_batch",
        {b.input.data(), b.weights.data(), bias.data(), data_or_null(factors), output.data(),
         workspace.data()},
        a, a.parts * groups);
    for (std::int64_t s = 0; s < b.samples; ++s) {
        Numbers alone(size_of(padded(a.outputs)));
        kernels.run_pieces(
            "dense_single",
            {b.input_of(s), b.weights.data(), bias.data(), data_or_null(factors), alone.data()},
            one, 0, groups);
        CHECK(std::equal(alone.begin(), alone.begin() + a.outputs, output.begin() + s * b.stride));
    }
}

void test_input_gradient(const Kernels& kernels, Random& random, Batch& b) {
    Numbers gradient(size_of(b.samples * b.stride), 7.0F);
    Numbers workspace(size_of(lanes * padded(b.a.outputs)));
    run(kernels, random, b, "dense_input_gradient_single_batch",
        {b.upstream.data(), b.weights.data(), gradient.data(), workspace.data()}, b.a,
        pieces_of(b.a.cells * b.a.cell_floats, lanes));
    for (std::int64_t s = 0; s < b.samples; ++s) {
        for (std::int64_t i = 0; i < b.inputs(); ++i) {
            float expected = 0.0F;
            for (std::int64_t o = 0; o < b.a.outputs; ++o) {
                expected += b.upstream_of(s)[o] * b.weights[size_of(i * b.a.outputs + o)];
            }
            CHECK(gradient[size_of(s * b.stride + b.place(i))] == expected);
        }
    }
}

void test_outer_product(const Kernels& kernels, Random& random, Batch& b) {
    Numbers gradient(b.weights.size(), 1e30F);
    Numbers workspace(size_of(64 * padded(b.a.outputs)));
    run(kernels, random, b, "outer_product_single_batch",
        {b.input.data(), b.upstream.data(), gradient.data(), workspace.data()}, b.a,
        pieces_of(b.inputs(), kernelet::outer_product_sum_piece));
    for (std::int64_t i = 0; i < b.inputs(); ++i) {
        for (std::int64_t o = 0; o < b.a.outputs; ++o) {
            float expected = 0.0F;
            for (std::int64_t s = 0; s < b.samples; ++s) {
                expected += b.input_of(s)[b.place(i)] * b.upstream_of(s)[o];
            }
            CHECK(gradient[size_of(i * b.a.outputs + o)] == expected);
        }
    }
}

// Of blocks of samples; those past the batch have an upstream gradient of zero.
void test_outer_product_of_blocks(const Kernels& kernels, Random& random) {
    const std::int64_t samples = random.between(1, 300);
    const std::int64_t blocks = pieces_of(samples, lanes);
    const DenseArguments a{random.between(1, 500), random.between(1, 70), 0, 0.0};
    const std::int64_t stride = lanes * (std::max(a.inputs, a.outputs) + random.between(0, 3));
    Numbers input = random.numbers(blocks * stride);
    Numbers upstream = random.numbers(blocks * stride);
    Numbers expected(size_of(a.inputs * a.outputs), 0.0F);
    for (std::int64_t sample = 0; sample < blocks * lanes; ++sample) {
        const std::int64_t first = sample / lanes * stride + sample % lanes;
        for (std::int64_t o = 0; o < a.outputs; ++o) {
            float& y = upstream[size_of(first + o * lanes)];
            if (sample >= samples) y = 0.0F;
            for (std::int64_t i = 0; i < a.inputs && y != 0.0F; ++i) {
                expected[size_of(i * a.outputs + o)] += input[size_of(first + i * lanes)] * y;
            }
        }
    }
    Numbers gradient(expected.size(), 1e30F);
    Numbers workspace(size_of(16 * 32 * lanes), 1e30F);
    kernelet::Step step{};
    step.batch = samples;
    step.batch_stride = stride;
    const std::int64_t pieces = pieces_of(a.inputs, kernelet::outer_product_sum_piece);
    const std::int64_t middle = random.between(0, pieces);
    const std::vector<float*> operands{input.data(), upstream.data(), gradient.data(),
                                       workspace.data()};
    kernels.run_pieces("outer_product_sum_batch", operands, a, middle, pieces, step);
    kernels.run_pieces("outer_product_sum_batch", operands, a, 0, middle, step);
    CHECK(gradient == expected);
}

}  // namespace

int main() {
    for (const kernelet::Isa isa : kernelet::processor().levels) {
        const std::string name(kernelet::isa_name(isa));
        const Kernels kernels(name);
        Random random;
        const int count = cases(100);
        for (int number = 0; number < count; ++number) {
            Batch batch = random_batch(random);
            test_product(kernels, random, batch);
            test_input_gradient(kernels, random, batch);
            test_outer_product(kernels, random, batch);
            test_outer_product_of_blocks(kernels, random);
        }
        std::printf("%s: %d dense layers of whole batches, with their gradients\n", name.c_str(),
                    count);
    }
    return 0;
}
