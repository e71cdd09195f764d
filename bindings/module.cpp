#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_processor(nb::module_& module);

NB_MODULE(_engine, module) {
    module.doc() = "Native engine of kernelet: arrays in, arrays out.";
    bind_processor(module);
}
