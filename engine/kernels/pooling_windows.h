// Where the cells of pooled windows lie.
#pragma once

#include "kernelet/kernel.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

// Distances in floats between neighbouring cells of the picture; a cell is `column` floats.
struct PoolingStrides {
    std::int64_t plane;
    std::int64_t row;
    std::int64_t column;

    template <class Arguments>
    PoolingStrides(const Arguments& a, std::int64_t cell_floats)
        : plane(a.height * a.width * cell_floats),
          row(a.width * cell_floats),
          column(cell_floats) {}

    template <class Arguments>
    explicit PoolingStrides(const Arguments& a) : PoolingStrides(a, a.channels * lanes) {}
};

// Applies `function(offset in floats)` to every cell of a window, in row-major order.
template <class Function>
KERNELET_INLINE void for_cells(std::int64_t planes, std::int64_t rows, std::int64_t columns,
                               const PoolingStrides& strides, Function&& function) {
    for (std::int64_t plane = 0; plane < planes; ++plane) {
        for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t column = 0; column < columns; ++column) {
                function(plane * strides.plane + row * strides.row + column * strides.column);
            }
        }
    }
}

// The cells of one axis that lie inside a window at an output cell.
KERNELET_INLINE Span window_cells(std::int64_t cell, std::int64_t length, std::int64_t kernel,
                                  std::int64_t stride, std::int64_t pad) {
    const std::int64_t begin = cell * stride - pad;
    return {larger(begin, 0), smaller(begin + kernel, length)};
}

}  // namespace kernelet::KERNELET_ISA
