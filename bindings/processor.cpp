#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <optional>
#include <string>
#include <string_view>

#include "kernelet/cpu.h"
#include "kernelet/cpu_limits.h"
#include "kernelet/threads.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

nb::tuple level_names(const kernelet::Processor& processor) {
    nb::list names;
    for (kernelet::Isa isa : processor.levels) names.append(kernelet::isa_name(isa));
    return nb::tuple(names);
}

nb::tuple feature_names(const kernelet::Processor& processor) {
    nb::list names;
    for (const std::string& feature : processor.features) names.append(feature);
    return nb::tuple(names);
}

std::string_view resolve_isa(std::optional<std::string_view> isa) {
    return kernelet::isa_name(isa ? kernelet::isa_by_name(*isa, "isa") : kernelet::resolve_isa());
}

}  // namespace

void bind_processor(nb::module_& module) {
    using kernelet::CacheSizes;
    using kernelet::Processor;

    nb::class_<CacheSizes>(module, "CacheSizes",
                           "Bytes of the caches one core sees; 0 where the machine does not say.")
        .def_ro("l1d", &CacheSizes::l1d)
        .def_ro("l2", &CacheSizes::l2)
        .def_ro("l3", &CacheSizes::l3);

    nb::class_<Processor>(module, "Processor",
                          "A processor, as it and the operating system allow it to be used.")
        .def_ro("brand", &Processor::brand, "Name it gives itself; empty where it gives none.")
        .def_prop_ro("levels", level_names, nb::sig("def levels(self) -> tuple[str, ...]"),
                     "Usable instruction sets, from scalar to the best.")
        .def_prop_ro(
            "best", [](const Processor& processor) { return kernelet::isa_name(processor.best()); },
            "That of `levels` which networks run fastest by.")
        .def_ro("caches", &Processor::caches)
        .def_prop_ro("features", feature_names, nb::sig("def features(self) -> tuple[str, ...]"),
                     "Usable extensions, by their names in /proc/cpuinfo.");

    module.def("processor", &kernelet::processor, nb::rv_policy::reference,
               "The processor this program runs on.");
    module.def("resolve_isa", resolve_isa, "isa"_a = nb::none(),
               "The instruction set to use: `isa`, else the one KERNELET_ISA names, else the\n"
               "best.\n\n"
               "Raises ConfigurationError where the name is unknown or the processor lacks it.");
    module.def("usable_threads", &kernelet::usable_threads,
               "Threads to use: KERNELET_THREADS where set, else the processors that affinity\n"
               "and control groups allow this process.\n\n"
               "Raises ConfigurationError where KERNELET_THREADS is not a whole number from 1\n"
               "to 1024.");
    module.def("check_threads", &kernelet::ThreadPool::check_threads, "threads"_a,
               "Raise ConfigurationError unless this many threads may be asked for.");
    module.def("cgroup_limit", &kernelet::cgroup_limit, "root"_a = "/",
               "Processors, possibly a fraction, that this process' control groups allow; None\n"
               "where they set no quota. `root` is the folder that stands for \"/\".");
}
