// Maximum pooling of rows of cells that keeps the index of each maximum, and its gradient, which
// needs nothing else.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/copying.h"
#include "kernels/pooling.h"
#include "simd/pairs.h"

namespace kernelet::KERNELET_ISA {

inline constexpr float no_index = 255.0F;

// A picture and its windows; see ARGUMENTS_IndexedPooling.
struct IndexedPooling {
    std::int64_t height;
    std::int64_t width;
    std::int64_t channels;
    std::int64_t window_height;
    std::int64_t window_width;
    std::int64_t pooled_height;
    std::int64_t pooled_width;

    template <class Arguments>
    IndexedPooling(const Arguments& a, std::int64_t rows, std::int64_t columns,
                   std::int64_t numbers)
        : height(rows),
          width(columns),
          channels(numbers),
          window_height(a.window_height),
          window_width(a.window_width),
          pooled_height(a.pooled_height),
          pooled_width(a.pooled_width) {}

    std::int64_t cell_floats() const { return channels * lanes; }
    std::int64_t row_floats() const { return width * cell_floats(); }

    // The first element of a row of windows.
    std::int64_t pooled_row(std::int64_t plane, std::int64_t row) const {
        return (plane * pooled_height + row) * pooled_width * cell_floats();
    }
};

// The maximum of one window, with its index: the first cell that is not less than the maximum, and
// so the first of all where that is NaN. Without `indices`, only the maximum.
KERNELET_INLINE void index_maximum(const IndexedPooling& pooling, const float* source,
                                   std::int64_t rows, std::int64_t columns, bool rectified,
                                   float* target, std::uint8_t* indices) {
    // Numbers of their own: stores of vectors might change those of the pooling.
    const std::int64_t cell = pooling.cell_floats();
    const std::int64_t line = pooling.row_floats();
    const std::int64_t window_width = pooling.window_width;
    for (std::int64_t k = 0; k < cell; k += Vector::width) {
        const auto value = [&](std::int64_t row, std::int64_t column) {
            return Vector::load(source + row * line + column * cell + k);
        };
        Vector highest = value(0, 0);
        for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t column = row == 0 ? 1 : 0; column < columns; ++column) {
                highest = max_or_nan(highest, value(row, column));
            }
        }
        highest.store(target + k);
        if (!indices) continue;
        Vector index = Vector::zero();
        for (std::int64_t row = rows - 1; row >= 0; --row) {
            for (std::int64_t column = columns - 1; column >= 0; --column) {
                const auto place = static_cast<float>(row * window_width + column);
                const Mask below = less(value(row, column), highest);
                index = select(below, index, Vector::broadcast(place));
            }
        }
        if (rectified) {
            const Vector found = select(is_nan(highest), value(0, 0), highest);
            index = select(less_equal(found, Vector::zero()), Vector::broadcast(no_index), index);
        }
        index.store_u8(indices + k);
    }
}

// Pools `rows` rows of cells, a row of windows; `target` and `indices` are those of the first.
inline void pool_rows(const IndexedPooling& pooling, const float* cells, std::int64_t rows,
                      bool rectified, float* target, std::uint8_t* indices) {
    for (std::int64_t x = 0; x < pooling.pooled_width; ++x) {
        const std::int64_t column = x * pooling.window_width;
        const std::int64_t columns = smaller(pooling.window_width, pooling.width - column);
        const float* source = cells + column * pooling.cell_floats();
        const std::int64_t at = x * pooling.cell_floats();
        std::uint8_t* places = indices ? indices + at : nullptr;
        // The most common window, unrolled.
        if (rows == 2 && columns == 2) {
            index_maximum(pooling, source, 2, 2, rectified, target + at, places);
        } else {
            index_maximum(pooling, source, rows, columns, rectified, target + at, places);
        }
    }
}

// A cell of a value: a vector of its numbers.
struct StoredCell {
    const float* numbers;

    KERNELET_INLINE Vector load(std::int64_t k) const { return Vector::load(numbers + k); }
};

struct StoredRow {
    const float* numbers;
    std::int64_t cell_floats;

    KERNELET_INLINE StoredCell cell(std::int64_t column) const {
        return {numbers + column * cell_floats};
    }
};

// Of a value that is stored rounded to bfloat16.
struct RoundedCell {
    const std::uint16_t* numbers;

    KERNELET_INLINE Vector load(std::int64_t k) const { return load_bfloat16(numbers + k); }
};

struct RoundedRow {
    const std::uint16_t* numbers;
    std::int64_t cell_floats;

    KERNELET_INLINE RoundedCell cell(std::int64_t column) const {
        return {numbers + column * cell_floats};
    }
};

// A cell of the gradient by the input of a pooling, from its window: what has its place as index.
struct UnpooledCell {
    const float* upstream;
    const std::uint8_t* indices;
    float place;

    KERNELET_INLINE Vector load(std::int64_t k) const {
        const Mask chosen = equal(Vector::load_u8(indices + k), Vector::broadcast(place));
        return select(chosen, Vector::load(upstream + k), Vector::zero());
    }
};

