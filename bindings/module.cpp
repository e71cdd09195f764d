#include <nanobind/nanobind.h>

#include <exception>

#include "kernelet/errors.h"

namespace nb = nanobind;

void bind_arrays(nb::module_& module);
void bind_fourier(nb::module_& module);
void bind_machine(nb::module_& module);
void bind_plan(nb::module_& module);
void bind_processor(nb::module_& module);

namespace {

// The engine's ConfigurationError becomes the Python exception of that name.
void translate_configuration_error(const std::exception_ptr& thrown, void*) {
    try {
        std::rethrow_exception(thrown);
    } catch (const kernelet::ConfigurationError& error) {
        const nb::object type = nb::module_::import_("kernelet.errors").attr("ConfigurationError");
        PyErr_SetString(type.ptr(), error.what());
    }
}

}  // namespace

NB_MODULE(_engine, module) {
    module.doc() = "Native engine of kernelet: arrays in, arrays out.";
    nb::register_exception_translator(translate_configuration_error);
    bind_processor(module);
    bind_machine(module);
    bind_plan(module);
    bind_arrays(module);
    bind_fourier(module);
}
