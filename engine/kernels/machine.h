// What an instruction set does at most: multiply-adds in registers, and bytes moved.
#pragma once

#include "kernelet/machine_kernels.h"

namespace kernelet::KERNELET_ISA {

// Sums beside each other: enough for two units that each take a sum again after five cycles.
inline constexpr int machine_sums = 12;
inline constexpr int machine_unroll = 4;
inline constexpr std::int64_t machine_run = machine_unroll * Vector::width;
static_assert(machine_step % machine_run == 0);

// Every product takes the sum in as a factor, so that nothing can be computed ahead; with a factor
// just below 1, sums stay where they are.
inline float machine_multiply_add(std::int64_t turns, float factor) {
    const Vector scale = Vector::broadcast(factor);
    const Vector rest = Vector::broadcast(1.0F - factor);
    Vector sums[machine_sums];
    KERNELET_UNROLL
    for (int k = 0; k < machine_sums; ++k) {
        sums[k] = Vector::broadcast(static_cast<float>(k) * factor);
    }
    for (std::int64_t turn = 0; turn < turns; ++turn) {
        KERNELET_UNROLL
        for (int k = 0; k < machine_sums; ++k) {
            sums[k] = fma(sums[k], scale, rest);
        }
    }
    Vector total = sums[0];
    KERNELET_UNROLL
    for (int k = 1; k < machine_sums; ++k) {
        total = total + sums[k];
    }
    return reduce_add(total);
}

inline float machine_read(const float* from, std::int64_t size) {
    Vector sums[machine_unroll];
    KERNELET_UNROLL
    for (int k = 0; k < machine_unroll; ++k) {
        sums[k] = Vector::zero();
    }
    for (std::int64_t at = 0; at < size; at += machine_run) {
        KERNELET_UNROLL
        for (int k = 0; k < machine_unroll; ++k) {
            sums[k] = sums[k] + Vector::load(from + at + k * Vector::width);
        }
    }
    return reduce_add((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

inline void machine_write(float* to, std::int64_t size, float value) {
    const Vector values = Vector::broadcast(value);
    for (std::int64_t at = 0; at < size; at += machine_run) {
        KERNELET_UNROLL
        for (int k = 0; k < machine_unroll; ++k) {
            values.store(to + at + k * Vector::width);
        }
    }
}

inline void machine_copy(const float* from, float* to, std::int64_t size) {
    for (std::int64_t at = 0; at < size; at += machine_run) {
        KERNELET_UNROLL
        for (int k = 0; k < machine_unroll; ++k) {
            Vector value = Vector::load(from + at + k * Vector::width);
            // Else the compiler may call memcpy, which moves bytes past the caches.
            KERNELET_IN_REGISTER(value.v);
            value.store(to + at + k * Vector::width);
        }
    }
}

}  // namespace kernelet::KERNELET_ISA
