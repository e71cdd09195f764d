#include "kernelet/plan.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernelet/cpu.h"
#include "kernelet/kernel_list.h"
#include "kernelet/select.h"

namespace nb = nanobind;
using namespace nb::literals;

using kernelet::ElementType;
using kernelet::NamedArgument;
using kernelet::Operand;
using kernelet::PhaseKind;
using kernelet::Plan;
using kernelet::Space;

namespace {

template <class T>
using Buffer = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Rows = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
// A row a sample, each of any shape.
template <class T>
using Samples = nb::ndarray<T, nb::c_contig, nb::device::cpu>;
using AnySamples = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;

std::vector<NamedArgument> named_arguments(const nb::dict& given) {
    std::vector<NamedArgument> arguments;
    for (const auto& [name, value] : given) {
        NamedArgument argument{nb::cast<std::string>(name), nb::isinstance<nb::float_>(value), {}};
        if (argument.real) {
            argument.value.real = nb::cast<double>(value);
        } else {
            argument.value.integer = nb::cast<std::int64_t>(value);
        }
        arguments.push_back(std::move(argument));
    }
    return arguments;
}

std::vector<Operand> operands_of(const std::vector<std::pair<Space, std::int64_t>>& given) {
    std::vector<Operand> operands;
    for (const auto& [space, offset] : given) operands.push_back({space, offset});
    return operands;
}

ElementType element_type(const AnySamples& rows) {
    if (rows.dtype() == nb::dtype<float>()) return ElementType::float32;
    if (rows.dtype() == nb::dtype<std::uint8_t>()) return ElementType::uint8;
    if (rows.dtype() == nb::dtype<std::int32_t>()) return ElementType::int32;
    throw std::invalid_argument("inputs must be float32, uint8 or int32");
}

template <class Rows>
std::int64_t row_count(const Rows& rows) {
    return rows.ndim() == 0 ? 0 : static_cast<std::int64_t>(rows.shape(0));
}

template <class Rows>
std::int64_t row_elements(const Rows& rows) {
    return static_cast<std::int64_t>(rows.size()) / std::max<std::int64_t>(row_count(rows), 1);
}

// Checks that every row that the order names exists in every input.
void check_rows(const Buffer<const std::int64_t>& order, const std::vector<AnySamples>& inputs) {
    for (const AnySamples& rows : inputs) {
        const std::int64_t count = row_count(rows);
        for (std::size_t k = 0; k < order.shape(0); ++k) {
            if (order.data()[k] < 0 || order.data()[k] >= count) {
                throw std::invalid_argument("the order names row " +
                                            std::to_string(order.data()[k]) + " of " +
                                            std::to_string(count));
            }
        }
    }
}

std::int64_t run(Plan& plan, Samples<const float> parameters, Samples<const float> slots,
                 const std::vector<AnySamples>& inputs, const std::vector<Samples<float>>& outputs,
                 Buffer<const std::int64_t> order, Buffer<const float> learning_rates,
                 Rows<float> results, std::int64_t first_step, std::int64_t position,
                 std::uint64_t seed, std::uint64_t epoch, int threads,
                 std::optional<Rows<std::int64_t>> times, bool parameters_unchanged) {
    const auto samples = static_cast<std::int64_t>(order.shape(0));
    const auto steps =
        static_cast<std::size_t>((samples + plan.batch_size() - 1) / plan.batch_size());
    if (learning_rates.shape(0) < steps || results.shape(0) < steps ||
        static_cast<std::int64_t>(results.shape(1)) != plan.result_count()) {
        throw std::invalid_argument("a run needs one learning rate and one row of results a step");
    }
    check_rows(order, inputs);
    kernelet::RunArguments arguments{};
    // Where a plan updates them, Python's State has made sure that they may be written.
    arguments.parameters = const_cast<float*>(parameters.data());
    arguments.slots = const_cast<float*>(slots.data());
    for (const AnySamples& rows : inputs) {
        arguments.inputs.push_back({rows.data(), element_type(rows), row_elements(rows)});
    }
    for (const Samples<float>& rows : outputs) {
        if (row_count(rows) < position + samples) {
            throw std::invalid_argument("an output has too few rows");
        }
        arguments.outputs.push_back({rows.data(), row_elements(rows)});
    }
    arguments.order = order.data();
    arguments.samples = samples;
    arguments.learning_rates = learning_rates.data();
    arguments.results = results.data();
    arguments.first_step = first_step;
    arguments.position = position;
    arguments.seed = seed;
    arguments.epoch = epoch;
    arguments.threads = threads;
    arguments.parameters_unchanged = parameters_unchanged;
    if (times) {
        if (static_cast<int>(times->shape(0)) < threads ||
            static_cast<std::int64_t>(times->shape(1)) != plan.time_count()) {
            throw std::invalid_argument(
                "times need a row a thread with an entry for every instruction and phase");
        }
        arguments.times = times->data();
    }
    nb::gil_scoped_release release;
    return plan.run(arguments);
}

}  // namespace

