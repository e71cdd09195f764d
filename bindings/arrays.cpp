#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <stdexcept>
#include <string>
#include <tuple>

#include "kernelet/correlation.h"
#include "kernelet/cpu.h"

namespace nb = nanobind;
using namespace nb::literals;

using kernelet::Boundary;
using kernelet::Correlation;
using kernelet::Extents;

namespace {

using Offsets = std::tuple<std::int64_t, std::int64_t, std::int64_t>;
using Source = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
using Target = nb::ndarray<nb::c_contig, nb::device::cpu>;

template <class Array>
void check(const Array& array, std::size_t axes, nb::dlpack::dtype type, const char* name) {
    if (array.ndim() != axes || array.dtype() != type) {
        throw std::invalid_argument(std::string(name) + " must have " + std::to_string(axes) +
                                    " axes and the element type of the signal");
    }
}

// Sizes of the last three axes.
template <class Array>
Extents extents(const Array& array) {
    const std::size_t first = array.ndim() - 3;
    const auto size = [&](std::size_t axis) {
        return static_cast<std::int64_t>(array.shape(first + axis));
    };
    return {size(0), size(1), size(2)};
}

Correlation problem_of(const Source& signal, const Extents& window, const Target& output,
                       const Offsets& before, Boundary boundary) {
    if (signal.shape(0) != output.shape(0)) {
        throw std::invalid_argument("signal and output must have the same batch");
    }
    const auto [depth, height, width] = before;
    return {static_cast<std::int64_t>(signal.shape(0)),
            extents(signal),
            window,
            {depth, height, width},
            extents(output),
            boundary};
}

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

void correlate_direct(const std::string& isa, const Source& signal, const Source& window,
                      const Target& output, const Source& fill, const Offsets& before,
                      Boundary boundary, int threads) {
    check(signal, 4, signal.dtype(), "signal");
    check(window, 3, signal.dtype(), "window");
    check(output, 4, signal.dtype(), "output");
    check(fill, 0, signal.dtype(), "fill");
    const Correlation problem = problem_of(signal, extents(window), output, before, boundary);
    const std::string level = checked_isa(isa);
    with_element_type(signal.dtype(), [&]<class T>(T*) {
        const T value = *static_cast<const T*>(fill.data());
        nb::gil_scoped_release release;
        kernelet::correlate_direct<T>(level, problem, static_cast<const T*>(signal.data()),
                                      static_cast<const T*>(window.data()), value,
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
}
