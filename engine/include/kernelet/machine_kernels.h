// Loops that a single unit of the processor limits, one table per instruction set: they show what
// it does at most, to compare kernels with.
#pragma once

#include <cstdint>
#include <string_view>

namespace kernelet {

// Sizes are in floats, multiples of `machine_step`; arrays begin at cache lines. What a loop
// returns depends on all of its work, which the compiler cannot leave out.
struct MachineKernels {
    std::int64_t products;  // multiply-adds of a turn
    float (*multiply_add)(std::int64_t turns, float factor);
    float (*read)(const float* from, std::int64_t size);
    void (*write)(float* to, std::int64_t size, float value);
    void (*copy)(const float* from, float* to, std::int64_t size);
};

inline constexpr std::int64_t machine_step = 128;

// The loops of an instruction set that this build contains; throws std::invalid_argument for
// another. Whether the processor has it is for the caller to know (cpu.h).
const MachineKernels& machine_kernels(std::string_view isa);

}  // namespace kernelet
