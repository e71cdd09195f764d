#include "kernelet/plan.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "kernelet/kernel_list.h"
#include "kernelet/select.h"
#include "kernelet/threads.h"
#include "plan_worker.h"

namespace kernelet {

namespace {

// Parameters of more floats are compared by all threads: that takes longer than waking them.
constexpr std::int64_t most_compared_alone = 1 << 17;

// Arguments in the order in which the kernel declares them.
std::vector<Argument> arrange(const KernelDescription& kernel,
                              const std::vector<NamedArgument>& given) {
    std::vector<Argument> arranged;
    for (const FieldDescription& field : kernel.fields) {
        const auto found = std::find_if(given.begin(), given.end(), [&](const NamedArgument& a) {
            return a.name == field.name;
        });
        if (found == given.end() || found->real != field.real) {
            throw std::invalid_argument("kernel " + std::string(kernel.name) +
                                        " needs an argument " + std::string(field.name) +
                                        (field.real ? " (real)" : " (integer)"));
        }
        arranged.push_back(found->value);
    }
    if (given.size() != kernel.fields.size()) {
        throw std::invalid_argument("kernel " + std::string(kernel.name) + " takes " +
                                    std::to_string(kernel.fields.size()) + " arguments, got " +
                                    std::to_string(given.size()));
    }
    return arranged;
}

}  // namespace

std::int64_t bfloat16_operand_size(const std::string& kernel,
                                   const std::vector<NamedArgument>& given) {
    const OperandSize size = bfloat16_size(kernel);
    return size(arrange(kernel_descriptions()[kernel_index(kernel)], given).data());
}

AlignedArray<float> Plan::allocate(std::int64_t floats) {
    const std::int64_t size = std::max<std::int64_t>(floats, alignment);
    AlignedArray<float> arena = aligned_array<float>(size);
    std::memset(arena.get(), 0, static_cast<std::size_t>(size) * sizeof(float));
    return arena;
}

Plan::Plan(const std::string& isa) : isa_(isa), kernels_(kernel_table(isa)) {}

void Plan::add_phase(PhaseKind kind, bool once) { phases_.push_back({kind, once, {}}); }

void Plan::add_instruction(const std::string& kernel, std::vector<Operand> operands,
                           const std::vector<NamedArgument>& arguments, std::int64_t count,
                           std::int64_t slices) {
    const std::size_t index = kernel_index(kernel);
    const KernelDescription& description = kernel_descriptions()[index];
    if (phases_.empty()) {
        throw std::invalid_argument("add a phase before its instructions");
    }
    const bool fits = description.operands == any_number || operands.size() == description.operands;
    if (!fits) {
        throw std::invalid_argument("kernel " + kernel + " takes " +
                                    std::to_string(description.operands) + " operands, got " +
                                    std::to_string(operands.size()));
    }
    if (slices < 1) {
        throw std::invalid_argument("an instruction needs at least one slice, got " +
                                    std::to_string(slices));
    }
    for (const Operand& operand : operands) {
        if (operand.space == Space::inputs || operand.space == Space::outputs) {
            rows_.push_back(operand);
        }
    }
    most_operands_ = std::max(most_operands_, operands.size());
    const bool sums = std::any_of(operands.begin(), operands.end(), [](const Operand& operand) {
        return operand.space == Space::partial;
    });
    phases_.back().instructions.push_back({kernels_[index], kernel, std::move(operands),
                                           arrange(description, arguments), count, slices, sums,
                                           instruction_count_++});
}

void Plan::finish(const ArenaSizes& sizes, std::int64_t batch_size, std::int64_t block_size,
                  std::int64_t groups, std::vector<float> constants,
                  std::vector<std::int64_t> results, std::vector<Range> once_reads) {
    if (batch_size < 1 || groups < 1) {
        throw std::invalid_argument("a plan needs at least one sample and one group a step");
    }
    if (block_size != 1 && block_size != lanes) {
        throw std::invalid_argument("blocks have 1 sample or " + std::to_string(lanes));
    }
    if (block_size != 1 && !rows_.empty()) {
        throw std::invalid_argument("only blocks of one sample are rows of the caller's arrays");
    }
    sizes_ = {round_up(sizes.scratch, alignment), round_up(sizes.batch, alignment),
              round_up(sizes.shared, alignment), round_up(sizes.partial, alignment)};
    batch_size_ = batch_size;
    block_size_ = block_size;
    const std::int64_t most = blocks(batch_size);
    groups_ = std::min(groups, most);
    constants_ = std::move(constants);
    results_ = std::move(results);
    once_reads_ = SeenParameters(std::move(once_reads));
    batch_ = allocate(sizes_.batch * most);
    shared_ = allocate(sizes_.shared);
    partial_ = allocate(sizes_.partial * groups_);
}

std::int64_t Plan::memory(int threads) const {
    const std::int64_t floats = sizes_.scratch * threads + sizes_.batch * blocks(batch_size_) +
                                sizes_.shared + sizes_.partial * groups_ + once_reads_.floats();
    return floats * static_cast<std::int64_t>(sizeof(float));
}

void Plan::prepare(int threads) {
    if (threads > prepared_threads_) {
        scratch_ = allocate(sizes_.scratch * threads);
        prepared_threads_ = threads;
    }
}

// Throws where an operand is a row that the caller does not have as floats.
void Plan::check(const RunArguments& run) const {
    if (run.threads < 1) {
        throw std::invalid_argument("a plan runs on at least one thread");
    }
    const auto floats = [&](std::int64_t number) {
        const auto k = static_cast<std::size_t>(number);
        return k < run.inputs.size() && run.inputs[k].type == ElementType::float32;
    };
    for (const Operand& row : rows_) {
        const bool there = row.space == Space::inputs
                               ? floats(row.offset)
                               : static_cast<std::size_t>(row.offset) < run.outputs.size();
        if (!there) throw std::invalid_argument("the plan reads, or writes, a row that is missing");
    }
}

// The phase that is all there is to do, besides those to run once; null where there are others, or
// where its work is not handed out bit by bit.
const Phase* Plan::only_phase(const RunArguments& run) const {
    if (run.times != nullptr || run.samples > batch_size_ || !results_.empty() ||
        once_reads_.floats() > most_compared_alone) {
        return nullptr;
    }
    const Phase* only = nullptr;
    for (const Phase& phase : phases_) {
        if (phase.once) continue;
        if (only != nullptr || phase.kind == PhaseKind::range) return nullptr;
        only = &phase;
    }
    return only;
}

// Whether a thread's share of what phases to run once depend on differs from what they read last.
bool Plan::differ(const RunArguments& run, int thread, int threads) const {
    const bool same = run.parameters_unchanged && once_reads_.known();
    return !same && once_reads_.differ(run.parameters, thread, threads);
}

// Threads meet behind each phase.
void Plan::run_together(Region& region) {
    const float* parameters = region.run.parameters;
    ThreadPool::global().run(region.run.threads, region.barrier, [&](int thread, int threads) {
        // Inside the region, because those who run one plan at the same time take turns there.
        if (thread == 0) prepare(threads);
        if (differ(region.run, thread, threads)) region.parameters_changed = true;
        region.barrier.wait();
        if (region.parameters_changed) {
            if (thread == 0) once_reads_.expect();
            region.barrier.wait();
            once_reads_.remember(parameters, thread, threads);
        }
        Worker(region, thread, threads).work();
    });
}

// The caller starts at once, and threads that are still asleep need not come.
void Plan::run_only(Region& region, const Phase& phase) {
    const float* parameters = region.run.parameters;
    const auto first = [&] {
        prepare(region.run.threads);
        region.parameters_changed = differ(region.run, 0, 1);
        if (!region.parameters_changed) return;
        once_reads_.expect();
        once_reads_.remember(parameters, 0, 1);
        Region alone{*this, region.run};
        Worker(alone, 0, 1).run_once();
    };
    ThreadPool::global().share(region.run.threads, first, [&](int thread, int threads) {
        Worker(region, thread, threads).run_only(phase);
    });
    region.steps_done = region.stop[0] ? 0 : 1;
}

std::int64_t Plan::run(const RunArguments& run) {
    check(run);
    Region region{*this, run};
    const Phase* only = only_phase(run);
    if (only != nullptr) {
        run_only(region, *only);
    } else {
        run_together(region);
    }
    return region.steps_done;
}

}  // namespace kernelet
