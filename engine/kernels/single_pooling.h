// Pooling of single samples whose channels lie side by side at any distance between cells, as in
// arrays of the caller. Numbers are added in the order of `pooling.h`, and give the same bits.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/pooling.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

// The cells of all windows of a run: the same number of planes, rows and columns, as many floats
// apart.
struct PooledCells {
    std::int64_t planes;
    std::int64_t rows;
    std::int64_t columns;
    PoolingStrides strides;

    // Applies `function(offset in floats)` to each, in row-major order.
    template <class Function>
    KERNELET_INLINE void each(const Function& function) const {
        for_cells(planes, rows, columns, strides, function);
    }

    Vector count() const {
        return Vector::broadcast(static_cast<float>(planes * rows * columns));
    }
};

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

// P vectors of results: enough of them that none waits for the one before.
template <class Pooling, int P>
KERNELET_INLINE void pool_vectors(const float* source, const PooledCells& cells, float* target) {
    Vector pooled[P];
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) {
        pooled[p] = Pooling::first(Vector::load(source + p * Vector::width));
    }
    cells.each([&](std::int64_t cell) {
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) {
            const Vector value = Vector::load(source + cell + p * Vector::width);
            pooled[p] = Pooling::next(pooled[p], value);
        }
    });
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) {
        Pooling::last(pooled[p], cells.count()).store(target + p * Vector::width);
    }
}

template <class Pooling>
KERNELET_INLINE void pool_part(const float* source, const PooledCells& cells, float* target,
                               int count) {
    Vector pooled = Pooling::first(Vector::load_partial(source, count));
    cells.each([&](std::int64_t cell) {
        pooled = Pooling::next(pooled, Vector::load_partial(source + cell, count));
    });
    Pooling::last(pooled, cells.count()).store_partial(target, count);
}

// Neighbouring results of neighbouring inputs: the channels of a cell, or of several.
template <class Pooling>
inline void pool_run(const float* source, const PooledCells& cells, float* target,
                     std::int64_t floats) {
    constexpr int together = 4;
    std::int64_t k = 0;
    for (; k + together * Vector::width <= floats; k += together * Vector::width) {
        pool_vectors<Pooling, together>(source + k, cells, target + k);
    }
    for (; k + Vector::width <= floats; k += Vector::width) {
        pool_vectors<Pooling, 1>(source + k, cells, target + k);
    }
    if (k < floats) {
        pool_part<Pooling>(source + k, cells, target + k, static_cast<int>(floats - k));
    }
}

template <class Pooling>
class SinglePooling {
  public:
    explicit SinglePooling(const Call& call)
        : a_(arguments<SinglePoolingArguments>(call)),
          source_(call.operands[0]),
          target_(call.operands[1]),
          strides_(a_, a_.cell_floats) {}

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
    // Windows that lie whole inside the row and begin at neighbouring cells are one run where cells
    // touch each other.
    void pool_row(PooledCells cells, const float* source, float* target) const {
        for (std::int64_t x = 0; x < a_.output_width;) {
            const Span columns =
                window_cells(x, a_.width, a_.kernel_width, a_.stride_width, a_.pad_width);
            cells.columns = columns.end - columns.begin;
            const std::int64_t together = cells.columns == a_.kernel_width ? run_from(x) : 1;
            pool_run<Pooling>(source + columns.begin * a_.cell_floats, cells,
                              target + x * a_.output_floats, together * a_.channels);
            x += together;
        }
    }

    std::int64_t run_from(std::int64_t x) const {
        const bool touch = a_.cell_floats == a_.channels && a_.output_floats == a_.channels;
        if (!touch || a_.stride_width > 1) return 1;
        const std::int64_t whole = a_.width - a_.kernel_width + a_.pad_width + 1;
        return smaller(whole, a_.output_width) - x;
    }

    const SinglePoolingArguments& a_;
    const float* source_;
    float* target_;
    PoolingStrides strides_;
};

// Operands: pictures, maps. Pieces are output rows of all planes.
inline void max_pool_single(const Call& call) {
    SinglePooling<Maximum>(call).run({call.begin, call.end});
}

inline void average_pool_single(const Call& call) {
    SinglePooling<Average>(call).run({call.begin, call.end});
}

}  // namespace kernelet::KERNELET_ISA
