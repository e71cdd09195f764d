// What the operators on arrays check and look up before they start.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernelet/array_kernels.h"
#include "kernelet/correlation.h"

namespace kernelet {

// Throws std::invalid_argument where a size or the number of threads is below 1, or where sums of
// positions could overflow.
void check_arguments(const Correlation& problem, int threads);

template <class T>
const SlidingKernels<T>& sliding_kernels(const ArrayKernels& kernels) {
    if constexpr (std::is_same_v<T, float>) return kernels.float32;
    if constexpr (std::is_same_v<T, double>) return kernels.float64;
    if constexpr (std::is_same_v<T, std::uint8_t>) return kernels.uint8;
    if constexpr (std::is_same_v<T, std::uint16_t>) return kernels.uint16;
    if constexpr (std::is_same_v<T, std::uint32_t>) return kernels.uint32;
    if constexpr (std::is_same_v<T, std::uint64_t>) return kernels.uint64;
}

}  // namespace kernelet
