// A plan: a flat list of kernels with plain arguments that runs whole steps without allocating.
//
// Phases follow each other with a barrier in between. In a *blocks* phase, threads take groups of
// consecutive blocks of the batch and run the phase's instructions on one block after the other;
// in a *tasks* phase each instruction is one task, or some slices; in a *range* phase each
// instruction's elements are divided among the threads; in a *pieces* phase, which has one
// instruction, threads take runs of pieces of blocks. Groups depend on the batch alone, never on
// the number of threads, and sums over the batch are kept a group apart and added in order; in a
// *slices* phase they need no groups, because threads take slices of each result, over all blocks
// in order. So results have the same bits at any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernelet/aligned.h"
#include "kernelet/kernel.h"
#include "kernelet/seen_parameters.h"

namespace kernelet {

enum class Space : std::int64_t {
    scratch,     // one arena a thread; lives within a phase
    batch,       // one arena a block of the batch; lives within a step
    shared,      // one arena; lives as long as the plan
    partial,     // one arena a group; sums over the batch before they are added up
    parameters,  // the caller's weights and statistics
    slots,       // the caller's optimizer state
    constants,   // fixed numbers of the plan
    inputs,      // the caller's row of the sample, where a block is one sample; float32
    outputs,     // the row that the caller gets back, likewise
    none,        // an absent operand
};
inline constexpr std::int64_t space_count = 10;

struct Operand {
    Space space;
    std::int64_t offset;  // in floats; of inputs and outputs, their number
};

union Argument {
    std::int64_t integer;
    double real;
};

struct NamedArgument {
    std::string name;
    bool real;
    Argument value;
};

struct Instruction {
    Kernel kernel;
    std::string name;
    std::vector<Operand> operands;
    std::vector<Argument> arguments;
    std::int64_t count;   // elements, in range phases; otherwise pieces
    std::int64_t slices;  // runs of its pieces that threads share out, in tasks and slices phases
    bool sums;            // over the batch: writes partial sums
    std::size_t entry;    // of its time: its number among all instructions
};

// Floats of the last operand of a bfloat16 kernel. Throws std::invalid_argument as
// Plan::add_instruction does.
std::int64_t bfloat16_operand_size(const std::string& kernel,
                                   const std::vector<NamedArgument>& arguments);

enum class PhaseKind : std::int64_t { blocks, tasks, range, pieces, slices };

struct Phase {
    PhaseKind kind;
    bool once;  // depends on nothing but parameters that no step changes: runs where those differ
                // from what the last run found
    std::vector<Instruction> instructions;
};

// Sizes of the arenas, in floats.
struct ArenaSizes {
    std::int64_t scratch;
    std::int64_t batch;
    std::int64_t shared;
    std::int64_t partial;
};

// What one run reads and writes besides the plan's own arenas.
struct RunArguments {
    float* parameters;  // written only by plans that update them
    float* slots;
    std::vector<InputArray> inputs;
    std::vector<OutputArray> outputs;
    const std::int64_t* order;  // data-set row of each sample, in the order of visiting
    std::int64_t samples;
    const float* learning_rates;  // one a step
    std::int64_t first_step;      // optimizer steps taken before this run
    std::int64_t position;        // samples visited before this run; rows of the outputs
    std::uint64_t seed;
    std::uint64_t epoch;
    int threads;
    float* results;             // one row a step
    bool parameters_unchanged;  // since the last run, as the caller knows; else they are compared
    // Null, or nanoseconds to add to: a row a thread, with an entry an instruction and, behind
    // these, an entry a phase for what the thread waits at its end.
    std::int64_t* times = nullptr;
};

class Plan {
  public:
    // `isa` names an instruction set that the processor has; throws std::invalid_argument
    // otherwise.
    explicit Plan(const std::string& isa);

    void add_phase(PhaseKind kind, bool once);

    // Appends to the last phase; throws std::invalid_argument for an unknown kernel or arguments
    // that are not the kernel's.
    void add_instruction(const std::string& kernel, std::vector<Operand> operands,
                         const std::vector<NamedArgument>& arguments, std::int64_t count,
                         std::int64_t slices = 1);

    // Fixes the plan: sizes, samples a step and a block, groups, constants, and the shared values
    // (offsets in floats) that each step reports; `once_reads` are the parameters that phases to
    // run once depend on.
    void finish(const ArenaSizes& sizes, std::int64_t batch_size, std::int64_t block_size,
                std::int64_t groups, std::vector<float> constants,
                std::vector<std::int64_t> results, std::vector<Range> once_reads);

    // Runs one step for every `batch_size` samples; returns the number of steps done, fewer than
    // asked where a kernel stopped the run. Allocates only if `threads` grows. Callers from several
    // threads take turns.
    std::int64_t run(const RunArguments& run);

    const std::string& isa() const { return isa_; }
    std::int64_t batch_size() const { return batch_size_; }
    std::int64_t result_count() const { return static_cast<std::int64_t>(results_.size()); }
    // Entries of a row of times.
    std::int64_t time_count() const {
        return static_cast<std::int64_t>(instruction_count_ + phases_.size());
    }

    // Bytes of the plan's arenas when run on this many threads.
    std::int64_t memory(int threads) const;

  private:
    static AlignedArray<float> allocate(std::int64_t floats);

    struct Region;
    class Worker;
    void prepare(int threads);
    void check(const RunArguments& run) const;
    const Phase* only_phase(const RunArguments& run) const;
    bool differ(const RunArguments& run, int thread, int threads) const;
    void run_together(Region& region);
    void run_only(Region& region, const Phase& phase);

    std::string isa_;
    const Kernel* kernels_;
    std::vector<Phase> phases_;
    std::size_t instruction_count_ = 0;
    std::size_t most_operands_ = 0;
    ArenaSizes sizes_{};
    std::int64_t blocks(std::int64_t samples) const {
        return (samples + block_size_ - 1) / block_size_;
    }

    std::int64_t batch_size_ = 0;
    std::int64_t block_size_ = lanes;
    std::int64_t groups_ = 0;
    std::vector<float> constants_;
    std::vector<std::int64_t> results_;
    SeenParameters once_reads_;
    std::vector<Operand> rows_;  // operands that are rows of the caller's arrays
    AlignedArray<float> scratch_, batch_, shared_, partial_;
    int prepared_threads_ = 0;
};

}  // namespace kernelet
