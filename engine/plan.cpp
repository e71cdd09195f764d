#include "kernelet/plan.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>

#include "kernelet/kernel_list.h"
#include "kernelet/select.h"
#include "kernelet/threads.h"
#include "plan_worker.h"

namespace kernelet {

namespace {

constexpr std::size_t cache_line_bytes = alignment * sizeof(float);

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

void Plan::AlignedFree::operator()(float* pointer) const {
    ::operator delete[](pointer, std::align_val_t{cache_line_bytes});
}

Plan::Arena Plan::allocate(std::int64_t floats) {
    const auto bytes =
        static_cast<std::size_t>(std::max<std::int64_t>(floats, alignment)) * sizeof(float);
    Arena arena(static_cast<float*>(::operator new[](bytes, std::align_val_t{cache_line_bytes})));
    std::memset(arena.get(), 0, bytes);
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
    if (operands.size() > max_operands) {
        throw std::invalid_argument("kernel " + kernel + " takes at most " +
                                    std::to_string(max_operands) + " operands, got " +
                                    std::to_string(operands.size()));
    }
    if (!fits) {
        throw std::invalid_argument("kernel " + kernel + " takes " +
                                    std::to_string(description.operands) + " operands, got " +
                                    std::to_string(operands.size()));
    }
    if (slices < 1) {
        throw std::invalid_argument("an instruction needs at least one slice, got " +
                                    std::to_string(slices));
    }
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
    sizes_ = {round_up(sizes.scratch, alignment), round_up(sizes.batch, alignment),
              round_up(sizes.shared, alignment), round_up(sizes.partial, alignment)};
    batch_size_ = batch_size;
    block_size_ = block_size;
    const std::int64_t most = blocks(batch_size);
    blocks_per_group_ = (most + groups - 1) / groups;
    groups_ = (most + blocks_per_group_ - 1) / blocks_per_group_;
    constants_ = std::move(constants);
    results_ = std::move(results);
    once_reads_ = std::move(once_reads);
    once_seen_.clear();
    batch_ = allocate(sizes_.batch * most);
    shared_ = allocate(sizes_.shared);
    partial_ = allocate(sizes_.partial * groups_);
}

std::int64_t Plan::memory(int threads) const {
    std::int64_t once_floats = 0;
    for (const Range& range : once_reads_) once_floats += range.size;
    const std::int64_t floats = sizes_.scratch * threads + sizes_.batch * blocks(batch_size_) +
                                sizes_.shared + sizes_.partial * groups_ + once_floats;
    return floats * static_cast<std::int64_t>(sizeof(float));
}

void Plan::prepare(int threads) {
    if (threads > prepared_threads_) {
        scratch_ = allocate(sizes_.scratch * threads);
        prepared_threads_ = threads;
    }
}

// Compares byte by byte: whoever holds a view of the weights may have written through it.
bool Plan::parameters_changed(const float* parameters) {
    const auto bytes = [](const Range& range) {
        return static_cast<std::size_t>(range.size) * sizeof(float);
    };
    if (!once_seen_.empty()) {
        const float* seen = once_seen_.data();
        const bool equal = std::all_of(once_reads_.begin(), once_reads_.end(), [&](const Range& r) {
            const float* before = seen;
            seen += r.size;
            return std::memcmp(before, parameters + r.offset, bytes(r)) == 0;
        });
        if (equal) return false;
    }
    std::int64_t floats = 0;
    for (const Range& range : once_reads_) floats += range.size;
    once_seen_.resize(static_cast<std::size_t>(floats));
    float* seen = once_seen_.data();
    for (const Range& range : once_reads_) {
        std::memcpy(seen, parameters + range.offset, bytes(range));
        seen += range.size;
    }
    return true;
}

std::int64_t Plan::run(const RunArguments& run) {
    if (run.threads < 1) {
        throw std::invalid_argument("a plan runs on at least one thread");
    }
    Region region{*this, run};
    ThreadPool::global().run(run.threads, region.barrier, [&](int thread, int threads) {
        // Inside the region, because those who run one plan at the same time take turns there.
        if (thread == 0) {
            prepare(threads);
            const bool known = run.parameters_unchanged && !once_seen_.empty();
            region.parameters_changed = !known && parameters_changed(run.parameters);
        }
        region.barrier.wait();
        Worker(region, thread, threads).work();
    });
    return region.steps_done;
}

}  // namespace kernelet
