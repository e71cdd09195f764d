// Sliding windows: which cells of input and output meet along one axis.
#pragma once

#include <cstdint>

#include "kernels/tile.h"

namespace kernelet::KERNELET_ISA {

inline std::int64_t greatest_common_divisor(std::int64_t a, std::int64_t b) {
    while (b != 0) {
        const std::int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

// Output cell i reads input cells i·stride − pad + k·dilation, kernel cell k among them, where they
// are inside.
struct WindowAxis {
    std::int64_t length;
    std::int64_t output;
    std::int64_t kernel;
    std::int64_t stride;
    std::int64_t dilation;
    std::int64_t pad;
    // Every `backward_step`th tap of an input cell is one of whole strides; each of these lies
    // `backward_distance` output cells before the one before it.
    std::int64_t backward_step = stride / greatest_common_divisor(stride, dilation);
    std::int64_t backward_distance = dilation / greatest_common_divisor(stride, dilation);
};

// Positions along one axis of the taps that reach one cell: the first kernel cell, how many
// follow, and the cell that the first connects it with.
struct AxisTaps {
    std::int64_t first;
    std::int64_t count;
    std::int64_t source;
};

// Cells [begin, end).
struct Span {
    std::int64_t begin;
    std::int64_t end;
};

// The taps of an output cell, by input cells.
inline AxisTaps forward_taps(std::int64_t cell, const WindowAxis& axis) {
    const std::int64_t start = cell * axis.stride - axis.pad;
    const std::int64_t first = start < 0 ? (-start + axis.dilation - 1) / axis.dilation : 0;
    const std::int64_t last =
        start >= axis.length ? -1
                             : smaller(axis.kernel - 1, (axis.length - 1 - start) / axis.dilation);
    return {first, larger(last - first + 1, 0), start + first * axis.dilation};
}

// The taps of an input cell, by output cells: it was read by output cells
// (cell + pad − k·dilation) / stride where that is whole and inside.
inline AxisTaps backward_taps(std::int64_t cell, const WindowAxis& axis) {
    for (std::int64_t k = 0; k < axis.kernel; ++k) {
        const std::int64_t position = cell + axis.pad - k * axis.dilation;
        if (position < 0 || position % axis.stride != 0 || position / axis.stride >= axis.output) {
            continue;
        }
        const std::int64_t source = position / axis.stride;
        const std::int64_t most = (axis.kernel - 1 - k) / axis.backward_step;
        return {k, smaller(most, source / axis.backward_distance) + 1, source};
    }
    return {0, 0, 0};
}

// Output cells whose taps are all inside.
inline Span interior(const WindowAxis& axis) {
    const std::int64_t reach = axis.length - 1 - (axis.kernel - 1) * axis.dilation + axis.pad;
    const std::int64_t end = reach < 0 ? 0 : smaller(axis.output, reach / axis.stride + 1);
    const std::int64_t begin = axis.pad < 0 ? 0 : (axis.pad + axis.stride - 1) / axis.stride;
    return {smaller(begin, end), end};
}

// Output cells that tap `k` connects to cells inside the input.
inline Span cells_of_tap(std::int64_t k, const WindowAxis& axis) {
    const std::int64_t shift = k * axis.dilation - axis.pad;
    const std::int64_t begin = shift < 0 ? (-shift + axis.stride - 1) / axis.stride : 0;
    const std::int64_t reach = axis.length - 1 - shift;
    const std::int64_t end = reach < 0 ? 0 : smaller(axis.output, reach / axis.stride + 1);
    return {begin, larger(end, begin)};
}

}  // namespace kernelet::KERNELET_ISA
