#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include "kernelet/cpu.h"

namespace nb = nanobind;

void bind_processor(nb::module_& module) { module.def("processor_brand", &kernelet::processor_brand); }
