// What a kernel is: a function from a Call to memory, one per instruction set.
//
// Batched values are stored in blocks of `lanes` samples, [block][element][lane], elements in
// row-major order of the value's shape. The samples of a block sit side by side in a vector, so a
// kernel vectorises for any number of channels and has no tails. Lanes past the last sample of the
// batch hold finite numbers in forward values and zeros in gradients; kernels keep it so.
#pragma once

#include <cstdint>

namespace kernelet {

inline constexpr std::int64_t lanes = 16;

// Shared values start at, and are padded to, a multiple of this many floats (a cache line).
inline constexpr std::int64_t alignment = 16;

enum class ElementType : std::int64_t { float32, uint8, int32 };

// An array that comes from outside: a row a sample of the data set, rows contiguous.
struct InputArray {
    const void* data;
    ElementType type;
    std::int64_t row_elements;
};

// An array that a caller gets back: a row a sample, in the order in which samples are visited.
struct OutputArray {
    float* data;
    std::int64_t row_elements;
};

// What every kernel may know about the step it runs in.
struct Step {
    std::int64_t batch;           // samples in this step
    std::int64_t position;        // how many samples were visited before this step
    const std::int64_t* samples;  // data-set row of each sample of this step
    std::int64_t number;          // optimizer step, from 1
    std::uint64_t seed;
    std::uint64_t epoch;
    float learning_rate;
    const InputArray* inputs;
    const OutputArray* outputs;
    std::int64_t groups;          // groups of blocks that hold samples
    std::int64_t partial_stride;  // floats between the partial sums of two groups
    std::int64_t batch_stride;    // floats between the values of two blocks
    bool* stop;                   // set by a task to end the run before the next phase
};

// One application of a kernel. Kernels over blocks read `block`, `samples` and, where they sum
// over the batch, `first`; kernels over ranges read `begin` and `end`, multiples of `alignment`;
// tasks read neither.
struct Call {
    float* const* operands;
    const void* arguments;
    const Step* step;
    std::int64_t block;    // which block of the batch
    std::int64_t samples;  // samples in this block, 1 to `lanes`
    bool first;  // the first block of its group, or of all where sums need no groups: sums
                 // overwrite instead of adding
    std::int64_t begin;
    std::int64_t end;
    std::int64_t operand_count = 0;  // for kernels that take any number
};

using Kernel = void (*)(const Call&);

// How many floats an operand takes, by the kernel's arguments.
using OperandSize = std::int64_t (*)(const void* arguments);

// Forced inline: a copy left standing would be shared by all instruction sets.
template <class Arguments>
[[gnu::always_inline]] inline const Arguments& arguments(const Call& call) {
    return *static_cast<const Arguments*>(call.arguments);
}

}  // namespace kernelet
