#include "kernelet/machine.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <stdexcept>
#include <string>

#include "kernelet/cpu.h"
#include "kernelet/select.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

std::string checked(const std::string& isa) {
    return std::string(kernelet::isa_name(kernelet::isa_by_name(isa, "isa")));
}

void check_repetitions(int repetitions) {
    if (repetitions < 1) throw std::invalid_argument("a measurement needs a repetition");
}

double multiply_add_rate(const std::string& isa, int threads, int repetitions) {
    check_repetitions(repetitions);
    return kernelet::multiply_add_rate(checked(isa), threads, repetitions);
}

double bfloat16_dot_rate(int threads, int repetitions) {
    check_repetitions(repetitions);
    return kernelet::bfloat16_dot_rate(threads, repetitions);
}

double tile_rate(int threads, int repetitions) {
    check_repetitions(repetitions);
    return kernelet::tile_rate(threads, repetitions);
}

double tile_load_seconds(std::int64_t bytes, std::int64_t stride, std::int64_t offset,
                         int repetitions) {
    check_repetitions(repetitions);
    if (bytes < 1 || stride < 1 || offset < 0) {
        throw std::invalid_argument("tiles need bytes to be loaded from, and a stride");
    }
    return kernelet::tile_load_seconds(bytes, stride, offset, repetitions);
}

kernelet::MovementRates movement_rates(const std::string& isa, std::int64_t bytes, int threads,
                                       int repetitions) {
    check_repetitions(repetitions);
    return kernelet::movement_rates(checked(isa), bytes, threads, repetitions);
}

double barrier_seconds(int threads, int repetitions) {
    check_repetitions(repetitions);
    return kernelet::barrier_seconds(threads, repetitions);
}

}  // namespace

void bind_machine(nb::module_& module) {
    using kernelet::MovementRates;
    const auto release = nb::call_guard<nb::gil_scoped_release>();

    nb::class_<MovementRates>(module, "MovementRates",
                              "Bytes a second, those read and those written both counted.")
        .def_ro("read", &MovementRates::read)
        .def_ro("write", &MovementRates::write)
        .def_ro("copy", &MovementRates::copy);
    module.def("multiply_add_rate", &multiply_add_rate, "isa"_a, "threads"_a, "repetitions"_a,
               release,
               "Multiply-adds of float32 a second, of all threads together at their best.");
    module.def("bfloat16_dot_rate", &bfloat16_dot_rate, "threads"_a, "repetitions"_a, release,
               "Multiply-adds of bfloat16 in vectors a second; 0 where there are none.");
    module.def("tile_rate", &tile_rate, "threads"_a, "repetitions"_a, release,
               "Multiply-adds of tiles of bfloat16 a second; 0 where there are none.");
    module.def("tile_load_seconds", &tile_load_seconds, "bytes"_a, "stride"_a, "offset"_a,
               "repetitions"_a, release,
               "Seconds to load a tile whose rows begin `stride` bytes apart, `offset` bytes\n"
               "behind a cache line, out of `bytes`; 0 where there are no tiles.");
    module.def("movement_rates", &movement_rates, "isa"_a, "bytes"_a, "threads"_a, "repetitions"_a,
               release,
               "How fast threads go through `bytes` of their own, all together at their best.");
    module.def("base_isa", &kernelet::base_isa, "isa"_a,
               "The instruction set that all but the bfloat16 kernels of `isa` are compiled for.");
    module.def("barrier_seconds", &barrier_seconds, "threads"_a, "repetitions"_a, release,
               "Seconds that threads which arrive at the same time take to leave a barrier.");
    module.def("region_seconds", &kernelet::region_seconds, "threads"_a, release,
               "Seconds until threads have been brought together and are done.");
}
