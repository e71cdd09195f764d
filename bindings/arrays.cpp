#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <stdexcept>
#include <string>

#include "array_arguments.h"
#include "kernelet/correlation.h"
#include "kernelet/cpu.h"

namespace nb = nanobind;
using namespace nb::literals;

using kernelet::Boundary;
using kernelet::Correlation;

namespace {

std::string checked_isa(const std::string& isa) {
    return std::string(kernelet::isa_name(kernelet::isa_by_name(isa, "isa")));
}

// Calls `function` with a null pointer to the unsigned or floating type whose arithmetic elements
// of `type` share: integers that wrap around are the same with and without sign.
template <class Function>
void with_element_type(nb::dlpack::dtype type, Function&& function) {
    using Code = nb::dlpack::dtype_code;
    const auto code = static_cast<Code>(type.code);
    const bool whole = code == Code::Int || code == Code::UInt;
    if (type == nb::dtype<float>()) return function(static_cast<float*>(nullptr));
    if (type == nb::dtype<double>()) return function(static_cast<double*>(nullptr));
    if (whole && type.bits == 8) return function(static_cast<std::uint8_t*>(nullptr));
    if (whole && type.bits == 16) return function(static_cast<std::uint16_t*>(nullptr));
    if (whole && type.bits == 32) return function(static_cast<std::uint32_t*>(nullptr));
    if (whole && type.bits == 64) return function(static_cast<std::uint64_t*>(nullptr));
    throw std::invalid_argument("elements must be float32, float64 or whole numbers");
}

void correlate_direct(const std::string& isa, const SourceArray& signal, const SourceArray& window,
                      const TargetArray& output, const SourceArray& fill, const Triple& before,
                      Boundary boundary, int threads) {
    check_array(signal, 4, signal.dtype(), "signal");
    check_array(window, 3, signal.dtype(), "window");
    check_array(output, 4, signal.dtype(), "output");
    check_array(fill, 0, signal.dtype(), "fill");
    const Correlation problem = correlation_of(signal, extents(window), output, before, boundary);
    const std::string level = checked_isa(isa);
    with_element_type(signal.dtype(), [&]<class T>(T*) {
        const T value = *static_cast<const T*>(fill.data());
        nb::gil_scoped_release release;
        kernelet::correlate_direct<T>(level, problem, static_cast<const T*>(signal.data()),
                                      static_cast<const T*>(window.data()), value,
                                      static_cast<T*>(output.data()), threads);
    });
}

void correlate_separable(const std::string& isa, const SourceArray& signal,
                         const SourceArray& column, const SourceArray& row,
                         const TargetArray& output, const SourceArray& fill, const Triple& before,
                         Boundary boundary, int threads) {
    check_array(signal, 4, signal.dtype(), "signal");
    check_array(column, 1, signal.dtype(), "column");
    check_array(row, 1, signal.dtype(), "row");
    check_array(output, 4, signal.dtype(), "output");
    check_array(fill, 0, signal.dtype(), "fill");
    const kernelet::Extents window{1, static_cast<std::int64_t>(column.shape(0)),
                                   static_cast<std::int64_t>(row.shape(0))};
    const Correlation problem = correlation_of(signal, window, output, before, boundary);
    const std::string level = checked_isa(isa);
    with_element_type(signal.dtype(), [&]<class T>(T*) {
        const T value = *static_cast<const T*>(fill.data());
        nb::gil_scoped_release release;
        kernelet::correlate_separable<T>(level, problem, static_cast<const T*>(signal.data()),
                                         static_cast<const T*>(column.data()),
                                         static_cast<const T*>(row.data()), value,
                                         static_cast<T*>(output.data()), threads);
    });
}

}  // namespace

void bind_arrays(nb::module_& module) {
    nb::enum_<Boundary>(module, "Boundary", "How a signal continues beyond its border.")
        .value("FILL", Boundary::fill)
        .value("WRAP", Boundary::wrap)
        .value("SYMM", Boundary::symm);

    module.def("correlate_direct", &correlate_direct, "isa"_a, "signal"_a, "window"_a, "output"_a,
               "fill"_a, "before"_a, "boundary"_a, "threads"_a,
               nb::sig("def correlate_direct(isa: str, signal: numpy.ndarray, "
                       "window: numpy.ndarray, output: numpy.ndarray, fill: numpy.ndarray, "
                       "before: tuple[int, int, int], boundary: Boundary, threads: int) -> None"),
               "Write the sliding dot product of each signal with a window to `output`.\n\n"
               "Signal and output are (batch, depth, height, width), the window (depth, height,\n"
               "width), `fill` a single element, all C-contiguous and of one type.");

    module.def("correlate_separable", &correlate_separable, "isa"_a, "signal"_a, "column"_a,
               "row"_a, "output"_a, "fill"_a, "before"_a, "boundary"_a, "threads"_a,
               nb::sig("def correlate_separable(isa: str, signal: numpy.ndarray, "
                       "column: numpy.ndarray, row: numpy.ndarray, output: numpy.ndarray, "
                       "fill: numpy.ndarray, before: tuple[int, int, int], boundary: Boundary, "
                       "threads: int) -> None"),
               "Write the same for the window of depth 1 that is `column` times `row`.");
}