// The gradient that all cells of a window have together.
struct KeptCell {
    const float* upstream;
    const std::uint8_t* indices;

    KERNELET_INLINE Vector load(std::int64_t k) const {
        const Mask lost = equal(Vector::load_u8(indices + k), Vector::broadcast(no_index));
        return select(lost, Vector::zero(), Vector::load(upstream + k));
    }
};

class UnpooledRow {
  public:
    // A row, counted through all planes; the upstream gradient and the indices are whole ones.
    UnpooledRow(const IndexedPooling& pooling, std::int64_t row, const float* upstream,
                const std::uint8_t* indices)
        : cell_floats_(pooling.cell_floats()),
          window_width_(pooling.window_width),
          upstream_(upstream),
          indices_(indices) {
        const std::int64_t line = row % pooling.height;
        const std::int64_t window = line / pooling.window_height;
        if (window >= pooling.pooled_height) return;
        const std::int64_t first = pooling.pooled_row(row / pooling.height, window);
        upstream_ += first;
        indices_ += first;
        windows_ = pooling.pooled_width;
        first_place_ = line % pooling.window_height * pooling.window_width;
    }

    // Cells that belong to no window have a place that is nobody's index.
    KERNELET_INLINE UnpooledCell cell(std::int64_t column) const {
        const std::int64_t window = column / window_width_;
        if (window >= windows_) return {upstream_, indices_, -1.0F};
        const std::int64_t at = window * cell_floats_;
        const std::int64_t place = first_place_ + column - window * window_width_;
        return {upstream_ + at, indices_ + at, static_cast<float>(place)};
    }

  private:
    std::int64_t cell_floats_;
    std::int64_t window_width_;
    const float* upstream_;
    const std::uint8_t* indices_;
    std::int64_t windows_ = 0;
    std::int64_t first_place_ = 0;
};

// One row of the gradient by the picture, counted through all planes.
inline void unpool_row(const IndexedPooling& pooling, std::int64_t row, const float* upstream,
                       const std::uint8_t* indices, float* target) {
    const UnpooledRow cells(pooling, row, upstream, indices);
    for (std::int64_t column = 0; column < pooling.width; ++column) {
        const UnpooledCell cell = cells.cell(column);
        for (std::int64_t k = 0; k < pooling.cell_floats(); k += Vector::width) {
            cell.load(k).store(target + k);
        }
        target += pooling.cell_floats();
    }
}

// Operands: upstream gradient, indices, gradient by the pictures.
inline void max_unpool(const Call& call) {
    const auto& a = arguments<MaxUnpoolArguments>(call);
    const IndexedPooling pooling(a, a.height, a.width, a.channels);
    const auto* indices = reinterpret_cast<const std::uint8_t*>(call.operands[1]);
    for (std::int64_t row = 0; row < a.planes * a.height; ++row) {
        unpool_row(pooling, row, call.operands[0], indices,
                   call.operands[2] + row * pooling.row_floats());
    }
}

// Rows of cells that a kernel reads: of a value, perhaps stored rounded to bfloat16, or of the
// gradient by the input of a pooling, which is never stored as a whole.
class InputRows {
  public:
    // `indices` is null for a value; `scratch` is for one row of anything but plain float32.
    InputRows(const IndexedPooling& pooling, bool rounded, const float* numbers,
              const float* indices, float* scratch)
        : pooling_(pooling),
          rounded_(rounded),
          numbers_(numbers),
          indices_(reinterpret_cast<const std::uint8_t*>(indices)),
          scratch_(scratch) {}

    // Calls `function` with a row, counted through all planes, whose cells are vectors to load.
    template <class Function>
    KERNELET_INLINE void visit(std::int64_t row, const Function& function) const {
        if (indices_) {
            function(UnpooledRow(pooling_, row, numbers_, indices_));
        } else if (rounded_) {
            function(rounded_row(row));
        } else {
            function(StoredRow{numbers_ + row * pooling_.row_floats(), pooling_.cell_floats()});
        }
    }

    // The numbers of a row; valid until the next one is asked for.
    const float* row(std::int64_t row) const {
        if (indices_) {
            unpool_row(pooling_, row, numbers_, indices_, scratch_);
        } else if (rounded_) {
            const RoundedCell all = rounded_row(row).cell(0);
            for (std::int64_t k = 0; k < pooling_.row_floats(); k += Vector::width) {
                all.load(k).store(scratch_ + k);
            }
        } else {
            return numbers_ + row * pooling_.row_floats();
        }
        return scratch_;
    }

  private:
    RoundedRow rounded_row(std::int64_t row) const {
        const auto* numbers = reinterpret_cast<const std::uint16_t*>(numbers_);
        return {numbers + row * pooling_.row_floats(), pooling_.cell_floats()};
    }

    IndexedPooling pooling_;
    bool rounded_;
    const float* numbers_;
    const std::uint8_t* indices_;
    float* scratch_;
};

}  // namespace kernelet::KERNELET_ISA
