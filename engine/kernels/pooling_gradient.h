// The gradients of poolings.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/pooling_windows.h"
#include "kernels/window.h"
#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

// The part of a window that lies inside the picture: planes × rows × columns of cells, never empty.
// The first of them and the output cell are offsets in floats.
struct PoolingWindow {
    std::int64_t planes;
    std::int64_t rows;
    std::int64_t columns;
    std::int64_t source;
    std::int64_t target;
};

// Applies `function` to every window, in row-major order.
template <class Arguments, class Function>
KERNELET_INLINE void for_windows(const Arguments& a, Function&& function) {
    const PoolingStrides strides(a);
    std::int64_t target = 0;
    for (std::int64_t output = 0; output < a.output_depth * a.output_height; ++output) {
        const Span planes = window_cells(output / a.output_height, a.depth, a.kernel_depth,
                                         a.stride_depth, a.pad_depth);
        const Span rows = window_cells(output % a.output_height, a.height, a.kernel_height,
                                       a.stride_height, a.pad_height);
        const std::int64_t row = planes.begin * strides.plane + rows.begin * strides.row;
        for (std::int64_t x = 0; x < a.output_width; ++x, target += strides.column) {
            const Span columns =
                window_cells(x, a.width, a.kernel_width, a.stride_width, a.pad_width);
            function(PoolingWindow{planes.end - planes.begin, rows.end - rows.begin,
                                   columns.end - columns.begin,
                                   row + columns.begin * strides.column, target});
        }
    }
}

// Whether the windows along one axis are as long as they are apart and cover it exactly.
inline bool axis_tiled(std::int64_t length, std::int64_t output, std::int64_t kernel,
                       std::int64_t stride, std::int64_t pad) {
    return stride == kernel && pad == 0 && output * kernel == length;
}

// Whether every cell of the picture lies in exactly one window.
template <class Arguments>
inline bool windows_tile(const Arguments& a) {
    return axis_tiled(a.depth, a.output_depth, a.kernel_depth, a.stride_depth, a.pad_depth) &&
           axis_tiled(a.height, a.output_height, a.kernel_height, a.stride_height, a.pad_height) &&
           axis_tiled(a.width, a.output_width, a.kernel_width, a.stride_width, a.pad_width);
}

template <class Arguments>
inline void clear_picture(const Arguments& a, float* picture) {
    const std::int64_t cells = a.depth * a.height * a.width;
    for (std::int64_t k = 0; k < cells * a.channels * lanes; k += Vector::width) {
        Vector::zero().store(picture + k);
    }
}

// Where one window finds its maximum, and where its gradient goes.
struct MaxPoolOperands {
    const float* upstream;
    const float* source;
    const float* highest;
    float* gradient;
};

// Hands the upstream gradient of one window to its first maximum: the first cell that is not less
// than the maximum, which is the first cell where the maximum is NaN. Where cells are `rectified`,
// one that is not above zero gets nothing. Cells of the next window, many short runs far apart, are
// asked for early: half of the time for large pictures.
template <bool accumulate, bool rectified>
KERNELET_INLINE void max_window_gradient(const MaxPoolOperands& at, std::int64_t planes,
                                         std::int64_t rows, std::int64_t columns,
                                         const PoolingStrides& strides) {
    for (std::int64_t k = 0; k < strides.column; k += Vector::width) {
        const Vector maximum = Vector::load(at.highest + k);
        const Vector whole = Vector::load(at.upstream + k);
        Mask waiting = first_lanes(Vector::width);
        for_cells(planes, rows, columns, strides, [&](std::int64_t cell) {
            __builtin_prefetch(at.source + cell + k + columns * strides.column, 0, 2);
            float* target = at.gradient + cell + k;
            __builtin_prefetch(target + columns * strides.column, 1, 2);
            const Vector value = Vector::load(at.source + cell + k);
            const Mask below = less(value, maximum);
            Mask found = mask_and(waiting, mask_not(below));
            if constexpr (rectified) {
                found = mask_and(found, mask_not(less_equal(value, Vector::zero())));
            }
            const Vector share = select(found, whole, Vector::zero());
            if constexpr (accumulate) {
                (Vector::load(target) + share).store(target);
            } else {
                share.store(target);
            }
            waiting = mask_and(waiting, below);
        });
    }
}

