// Maximum pooling of rows of cells that keeps the index of each maximum, and its gradient, which
// needs nothing else.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/copying.h"
#include "kernels/pooling.h"

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
    for (std::int64_t k = 0; k < pooling.cell_floats(); k += Vector::width) {
        const Vector first = Vector::load(source + k);
        Vector highest = first;
        Vector index = Vector::zero();
        for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t column = 0; column < columns; ++column) {
                const Vector value = Vector::load(source + row * pooling.row_floats() +
                                                  column * pooling.cell_floats() + k);
                const auto place = static_cast<float>(row * pooling.window_width + column);
                index = select(less(highest, value), Vector::broadcast(place), index);
                highest = max_or_nan(highest, value);
            }
        }
        highest.store(target + k);
        if (!indices) continue;
        const Mask unordered = is_nan(highest);
        index = select(unordered, Vector::zero(), index);
        if (rectified) {
            const Vector found = select(unordered, first, highest);
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

KERNELET_INLINE void unpool_cell(std::int64_t floats, float place, const float* upstream,
                                 const std::uint8_t* indices, float* target) {
    for (std::int64_t k = 0; k < floats; k += Vector::width) {
        const Mask chosen = equal(Vector::load_u8(indices + k), Vector::broadcast(place));
        select(chosen, Vector::load(upstream + k), Vector::zero()).store(target + k);
    }
}

// One row of the gradient by the picture, counted through all planes.
inline void unpool_row(const IndexedPooling& pooling, std::int64_t row, const float* upstream,
                       const std::uint8_t* indices, float* target) {
    const std::int64_t line = row % pooling.height;
    const std::int64_t window = line / pooling.window_height;
    if (window >= pooling.pooled_height) {
        clear_floats(pooling.row_floats(), target);
        return;
    }
    const std::int64_t floats = pooling.cell_floats();
    const std::int64_t first = pooling.pooled_row(row / pooling.height, window);
    const std::int64_t places = line % pooling.window_height * pooling.window_width;
    std::int64_t column = 0;
    for (std::int64_t x = 0; x < pooling.pooled_width; ++x) {
        const std::int64_t at = first + x * floats;
        for (std::int64_t k = 0; k < pooling.window_width && column < pooling.width; ++k) {
            unpool_cell(floats, static_cast<float>(places + k), upstream + at, indices + at,
                        target + column++ * floats);
        }
    }
    clear_floats((pooling.width - column) * floats, target + column * floats);
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

// Rows of cells that a kernel reads: of a value, or of the gradient by the input of a pooling,
// which is made one row at a time and never stored as a whole.
class InputRows {
  public:
    // `indices` is null for a value; only the indexed gradient needs `scratch`, for one row.
    InputRows(const IndexedPooling& pooling, const float* numbers, const float* indices,
              float* scratch)
        : pooling_(pooling),
          numbers_(numbers),
          indices_(reinterpret_cast<const std::uint8_t*>(indices)),
          scratch_(scratch) {}

    // A row, counted through all planes; valid until the next one is asked for.
    const float* row(std::int64_t row) const {
        if (!indices_) return numbers_ + row * pooling_.row_floats();
        unpool_row(pooling_, row, numbers_, indices_, scratch_);
        return scratch_;
    }

  private:
    IndexedPooling pooling_;
    const float* numbers_;
    const std::uint8_t* indices_;
    float* scratch_;
};

}  // namespace kernelet::KERNELET_ISA
