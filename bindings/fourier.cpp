#include "kernelet/fourier.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "array_arguments.h"
#include "kernelet/cpu.h"

namespace nb = nanobind;
using namespace nb::literals;

using kernelet::Boundary;
using kernelet::Correlation;
using kernelet::FourierPlan;
using kernelet::FourierTable;

namespace {

using Radices = std::array<std::vector<int>, 3>;
using AnyPlan = std::variant<FourierPlan<float>, FourierPlan<double>>;

AnyPlan make_plan(const std::string& isa, const std::string& type, const Radices& radices) {
    const FourierTable& table =
        kernelet::fourier_table(kernelet::isa_name(kernelet::isa_by_name(isa, "isa")));
    if (type == "float32") return FourierPlan<float>(table.float32, radices);
    if (type == "float64") return FourierPlan<double>(table.float64, radices);
    throw std::invalid_argument("elements must be float32 or float64");
}

template <class T>
void correlate(const FourierPlan<T>& plan, const SourceArray& signal, const SourceArray& window,
               const TargetArray& output, double fill, const Triple& before, Boundary boundary,
               const Triple& step, int threads) {
    check_array(signal, 4, nb::dtype<T>(), "signal");
    check_array(window, 3, nb::dtype<T>(), "window");
    check_array(output, 4, nb::dtype<T>(), "output");
    const Correlation problem = correlation_of(signal, extents(window), output, before, boundary);
    const auto [depth, height, width] = step;
    nb::gil_scoped_release release;
    kernelet::correlate_by_transforms<T>(plan, problem, {depth, height, width},
                                         static_cast<const T*>(signal.data()),
                                         static_cast<const T*>(window.data()), static_cast<T>(fill),
                                         static_cast<T*>(output.data()), threads);
}

}  // namespace

void bind_fourier(nb::module_& module) {
    nb::class_<AnyPlan>(module, "FourierPlan",
                        "Transforms of one size, for sliding dot products by way of spectra.")
        .def(
            "__init__",
            [](AnyPlan* self, const std::string& isa, const std::string& type,
               const Radices& radices) { new (self) AnyPlan(make_plan(isa, type, radices)); },
            "isa"_a, "type"_a, "radices"_a,
            nb::sig("def __init__(self, isa: str, type: str, "
                    "radices: Sequence[Sequence[int]]) -> None"))
        .def(
            "correlate",
            [](const AnyPlan& self, const SourceArray& signal, const SourceArray& window,
               const TargetArray& output, double fill, const Triple& before, Boundary boundary,
               const Triple& step, int threads) {
                std::visit(
                    [&](const auto& plan) {
                        correlate(plan, signal, window, output, fill, before, boundary, step,
                                  threads);
                    },
                    self);
            },
            "signal"_a, "window"_a, "output"_a, "fill"_a, "before"_a, "boundary"_a, "step"_a,
            "threads"_a,
            nb::sig("def correlate(self, signal: numpy.ndarray, window: numpy.ndarray, "
                    "output: numpy.ndarray, fill: float, before: tuple[int, int, int], "
                    "boundary: Boundary, step: tuple[int, int, int], threads: int) -> None"),
            "Write the sliding dot product of each signal with a window to `output`.\n\n"
            "Signal and output are (batch, depth, height, width), the window (depth, height,\n"
            "width), all C-contiguous and of the plan's type. `step` results an axis are\n"
            "computed by one transform.");
}
