// Pooling: the maximum or the mean of each window, number by number. Cells lie at any distance:
// the samples of a block side by side, or the channels of a single one, as in arrays of the caller.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/pooling_windows.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

// The cells of all windows of a run: the same number of planes, rows and columns, as many floats
// apart.
struct PooledCells {
    std::int64_t planes;
    std::int64_t rows;
    std::int64_t columns;
    PoolingStrides strides;

    // Applies `function(offset in floats)` to each, in row-major order; unrolled where they are
    // `Square`, 2 × 2.
    template <bool Square, class Function>
    KERNELET_INLINE void each(const Function& function) const {
        if constexpr (Square) {
            for_cells(1, 2, 2, strides, function);
        } else {
            for_cells(planes, rows, columns, strides, function);
        }
    }

    bool square() const { return planes == 1 && rows == 2 && columns == 2; }

    Vector count() const { return Vector::broadcast(static_cast<float>(planes * rows * columns)); }
};

// `max` drops the NaN of its first argument.
KERNELET_INLINE Vector max_or_nan(Vector a, Vector b) { return select(is_nan(a), a, max(a, b)); }

// Floats of a picture that does not stay in the caches of a core.
inline constexpr std::int64_t least_early = std::int64_t{1} << 18;

// Windows of few channels that are pooled together.
inline constexpr int parts_together = 4;

struct Maximum {
    KERNELET_INLINE static Vector first(Vector value) { return value; }
    KERNELET_INLINE static Vector next(Vector highest, Vector value) {
        return max_or_nan(highest, value);
    }
    KERNELET_INLINE static Vector last(Vector highest, Vector) { return highest; }
};

struct Average {
    KERNELET_INLINE static Vector first(Vector) { return Vector::zero(); }
    KERNELET_INLINE static Vector next(Vector sum, Vector value) { return sum + value; }
    KERNELET_INLINE static Vector last(Vector sum, Vector count) { return sum / count; }
};

// P vectors of results: enough of them that none waits for the one before. Cells of the next
// window, many short runs far apart, may be asked for `Early`.
template <class Pooling, int P, bool Early, bool Square>
KERNELET_INLINE void pool_vectors(const float* source, const PooledCells& cells, float* target) {
    Vector pooled[P];
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) {
        pooled[p] = Pooling::first(Vector::load(source + p * Vector::width));
    }
    cells.each<Square>([&](std::int64_t cell) {
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) {
            const float* from = source + cell + p * Vector::width;
            if constexpr (Early) {
                __builtin_prefetch(from + cells.columns * cells.strides.column, 0, 2);
            }
            const Vector value = Vector::load(from);
            pooled[p] = Pooling::next(pooled[p], value);
        }
    });
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) {
        Pooling::last(pooled[p], cells.count()).store(target + p * Vector::width);
    }
}

// Floats from one of several windows to the next, in the pictures and in the maps.
struct WindowSteps {
    std::int64_t source;
    std::int64_t target;
};

// Less than a vector of each of P windows.
template <class Pooling, int P, bool Square>
inline void pool_parts(const float* source, const PooledCells& cells, float* target, int count,
                       const WindowSteps& steps) {
    Vector pooled[P];
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) {
        pooled[p] = Pooling::first(Vector::load_partial(source + p * steps.source, count));
    }
    cells.each<Square>([&](std::int64_t cell) {
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) {
            const float* from = source + p * steps.source + cell;
            pooled[p] = Pooling::next(pooled[p], Vector::load_partial(from, count));
        }
    });
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) {
        Pooling::last(pooled[p], cells.count()).store_partial(target + p * steps.target, count);
    }
}

// Pools from `begin` on while P vectors are left before `end`; returns where it stopped.
template <class Pooling, int P, bool Early, bool Square>
KERNELET_INLINE std::int64_t pool_whole(const float* source, const PooledCells& cells,
                                        float* target, std::int64_t begin, std::int64_t end) {
    constexpr std::int64_t step = P * Vector::width;
    for (; begin + step <= end; begin += step) {
        pool_vectors<Pooling, P, Early, Square>(source + begin, cells, target + begin);
    }
    return begin;
}

// Neighbouring results of neighbouring inputs: the channels of a cell, or of several.
template <class Pooling, bool Early, bool Square>
inline void pool_run(const float* source, const PooledCells& cells, float* target,
                     std::int64_t floats) {
    std::int64_t k = 0;
    if (floats >= Vector::width) {
        k = pool_whole<Pooling, 8, Early, Square>(source, cells, target, k, floats);
        k = pool_whole<Pooling, 2, Early, Square>(source, cells, target, k, floats);
        k = pool_whole<Pooling, 1, Early, Square>(source, cells, target, k, floats);
    }
    if (k < floats) {
        pool_parts<Pooling, 1, Square>(source + k, cells, target + k, static_cast<int>(floats - k),
                                       {});
    }
}

