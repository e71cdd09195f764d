// How the threads of one run take a plan's phases.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernelet/plan.h"
#include "kernelet/threads.h"
#include "stopwatch.h"
#include "work_items.h"

namespace kernelet {

inline std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

// What the threads of one run share. Consecutive phases use two flags in turn, as they do two sets
// of items; a flag says that its phase ended the run.
struct Plan::Region {
    const Plan& plan;
    const RunArguments& run;
    Barrier barrier{};
    WorkItems items{run.threads};
    bool stop[2] = {false, false};
    std::atomic<bool> parameters_changed{false};
    std::int64_t steps_done = 0;

    std::int64_t steps() const { return (run.samples + plan.batch_size_ - 1) / plan.batch_size_; }
};

// One thread of a run.
class Plan::Worker {
  public:
    Worker(Region& region, int thread, int threads)
        : region_(region),
          plan_(region.plan),
          run_(region.run),
          thread_(thread),
          threads_(threads),
          operands_(plan_.most_operands_),
          stopwatch_(run_.times ? run_.times + thread * plan_.time_count() : nullptr) {
        bases_ = {plan_.scratch_.get() + thread * plan_.sizes_.scratch,
                  plan_.batch_.get(),
                  plan_.shared_.get(),
                  plan_.partial_.get(),
                  run_.parameters,
                  run_.slots,
                  const_cast<float*>(plan_.constants_.data())};
    }

    void work() {
        const bool parameters_changed = region_.parameters_changed.load();
        for (std::int64_t step = 0; step < region_.steps(); ++step) {
            begin_step(step);
            for (const Phase& phase : plan_.phases_) {
                if (phase.once && (step > 0 || !parameters_changed)) {
                    continue;
                }
                run_phase(phase);
                region_.barrier.wait();
                stopwatch_.lap(waiting(phase));
                if (*step_.stop) {
                    if (thread_ == 0) {
                        report(step);
                    }
                    return;
                }
            }
            if (thread_ == 0) {
                report(step);
                region_.steps_done = step + 1;
            }
        }
    }

    // The phases to run once, without meeting others.
    void run_once() {
        begin_step(0);
        for (const Phase& phase : plan_.phases_) {
            if (phase.once) run_phase(phase);
        }
    }

    // What is left of a phase whose work threads take bit by bit.
    void run_only(const Phase& phase) {
        begin_step(0);
        step_.stop = &region_.stop[0];
        parity_ = 0;
        run_bits(phase);
    }

  private:
    // The entry of what is waited for at the end of a phase.
    std::size_t waiting(const Phase& phase) const {
        return plan_.instruction_count_ + static_cast<std::size_t>(&phase - plan_.phases_.data());
    }

    void begin_step(std::int64_t step) {
        const std::int64_t begin = step * plan_.batch_size_;
        step_.batch = std::min(plan_.batch_size_, run_.samples - begin);
        step_.position = run_.position + begin;
        step_.samples = run_.order + begin;
        step_.number = run_.first_step + step + 1;
        step_.seed = run_.seed;
        step_.epoch = run_.epoch;
        step_.learning_rate = run_.learning_rates ? run_.learning_rates[step] : 0.0F;
        step_.inputs = run_.inputs.data();
        step_.outputs = run_.outputs.data();
        blocks_ = plan_.blocks(step_.batch);
        step_.groups = std::min(plan_.groups_, blocks_);
        step_.partial_stride = plan_.sizes_.partial;
        step_.batch_stride = plan_.sizes_.batch;
    }

    void run_phase(const Phase& phase) {
        parity_ ^= 1;
        step_.stop = &region_.stop[parity_];
        region_.items.clear(parity_ ^ 1, thread_);
        if (phase.kind == PhaseKind::range) {
            run_range(phase);
            return;
        }
        run_bits(phase);
    }

    // Calls `function(item)` for those of a phase's items that this thread takes.
    template <class Function>
    void take(std::int64_t count, const Function& function) {
        region_.items.take(parity_, count, thread_, threads_, function);
    }

    void run_bits(const Phase& phase) {
        if (phase.kind == PhaseKind::pieces) {
            run_pieces(phase.instructions.front());
            return;
        }
        if (phase.kind == PhaseKind::blocks) {
            take(step_.groups, [&](std::int64_t group) { run_group(phase, group); });
            return;
        }
        run_slices(phase);
    }

    void run_group(const Phase& phase, std::int64_t group) {
        run_blocks(group, [&](std::int64_t block, std::int64_t samples, bool first) {
            for (const Instruction& instruction : phase.instructions) {
                execute(instruction, {block, samples, first, 0, instruction.count}, block, group);
            }
        });
    }

    std::int64_t block_samples(std::int64_t block) const {
        return std::min(plan_.block_size_, step_.batch - block * plan_.block_size_);
    }

    // Calls `function(block, samples, first)` for the blocks of a group in order. Sizes of groups
    // differ by one at most, and evenly, so that threads with as many groups have as many blocks.
    template <class Function>
    void run_blocks(std::int64_t group, const Function& function) const {
        run_blocks(blocks_ * group / step_.groups, blocks_ * (group + 1) / step_.groups, function);
    }

    template <class Function>
    void run_blocks(std::int64_t begin, std::int64_t end, const Function& function) const {
        for (std::int64_t block = begin; block < end; ++block) {
            function(block, block_samples(block), block == begin);
        }
    }