template <bool rectified>
inline void max_pool_gradient_of(const Call& call) {
    const auto& a = arguments<MaxPoolGradientArguments>(call);
    const PoolingStrides strides(a);
    const bool tiled = windows_tile(a);
    if (!tiled) {
        clear_picture(a, call.operands[3]);
    }
    for_windows(a, [&](const PoolingWindow& window) {
        const MaxPoolOperands at{call.operands[0] + window.target, call.operands[1] + window.source,
                                 call.operands[2] + window.target,
                                 call.operands[3] + window.source};
        if (tiled && window.planes == 1 && window.rows == 2 && window.columns == 2) {
            max_window_gradient<false, rectified>(at, 1, 2, 2, strides);
        } else if (tiled) {
            max_window_gradient<false, rectified>(at, window.planes, window.rows, window.columns,
                                                  strides);
        } else {
            max_window_gradient<true, rectified>(at, window.planes, window.rows, window.columns,
                                                 strides);
        }
    });
}

// Operands: upstream gradient, pictures, maps, gradient by the pictures or, where they are
// rectified, by what was rectified.
inline void max_pool_gradient(const Call& call) {
    if (arguments<MaxPoolGradientArguments>(call).rectified) {
        max_pool_gradient_of<true>(call);
    } else {
        max_pool_gradient_of<false>(call);
    }
}

KERNELET_INLINE Vector cell_count(const PoolingWindow& window) {
    return Vector::broadcast(static_cast<float>(window.planes * window.rows * window.columns));
}

// Writes the shares of one window to its cells, some channels of all cells after the other.
inline void average_window_gradient(const PoolingWindow& window, const PoolingStrides& strides,
                                    const float* upstream, float* gradient) {
    constexpr std::int64_t together = 32 * lanes;
    const Vector count = cell_count(window);
    float shares[together];
    for (std::int64_t begin = 0; begin < strides.column; begin += together) {
        const std::int64_t floats = smaller(together, strides.column - begin);
        for (std::int64_t k = 0; k < floats; k += Vector::width) {
            (Vector::load(upstream + begin + k) / count).store(shares + k);
        }
        for_cells(window.planes, window.rows, window.columns, strides, [&](std::int64_t cell) {
            float* target = gradient + cell + begin;
            for (std::int64_t k = 0; k < floats; k += Vector::width) {
                Vector::load(shares + k).store(target + k);
            }
        });
    }
}

inline void add_average_window_gradient(const PoolingWindow& window, const PoolingStrides& strides,
                                        const float* upstream, float* gradient) {
    const Vector count = cell_count(window);
    for (std::int64_t k = 0; k < strides.column; k += Vector::width) {
        const Vector share = Vector::load(upstream + k) / count;
        for_cells(window.planes, window.rows, window.columns, strides, [&](std::int64_t cell) {
            float* target = gradient + cell + k;
            (Vector::load(target) + share).store(target);
        });
    }
}

// Operands: upstream gradient, gradient by the pictures.
inline void average_pool_gradient(const Call& call) {
    const auto& a = arguments<PoolingArguments>(call);
    const PoolingStrides strides(a);
    const bool tiled = windows_tile(a);
    if (!tiled) clear_picture(a, call.operands[1]);
    const auto window_gradient = tiled ? average_window_gradient : add_average_window_gradient;
    for_windows(a, [&](const PoolingWindow& window) {
        window_gradient(window, strides, call.operands[0] + window.target,
                        call.operands[1] + window.source);
    });
}

}  // namespace kernelet::KERNELET_ISA
