// Dense layers in bfloat16 and their gradients, of every instruction set and of emulated matrix
// tiles, against sums of whole numbers, exactly. Workspaces are full of NaN before each call.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "kernel_cases.h"
#include "kernelet/aligned.h"
#include "kernelet/kernel_list.h"

namespace {

using namespace kernel_cases;
using kernelet::AlignedArray;
using kernelet::DenseBfloat16Arguments;
using kernelet::OuterProductBfloat16Arguments;
using kernelet::PackFiltersBfloat16Arguments;
using kernelet::SizeArguments;

AlignedArray<float> aligned(const Numbers& numbers) {
    auto result = kernelet::aligned_array<float>(static_cast<std::int64_t>(numbers.size()));
    std::copy(numbers.begin(), numbers.end(), result.get());
    return result;
}

AlignedArray<float> workspace(const char* kernel, const auto& arguments) {
    const std::int64_t size = kernelet::bfloat16_size(kernel)(&arguments);
    return aligned(Numbers(size_of(size), std::numeric_limits<float>::quiet_NaN()));
}

// Two values of a batch, and the pairs of the first one, as a plan stores them: block after block.
struct Batch {
    std::int64_t inputs;
    std::int64_t outputs;
    std::int64_t samples;
    std::int64_t pairs;
    kernelet::Step step{};
    AlignedArray<float> values;

    Batch(Random& random, std::int64_t first, std::int64_t second, std::int64_t count)
        : inputs(first), outputs(second), samples(count) {
        const SizeArguments size{inputs};
        pairs = kernelet::bfloat16_size("pack_inputs_bfloat16")(&size);
        step.batch = samples;
        step.batch_stride = lanes * (inputs + outputs) + pairs;
        values = aligned(random.numbers(blocks() * step.batch_stride));
    }

