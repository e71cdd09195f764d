// Which kernels an instruction set has, and what each takes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "kernelet/kernel.h"

namespace kernelet {

struct FieldDescription {
    std::string_view name;
    bool real;
};

struct KernelDescription {
    std::string_view name;
    std::size_t operands;
    std::vector<FieldDescription> fields;
};

// All kernels, in the order of the tables.
const std::vector<KernelDescription>& kernel_descriptions();

// Position of a kernel in every table; throws std::invalid_argument for an unknown name.
std::size_t kernel_index(std::string_view name);

// The kernels of an instruction set that this build contains; throws std::invalid_argument for
// another. Whether the processor has it is for the caller to know (cpu.h).
const Kernel* kernel_table(std::string_view isa);

// The instruction set that all but the bfloat16 kernels of an instruction set are compiled for.
std::string_view base_isa(std::string_view isa);

// What says how large the last operand of a bfloat16 kernel is, its workspace or its result; throws
// std::invalid_argument for any other kernel.
OperandSize bfloat16_size(std::string_view kernel);

// Names of the activations, in the order of their numbers.
std::vector<std::string> activation_names();

}  // namespace kernelet
