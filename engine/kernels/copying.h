// Copies of numbers to other places.
#pragma once

#include <cstdint>

#include "kernels/tile.h"

namespace kernelet::KERNELET_ISA {

// Runs are short: a call of memcpy takes longer than most of them.
KERNELET_INLINE void copy_floats(const float* source, std::int64_t count, float* target) {
    std::int64_t k = 0;
    for (; k + Vector::width <= count; k += Vector::width) {
        Vector::load(source + k).store(target + k);
    }
    for (; k < count; ++k) target[k] = source[k];
}

KERNELET_INLINE void clear_floats(std::int64_t count, float* target) {
    std::int64_t k = 0;
    for (; k + Vector::width <= count; k += Vector::width) Vector::zero().store(target + k);
    for (; k < count; ++k) target[k] = 0.0F;
}

// The first `floats` of cells that are `distance` apart, one behind the other.
KERNELET_INLINE void copy_cells(const float* source, std::int64_t cells, std::int64_t distance,
                                std::int64_t floats, float* target) {
    if (distance == floats) {
        copy_floats(source, cells * floats, target);
        return;
    }
    for (; cells > 0; --cells, source += distance, target += floats) {
        copy_floats(source, floats, target);
    }
}

}  // namespace kernelet::KERNELET_ISA