    std::int64_t blocks() const { return (samples + lanes - 1) / lanes; }
    float* input(std::int64_t block) const { return values.get() + block * step.batch_stride; }
    float* output(std::int64_t block) const { return input(block) + lanes * inputs; }
    float* paired(std::int64_t block) const { return output(block) + lanes * outputs; }
    static float& of(float* block, std::int64_t element, std::int64_t sample) {
        return block[element * lanes + sample % lanes];
    }
    float& input_of(std::int64_t element, std::int64_t sample) const {
        return of(input(sample / lanes), element, sample);
    }
    float& output_of(std::int64_t element, std::int64_t sample) const {
        return of(output(sample / lanes), element, sample);
    }
};

// Sums over samples, where lanes past the batch hold zeros in the gradient and anything in the
// input.
void test_gradient(const Kernels& kernels, Random& random, const Batch& batch) {
    const char* name = "outer_product_sum_bfloat16";
    for (std::int64_t sample = batch.samples; sample < batch.blocks() * lanes; ++sample) {
        for (std::int64_t o = 0; o < batch.outputs; ++o) batch.output_of(o, sample) = 0;
    }
    const OuterProductBfloat16Arguments arguments{batch.inputs, batch.outputs, 0};
    const auto space = workspace(name, arguments);
    const auto gradient = aligned(random.numbers(batch.inputs * batch.outputs));
    const std::int64_t pieces = pieces_of(batch.inputs, kernelet::outer_product_sum_bfloat16_piece);
    const std::int64_t middle = random.between(0, pieces);
    for (const auto& [begin, end] :
         {std::pair{middle, pieces}, std::pair{std::int64_t{0}, middle}}) {
        kernels.run_pieces(name, {batch.input(0), batch.output(0), gradient.get(), space.get()},
                           arguments, begin, end, batch.step);
    }
    for (std::int64_t i = 0; i < batch.inputs; ++i) {
        for (std::int64_t o = 0; o < batch.outputs; ++o) {
            float sum = 0;
            for (std::int64_t sample = 0; sample < batch.samples; ++sample) {
                sum += batch.input_of(i, sample) * batch.output_of(o, sample);
            }
            CHECK(gradient[size_of(i * batch.outputs + o)] == sum);
        }
    }
}

// The weights of a dense layer, packed as a filter of one tap.
AlignedArray<float> packed_weights(const Kernels& kernels, const Batch& batch, float* weights,
                                   bool transposed) {
    const char* name = "pack_filters_bfloat16";
    PackFiltersBfloat16Arguments arguments{};
    arguments.taps = arguments.groups = arguments.run_taps = 1;
    arguments.channels = transposed ? batch.outputs : batch.inputs;
    arguments.filters = transposed ? batch.inputs : batch.outputs;
    arguments.rotated = transposed ? 1 : 0;
    arguments.run_slots = (batch.inputs + 1) / 2;
    auto packed = workspace(name, arguments);
    const std::int64_t pieces = pieces_of(batch.outputs, kernelet::pack_filters_bfloat16_piece);
    kernels.run_pieces(name, {weights, packed.get()}, arguments, 0, pieces);
    return packed;
}

void test_product(const Kernels& kernels, Random& random, const Batch& batch, bool transposed,
                  bool packed) {
    const char* name = "dense_bfloat16";
    const SizeArguments size{batch.inputs};
    for (std::int64_t block = 0; block < batch.blocks(); ++block) {
        kernels.run_pieces("pack_inputs_bfloat16", {batch.input(block), batch.paired(block)}, size,
                           0, 1);
    }
    const DenseBfloat16Arguments arguments{
        batch.inputs, batch.outputs, 0, 0, transposed ? 1 : 0, 0, packed ? 1 : 0};
    const auto weights = aligned(random.numbers(batch.inputs * batch.outputs));
    const auto bias = aligned(random.numbers(batch.outputs));
    const auto factors = aligned(random.numbers(batch.outputs));
    const auto space = packed ? packed_weights(kernels, batch, weights.get(), transposed)
                              : workspace(name, arguments);
    float* given = packed ? space.get() : weights.get();
    const std::int64_t pieces = pieces_of(batch.outputs, kernelet::dense_bfloat16_piece);
    const std::int64_t middle = random.between(0, pieces);
    for (const auto& [begin, end] :
         {std::pair{middle, pieces}, std::pair{std::int64_t{0}, middle}}) {
        kernels.run_pieces(name,
                           {batch.paired(0), given, bias.get(), factors.get(), batch.output(0),
                            packed ? nullptr : space.get()},
                           arguments, begin, end, batch.step);
    }
    for (std::int64_t sample = 0; sample < batch.samples; ++sample) {
        for (std::int64_t o = 0; o < batch.outputs; ++o) {
            float sum = 0;
            for (std::int64_t i = 0; i < batch.inputs; ++i) {
                const std::int64_t place =
                    transposed ? o * batch.inputs + i : i * batch.outputs + o;
                sum += batch.input_of(i, sample) * weights[size_of(place)];
            }
            CHECK(batch.output_of(o, sample) == sum * factors[size_of(o)] + bias[size_of(o)]);
        }
    }
}

void test_dense(const Kernels& kernels, Random& random, std::int64_t inputs, std::int64_t outputs,
                std::int64_t samples) {
    const Batch batch(random, inputs, outputs, samples);
    test_gradient(kernels, random, batch);
    for (const bool transposed : {false, true}) {
        for (const bool packed : {false, true}) {
            test_product(kernels, random, batch, transposed, packed);
        }
    }
}

}  // namespace

int main(int count, char** given) {
    for (const std::string& name : bfloat16_levels(count, given)) {
        const Kernels kernels(name);
        Random random;
        const int drawn = cases(20);
        for (int repeat = 0; repeat < drawn; ++repeat) {
            test_dense(kernels, random, random.between(1, 70), random.between(1, 70),
                       random.between(1, 70));
        }
        // More than is taken at once: inputs, outputs, samples.
        test_dense(kernels, random, 1030, 20, 20);
        test_dense(kernels, random, 20, 530, 20);
        test_dense(kernels, random, 20, 20, 530);
        std::printf("%s: %d dense layers with their gradients exact in bfloat16\n", name.c_str(),
                    drawn + 3);
    }
    return 0;
}
