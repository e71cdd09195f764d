// How the threads of one run take a plan's phases.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "kernelet/plan.h"
#include "kernelet/threads.h"
#include "stopwatch.h"

namespace kernelet {

inline constexpr std::size_t max_operands = 512;

inline std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

// What the threads of one run share. Consecutive phases use counters and flags in turn: a thread
// that is still leaving a barrier never meets what a faster one writes in the phase behind it. The
// counters hand out groups and tasks; a flag says that its phase ended the run.
struct Plan::Region {
    const Plan& plan;
    const RunArguments& run;
    Barrier barrier{};
    std::atomic<std::int64_t> next[2] = {0, 0};
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
        run_bits(phase, region_.next[0]);
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
        step_.groups = (blocks_ + plan_.blocks_per_group_ - 1) / plan_.blocks_per_group_;
        step_.partial_stride = plan_.sizes_.partial;
        step_.batch_stride = plan_.sizes_.batch;
    }

    void run_phase(const Phase& phase) {
        std::atomic<std::int64_t>& next = region_.next[parity_];
        step_.stop = &region_.stop[parity_];
        parity_ ^= 1;
        if (thread_ == 0) {
            region_.next[parity_].store(0, std::memory_order_relaxed);
        }
        if (phase.kind == PhaseKind::range) {
            run_range(phase);
            return;
        }
        run_bits(phase, next);
    }

    void run_bits(const Phase& phase, std::atomic<std::int64_t>& next) {
        if (phase.kind == PhaseKind::pieces) {
            run_pieces(phase.instructions.front(), next);
            return;
        }
        if (phase.kind == PhaseKind::blocks) {
            run_groups(phase, next);
            return;
        }
        run_slices(phase, next);
    }

    void run_groups(const Phase& phase, std::atomic<std::int64_t>& next) {
        for (;;) {
            const std::int64_t group = next.fetch_add(1, std::memory_order_relaxed);
            if (group >= step_.groups) {
                return;
            }
            run_group(phase, group);
        }
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

    // Calls `function(block, samples, first)` for the blocks of a group in order.
    template <class Function>
    void run_blocks(std::int64_t group, const Function& function) const {
        const std::int64_t begin = group * plan_.blocks_per_group_;
        run_blocks(begin, std::min(begin + plan_.blocks_per_group_, blocks_), function);
    }

    template <class Function>
    void run_blocks(std::int64_t begin, std::int64_t end, const Function& function) const {
        for (std::int64_t block = begin; block < end; ++block) {
            function(block, block_samples(block), block == begin);
        }
    }

    // Threads take one slice after the other, of one instruction after the other.
    void run_slices(const Phase& phase, std::atomic<std::int64_t>& next) {
        std::int64_t item = next.fetch_add(1, std::memory_order_relaxed);
        std::int64_t before = 0;
        for (const Instruction& instruction : phase.instructions) {
            for (; item < before + instruction.slices;
                 item = next.fetch_add(1, std::memory_order_relaxed)) {
                run_slice(phase.kind, instruction, item - before);
            }
            before += instruction.slices;
        }
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

    // Every thread gets about two runs of pieces, of all blocks of one group where the instruction
    // sums over the batch, otherwise of one block.
    void run_pieces(const Instruction& instruction, std::atomic<std::int64_t>& next) {
        const std::int64_t parts = instruction.sums ? step_.groups : blocks_;
        const std::int64_t wanted = (2 * threads_ + parts - 1) / parts;
        const std::int64_t runs =
            threads_ == 1 ? 1 : std::clamp<std::int64_t>(wanted, 1, instruction.count);
        for (;;) {
            const std::int64_t item = next.fetch_add(1, std::memory_order_relaxed);
            if (item >= parts * runs) {
                return;
            }
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
        }
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
        std::array<float*, max_operands> operands;
        const std::size_t count = instruction.operands.size();
        for (std::size_t k = 0; k < count; ++k) {
            operands[k] = resolve(instruction.operands[k], block, group);
        }
        instruction.kernel({operands.data(), instruction.arguments.data(), &step_, part.block,
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
    Stopwatch stopwatch_;
    int parity_ = 0;
    std::int64_t blocks_ = 0;
    Step step_{};
    std::array<float*, space_count> bases_{};
};

}  // namespace kernelet