template <class Pooling>
class PooledRows {
  public:
    PooledRows(const Call& call, const SinglePoolingArguments& a)
        : a_(a),
          source_(call.operands[0]),
          target_(call.operands[1]),
          strides_(a_, a_.cell_floats),
          asks_early_(a_.stride_width >= a_.kernel_width &&
                      a_.depth * strides_.plane > least_early) {}

    void run(const Span& output_rows) const {
        for (std::int64_t row = output_rows.begin; row < output_rows.end; ++row) {
            const Span planes = window_cells(row / a_.output_height, a_.depth, a_.kernel_depth,
                                             a_.stride_depth, a_.pad_depth);
            const Span rows = window_cells(row % a_.output_height, a_.height, a_.kernel_height,
                                           a_.stride_height, a_.pad_height);
            pool_row({planes.end - planes.begin, rows.end - rows.begin, 0, strides_},
                     source_ + planes.begin * strides_.plane + rows.begin * strides_.row,
                     target_ + row * a_.output_width * a_.output_floats);
        }
    }

  private:
    void pool_row(PooledCells cells, const float* source, float* target) const {
        for (std::int64_t x = 0; x < a_.output_width;) {
            const Span columns =
                window_cells(x, a_.width, a_.kernel_width, a_.stride_width, a_.pad_width);
            cells.columns = columns.end - columns.begin;
            x += pool_windows(cells, source + columns.begin * a_.cell_floats,
                              target + x * a_.output_floats, whole_from(x, cells));
        }
    }

    // Pools the first of some windows, or several: those that begin at neighbouring cells are one
    // run where cells touch each other. Returns how many.
    std::int64_t pool_windows(const PooledCells& cells, const float* source, float* target,
                              std::int64_t windows) const {
        const bool touch = a_.cell_floats == a_.channels && a_.output_floats == a_.channels;
        if (touch && a_.stride_width == 1) {
            run_of(cells)(source, cells, target, windows * a_.channels);
            return windows;
        }
        if (a_.channels < Vector::width && windows >= parts_together) {
            const auto parts = cells.square() ? pool_parts<Pooling, parts_together, true>
                                              : pool_parts<Pooling, parts_together, false>;
            parts(source, cells, target, static_cast<int>(a_.channels),
                  {a_.stride_width * a_.cell_floats, a_.output_floats});
            return parts_together;
        }
        run_of(cells)(source, cells, target, a_.channels);
        return 1;
    }

    // How many windows from one on lie whole inside the row; 1 where it does not itself.
    std::int64_t whole_from(std::int64_t x, const PooledCells& cells) const {
        if (cells.columns < a_.kernel_width) return 1;
        const std::int64_t last = (a_.width - a_.kernel_width + a_.pad_width) / a_.stride_width;
        return smaller(last + 1, a_.output_width) - x;
    }

    auto run_of(const PooledCells& cells) const {
        if (asks_early_) {
            return cells.square() ? pool_run<Pooling, true, true> : pool_run<Pooling, true, false>;
        }
        return cells.square() ? pool_run<Pooling, false, true> : pool_run<Pooling, false, false>;
    }

    const SinglePoolingArguments& a_;
    const float* source_;
    float* target_;
    PoolingStrides strides_;
    bool asks_early_;
};

// The samples of a block, as channels of one.
inline SinglePoolingArguments as_single(const PoolingArguments& a) {
    SinglePoolingArguments result{};
#define KERNELET_COPY(name) result.name = a.name;
    KERNELET_WINDOW(KERNELET_COPY)
#undef KERNELET_COPY
    result.channels = result.cell_floats = result.output_floats = a.channels * lanes;
    return result;
}

template <class Pooling>
inline void pool_rows(const Call& call, const SinglePoolingArguments& a) {
    PooledRows<Pooling>(call, a).run({call.begin, call.end});
}

// Operands: pictures, maps. Pieces are output rows of all planes.
inline void max_pool(const Call& call) {
    pool_rows<Maximum>(call, as_single(arguments<PoolingArguments>(call)));
}
inline void average_pool(const Call& call) {
    pool_rows<Average>(call, as_single(arguments<PoolingArguments>(call)));
}
inline void max_pool_single(const Call& call) {
    pool_rows<Maximum>(call, arguments<SinglePoolingArguments>(call));
}
inline void average_pool_single(const Call& call) {
    pool_rows<Average>(call, arguments<SinglePoolingArguments>(call));
}

}  // namespace kernelet::KERNELET_ISA