void bind_plan(nb::module_& module) {
    module.attr("LANES") = kernelet::lanes;
    module.attr("ALIGNMENT") = kernelet::alignment;
    module.def("activation_names", &kernelet::activation_names,
               "Names of the activations, in the order of their numbers.");
    module.def(
        "kernel_names",
        [] {
            std::vector<std::string> names;
            for (const auto& kernel : kernelet::kernel_descriptions()) {
                names.emplace_back(kernel.name);
            }
            return names;
        },
        "Names of all kernels.");

    module.def(
        "bfloat16_operand_size",
        [](const std::string& kernel, const nb::typed<nb::dict, nb::str, nb::object>& arguments) {
            return kernelet::bfloat16_operand_size(kernel, named_arguments(arguments));
        },
        "kernel"_a, "arguments"_a,
        "Floats of the last operand of a bfloat16 kernel, its workspace or its result.");

#define KERNELET_PIECE_ENTRY(name, size) {#name, size},
    module.def(
        "piece_sizes",
        [] { return std::map<std::string, std::int64_t>{KERNELET_PIECES(KERNELET_PIECE_ENTRY)}; },
        "Elements of a piece, for the kernels that divide elements into pieces.");
#undef KERNELET_PIECE_ENTRY

    nb::enum_<Space>(module, "Space", "Where an operand lives.")
        .value("SCRATCH", Space::scratch)
        .value("BATCH", Space::batch)
        .value("SHARED", Space::shared)
        .value("PARTIAL", Space::partial)
        .value("PARAMETERS", Space::parameters)
        .value("SLOTS", Space::slots)
        .value("CONSTANTS", Space::constants)
        .value("INPUTS", Space::inputs)
        .value("OUTPUTS", Space::outputs)
        .value("NONE", Space::none);
    nb::enum_<PhaseKind>(module, "PhaseKind", "How a phase is divided among threads.")
        .value("BLOCKS", PhaseKind::blocks)
        .value("TASKS", PhaseKind::tasks)
        .value("RANGE", PhaseKind::range)
        .value("PIECES", PhaseKind::pieces)
        .value("SLICES", PhaseKind::slices);

    nb::class_<Plan>(module, "Plan", "A flat list of kernels that runs whole steps without Python.")
        .def(
            "__init__",
            [](Plan* self, const std::string& isa) {
                new (self) Plan(std::string(kernelet::isa_name(kernelet::isa_by_name(isa, "isa"))));
            },
            "isa"_a)
        .def("add_phase", &Plan::add_phase, "kind"_a, "once"_a = false,
             "Start a phase; `once` runs it only where parameters that it depends on have changed.")
        .def(
            "add_instruction",
            [](Plan& plan, const std::string& kernel,
               const std::vector<std::pair<Space, std::int64_t>>& operands,
               const nb::typed<nb::dict, nb::str, nb::object>& arguments, std::int64_t count,
               std::int64_t slices) {
                plan.add_instruction(kernel, operands_of(operands), named_arguments(arguments),
                                     count, slices);
            },
            "kernel"_a, "operands"_a, "arguments"_a, "count"_a = 0, "slices"_a = 1,
            "Append a kernel to the last phase.\n\n"
            "`operands` are (space, offset in floats); `count` the elements of a range phase,\n"
            "otherwise pieces, of which threads take `slices` runs in tasks and slices phases.")
        .def(
            "finish",
            [](Plan& plan, std::int64_t scratch, std::int64_t batch, std::int64_t shared,
               std::int64_t partial, std::int64_t batch_size, std::int64_t block_size,
               std::int64_t groups, std::vector<float> constants, std::vector<std::int64_t> results,
               const std::vector<std::pair<std::int64_t, std::int64_t>>& once_reads) {
                std::vector<kernelet::Range> ranges;
                for (const auto& [offset, size] : once_reads) ranges.push_back({offset, size});
                plan.finish({scratch, batch, shared, partial}, batch_size, block_size, groups,
                            std::move(constants), std::move(results), std::move(ranges));
            },
            "scratch"_a, "batch"_a, "shared"_a, "partial"_a, "batch_size"_a, "block_size"_a,
            "groups"_a, "constants"_a, "results"_a, "once_reads"_a,
            "Fix the sizes (floats), samples a step and a block, groups, constants, reported\n"
            "values, and the (offset, size) of parameters that phases to run once depend on.")
        .def("memory", &Plan::memory, "threads"_a, "Bytes of the arenas on this many threads.")
        .def("run", &run, "parameters"_a, "slots"_a, "inputs"_a, "outputs"_a, "order"_a,
             "learning_rates"_a, "results"_a, "first_step"_a, "position"_a, "seed"_a, "epoch"_a,
             "threads"_a, "times"_a = nb::none(), "parameters_unchanged"_a = false,
             nb::sig("def run(self, parameters: numpy.ndarray, "
                     "slots: numpy.ndarray, inputs: Sequence[numpy.ndarray], "
                     "outputs: Sequence[numpy.ndarray], order: numpy.ndarray, "
                     "learning_rates: numpy.ndarray, results: numpy.ndarray, "
                     "first_step: int, position: int, seed: int, epoch: int, "
                     "threads: int, times: numpy.ndarray | None = None, "
                     "parameters_unchanged: bool = False) -> int"),
             "Run a step for every batch of `order`; return how many steps were done.\n\n"
             "`inputs` have a row a sample, of float32, uint8 or int32; `order` names the\n"
             "row of each sample. `outputs` are filled from row `position` on. To `times`, int64\n"
             "with a row a thread, are added the nanoseconds of each instruction, and behind them\n"
             "those waited at the end of each phase. Where the caller knows that parameters are\n"
             "unchanged since the last run, they are not compared with what they were.")
        .def_prop_ro("time_count", &Plan::time_count, "Instructions and phases.")
        .def_prop_ro("isa", &Plan::isa);
}
