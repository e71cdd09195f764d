// Maximum pooling of rows of cells that keeps the index of each maximum, and its gradient, which
// needs nothing else.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/copying.h"
#include "kernels/pooling.h"
#include "simd/pairs.h"

namespace kernelet::KERNELET_ISA {

inline constexpr std::uint8_t no_index = 255;
// What no cell of a window has as its place.
inline constexpr std::uint8_t no_place = 254;

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
            index = select(less_equal(found, Vector::zero()),
                           Vector::broadcast(static_cast<float>(no_index)), index);
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

// A cell: vectors of its numbers, from number `k` on, and of pairs of those with the numbers of the
// next channel.
struct StoredCell {
    static constexpr bool is_rounded = false;
    const float* numbers;

    StoredCell moved(std::int64_t count) const { return {numbers + count}; }
    KERNELET_INLINE Vector load(std::int64_t k) const { return Vector::load(numbers + k); }
    KERNELET_INLINE IntVector pairs(std::int64_t k) const {
        return pairs_of(load(k), load(k + lanes));
    }
};

// A cell of the gradient by the input of a pooling, from its window: what has its place as index.
template <class Cell>
struct UnpooledCell {
    static constexpr bool is_rounded = Cell::is_rounded;
    Cell upstream;
    const std::uint8_t* indices;
    std::uint8_t place;

    KERNELET_INLINE Vector load(std::int64_t k) const {
        return select(equal_u8(indices + k, place), upstream.load(k), Vector::zero());
    }
    KERNELET_INLINE IntVector pairs(std::int64_t k) const {
        if constexpr (is_rounded) {
            const Vector both = from_bits(upstream.pairs(k));
            const auto chosen = [&](std::int64_t first) {
                const Mask mask = equal_u8(indices + first, place);
                return bits_of(select(mask, both, Vector::zero()));
            };
            return (chosen(k) & IntVector::broadcast(0xFFFF)) |
                   (chosen(k + lanes) & IntVector::broadcast(-0x10000));
        } else {
            return pairs_of(load(k), load(k + lanes));
        }
    }
};

// The gradient that all cells of a window have together.
template <class Cell>
struct KeptCell {
    Cell upstream;
    const std::uint8_t* indices;

    KERNELET_INLINE Vector load(std::int64_t k) const {
        return select(equal_u8(indices + k, no_index), Vector::zero(), upstream.load(k));
    }
};

template <class Cell>
class UnpooledRow {
  public:
    // A row, counted through all planes; the upstream gradient and the indices are whole ones.
    UnpooledRow(const IndexedPooling& pooling, std::int64_t row, const Cell& upstream,
                const std::uint8_t* indices)
        : cell_floats_(pooling.cell_floats()),
          window_width_(pooling.window_width),
          upstream_(upstream),
          indices_(indices) {
        const std::int64_t line = row % pooling.height;
        const std::int64_t window = line / pooling.window_height;
        if (window >= pooling.pooled_height) return;
        const std::int64_t first = pooling.pooled_row(row / pooling.height, window);
        upstream_ = upstream.moved(first);
        indices_ += first;
        windows_ = pooling.pooled_width;
        first_place_ = line % pooling.window_height * pooling.window_width;
    }

    KERNELET_INLINE UnpooledCell<Cell> cell(std::int64_t column) const {
        // Divisions take longer than a cell's numbers.
        const std::int64_t window = window_width_ == 2 ? column >> 1 : column / window_width_;
        if (window >= windows_) return {upstream_, indices_, no_place};
        const std::int64_t at = window * cell_floats_;
        const std::int64_t place = first_place_ + column - window * window_width_;
        return {upstream_.moved(at), indices_ + at, static_cast<std::uint8_t>(place)};
    }

  private:
    std::int64_t cell_floats_;
    std::int64_t window_width_;
    Cell upstream_;
    const std::uint8_t* indices_;
    std::int64_t windows_ = 0;
    std::int64_t first_place_ = 0;
};

// One row of the gradient by the picture, counted through all planes.
inline void unpool_row(const IndexedPooling& pooling, std::int64_t row, const float* upstream,
                       const std::uint8_t* indices, float* target) {
    const UnpooledRow cells(pooling, row, StoredCell{upstream}, indices);
    for (std::int64_t column = 0; column < pooling.width; ++column) {
        const auto cell = cells.cell(column);
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

}  // namespace kernelet::KERNELET_ISA