    // Items are the slices of one instruction after the other.
    void run_slices(const Phase& phase) {
        std::int64_t count = 0;
        for (const Instruction& instruction : phase.instructions) count += instruction.slices;
        take(count, [&](std::int64_t slice) {
            const Instruction* instruction = phase.instructions.data();
            for (; slice >= instruction->slices; ++instruction) slice -= instruction->slices;
            run_slice(phase.kind, *instruction, slice);
        });
    }

    void run_slice(PhaseKind kind, const Instruction& instruction, std::int64_t slice) {
        const std::int64_t begin = instruction.count * slice / instruction.slices;
        const std::int64_t end = instruction.count * (slice + 1) / instruction.slices;
        if (kind == PhaseKind::tasks) {
            execute(instruction, {0, 0, false, begin, end}, 0, 0);
            return;
        }
        run_blocks(0, blocks_, [&](std::int64_t block, std::int64_t samples, bool first) {
            execute(instruction, {block, samples, first, begin, end}, block, 0);
        });
    }

    // The fewest runs that `pieces` of each of some parts are divided into for threads to have
    // nearly the same: what a run does beside its products, such as packing and reading filters,
    // takes its time too.
    std::int64_t runs_of(std::int64_t parts, std::int64_t pieces) const {
        std::int64_t runs = 1;
        for (; runs < pieces; ++runs) {
            const std::int64_t items = parts * runs;
            const std::int64_t most = (items + threads_ - 1) / threads_;
            if (10 * most * threads_ <= 11 * items) break;
        }
        return runs;
    }

    // Pieces are taken in runs, of all blocks of one group where the instruction sums over the
    // batch, otherwise of one block.
    void run_pieces(const Instruction& instruction) {
        const std::int64_t parts = instruction.sums ? step_.groups : blocks_;
        const std::int64_t runs = runs_of(parts, instruction.count);
        take(parts * runs, [&](std::int64_t item) {
            const std::int64_t part = item / runs;
            const std::int64_t begin = instruction.count * (item % runs) / runs;
            const std::int64_t end = instruction.count * (item % runs + 1) / runs;
            if (instruction.sums) {
                run_blocks(part, [&](std::int64_t block, std::int64_t samples, bool first) {
                    execute(instruction, {block, samples, first, begin, end}, block, part);
                });
            } else {
                execute(instruction, {part, block_samples(part), false, begin, end}, part, 0);
            }
        });
    }

    void run_range(const Phase& phase) {
        for (const Instruction& instruction : phase.instructions) {
            const std::int64_t share =
                round_up((instruction.count + threads_ - 1) / threads_, alignment);
            const std::int64_t begin = std::min(share * thread_, instruction.count);
            const std::int64_t end = std::min(begin + share, instruction.count);
            if (begin < end) {
                execute(instruction, {0, 0, false, begin, end}, 0, 0);
            }
        }
    }

    struct Part {
        std::int64_t block;
        std::int64_t samples;
        bool first;
        std::int64_t begin;
        std::int64_t end;
    };

    void execute(const Instruction& instruction, const Part& part, std::int64_t block,
                 std::int64_t group) {
        const std::size_t count = instruction.operands.size();
        for (std::size_t k = 0; k < count; ++k) {
            operands_[k] = resolve(instruction.operands[k], block, group);
        }
        instruction.kernel({operands_.data(), instruction.arguments.data(), &step_, part.block,
                            part.samples, part.first, part.begin, part.end,
                            static_cast<std::int64_t>(count)});
        stopwatch_.lap(instruction.entry);
    }

    float* resolve(const Operand& operand, std::int64_t block, std::int64_t group) const {
        if (operand.space >= Space::inputs) {
            return operand.space == Space::none ? nullptr : row(operand, block);
        }
        float* base = bases_[static_cast<std::size_t>(operand.space)] + operand.offset;
        if (operand.space == Space::batch) {
            return base + block * plan_.sizes_.batch;
        }
        return operand.space == Space::partial ? base + group * plan_.sizes_.partial : base;
    }

    // The caller's row of a block of one sample.
    float* row(const Operand& operand, std::int64_t block) const {
        const auto number = static_cast<std::size_t>(operand.offset);
        if (operand.space == Space::outputs) {
            const OutputArray& output = run_.outputs[number];
            return output.data + (step_.position + block) * output.row_elements;
        }
        const InputArray& input = run_.inputs[number];
        const auto* data = static_cast<const float*>(input.data);
        return const_cast<float*>(data + step_.samples[block] * input.row_elements);
    }

    void report(std::int64_t step) {
        for (std::size_t k = 0; k < plan_.results_.size(); ++k) {
            run_.results[static_cast<std::size_t>(step) * plan_.results_.size() + k] =
                plan_.shared_[static_cast<std::size_t>(plan_.results_[k])];
        }
    }

    Region& region_;
    const Plan& plan_;
    const RunArguments& run_;
    int thread_;
    int threads_;
    std::vector<float*> operands_;  // of the instruction that runs
    Stopwatch stopwatch_;
    int parity_ = 1;  // of the phase before
    std::int64_t blocks_ = 0;
    Step step_{};
    std::array<float*, space_count> bases_{};
};

}  // namespace kernelet
