// Pooling: the maximum or the mean of each window, channel by channel, and their gradients.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/tile.h"
#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

// The part of a window that lies inside the picture: rows × columns of cells, never empty. The
// first of them and the output cell are offsets in floats.
struct PoolingWindow {
    std::int64_t rows;
    std::int64_t columns;
    std::int64_t source;
    std::int64_t target;
};

// Distances in floats between neighbouring cells of the picture; a cell is `column` floats.
struct PoolingStrides {
    std::int64_t row;
    std::int64_t column;
};

inline PoolingStrides pooling_strides(const PoolingArguments& a) {
    return {a.width * a.channels * lanes, a.channels * lanes};
}

// Applies `function` to every window, in row-major order.
template <class Function>
KERNELET_INLINE void for_windows(const PoolingArguments& a, Function&& function) {
    const PoolingStrides strides = pooling_strides(a);
    for (std::int64_t i = 0; i < a.output_height; ++i) {
        const std::int64_t top = i * a.stride_height - a.pad_top;
        const std::int64_t row = larger(top, 0);
        const std::int64_t rows = smaller(top + a.kernel_height, a.height) - row;
        for (std::int64_t j = 0; j < a.output_width; ++j) {
            const std::int64_t left = j * a.stride_width - a.pad_left;
            const std::int64_t column = larger(left, 0);
            const std::int64_t columns = smaller(left + a.kernel_width, a.width) - column;
            function(PoolingWindow{rows, columns, row * strides.row + column * strides.column,
                                   (i * a.output_width + j) * strides.column});
        }
    }
}

// Whether every cell of the picture lies in exactly one window.
inline bool windows_tile(const PoolingArguments& a) {
    return a.stride_height == a.kernel_height && a.stride_width == a.kernel_width &&
           a.pad_top == 0 && a.pad_left == 0 && a.output_height * a.kernel_height == a.height &&
           a.output_width * a.kernel_width == a.width;
}

inline void clear_picture(const PoolingArguments& a, float* picture) {
    for (std::int64_t k = 0; k < a.height * a.width * a.channels * lanes; k += Vector::width) {
        Vector::zero().store(picture + k);
    }
}

// `max` drops the NaN of its first argument.
KERNELET_INLINE Vector max_or_nan(Vector a, Vector b) { return select(is_nan(a), a, max(a, b)); }

KERNELET_INLINE void max_window(const float* source, std::int64_t rows, std::int64_t columns,
                                PoolingStrides strides, float* target) {
    for (std::int64_t k = 0; k < strides.column; k += Vector::width) {
        Vector highest = Vector::load(source + k);
        for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t column = 0; column < columns; ++column) {
                const float* cell = source + row * strides.row + column * strides.column;
                highest = max_or_nan(highest, Vector::load(cell + k));
            }
        }
        highest.store(target + k);
    }
}

// Operands: pictures, maps.
inline void max_pool(const Call& call) {
    const auto& a = arguments<PoolingArguments>(call);
    const PoolingStrides strides = pooling_strides(a);
    for_windows(a, [&](const PoolingWindow& window) {
        const float* source = call.operands[0] + window.source;
        float* target = call.operands[1] + window.target;
        // The most common window, unrolled.
        if (window.rows == 2 && window.columns == 2) {
            max_window(source, 2, 2, strides, target);
        } else {
            max_window(source, window.rows, window.columns, strides, target);
        }
    });
}

// Hands the upstream gradient of one window to its first maximum: the first cell that is not less
// than the maximum, which is the first cell where the maximum is NaN.
template <bool accumulate>
KERNELET_INLINE void max_window_gradient(const float* upstream, const float* source,
                                         const float* highest, std::int64_t rows,
                                         std::int64_t columns, PoolingStrides strides,
                                         float* gradient) {
    for (std::int64_t k = 0; k < strides.column; k += Vector::width) {
        const Vector maximum = Vector::load(highest + k);
        const Vector whole = Vector::load(upstream + k);
        Mask waiting = first_lanes(Vector::width);
        for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t column = 0; column < columns; ++column) {
                const std::int64_t cell = row * strides.row + column * strides.column + k;
                const Mask below = less(Vector::load(source + cell), maximum);
                const Mask found = mask_and(waiting, mask_not(below));
                const Vector share = select(found, whole, Vector::zero());
                if constexpr (accumulate) {
                    (Vector::load(gradient + cell) + share).store(gradient + cell);
                } else {
                    share.store(gradient + cell);
                }
                waiting = mask_and(waiting, below);
            }
        }
    }
}

// Operands: upstream gradient, pictures, maps, gradient by the pictures.
inline void max_pool_gradient(const Call& call) {
    const auto& a = arguments<PoolingArguments>(call);
    const PoolingStrides strides = pooling_strides(a);
    const bool tiled = windows_tile(a);
    if (!tiled) {
        clear_picture(a, call.operands[3]);
    }
    for_windows(a, [&](const PoolingWindow& window) {
        const float* upstream = call.operands[0] + window.target;
        const float* source = call.operands[1] + window.source;
        const float* highest = call.operands[2] + window.target;
        float* gradient = call.operands[3] + window.source;
        if (tiled && window.rows == 2 && window.columns == 2) {
            max_window_gradient<false>(upstream, source, highest, 2, 2, strides, gradient);
        } else if (tiled) {
            max_window_gradient<false>(upstream, source, highest, window.rows, window.columns,
                                       strides, gradient);
        } else {
            max_window_gradient<true>(upstream, source, highest, window.rows, window.columns,
                                      strides, gradient);
        }
    });
}

// Operands: pictures, maps.
inline void average_pool(const Call& call) {
    const auto& a = arguments<PoolingArguments>(call);
    const PoolingStrides strides = pooling_strides(a);
    for_windows(a, [&](const PoolingWindow& window) {
        const float* source = call.operands[0] + window.source;
        const Vector count = Vector::broadcast(static_cast<float>(window.rows * window.columns));
        for (std::int64_t k = 0; k < strides.column; k += Vector::width) {
            Vector sum = Vector::zero();
            for (std::int64_t row = 0; row < window.rows; ++row) {
                for (std::int64_t column = 0; column < window.columns; ++column) {
                    const float* cell = source + row * strides.row + column * strides.column;
                    sum = sum + Vector::load(cell + k);
                }
            }
            (sum / count).store(call.operands[1] + window.target + k);
        }
    });
}

// Operands: upstream gradient, gradient by the pictures.
inline void average_pool_gradient(const Call& call) {
    const auto& a = arguments<PoolingArguments>(call);
    const PoolingStrides strides = pooling_strides(a);
    clear_picture(a, call.operands[1]);
    for_windows(a, [&](const PoolingWindow& window) {
        float* gradient = call.operands[1] + window.source;
        const Vector count = Vector::broadcast(static_cast<float>(window.rows * window.columns));
        for (std::int64_t k = 0; k < strides.column; k += Vector::width) {
            const Vector share = Vector::load(call.operands[0] + window.target + k) / count;
            for (std::int64_t row = 0; row < window.rows; ++row) {
                for (std::int64_t column = 0; column < window.columns; ++column) {
                    float* cell = gradient + row * strides.row + column * strides.column + k;
                    (Vector::load(cell) + share).store(cell);
                }
            }
        }
    });
}

}  // namespace kernelet::KERNELET_ISA
