// The rows of cells that bfloat16 kernels read: of a value, perhaps stored rounded, or of the
// gradient by the input of a pooling, which is never stored as a whole.
#pragma once

#include "kernels/indexed_pooling.h"
#include "simd/pairs.h"

namespace kernelet::KERNELET_ISA {

// Thirty-two bits that hold two bfloat16 numbers; a vector of pairs has one for each lane.
using Pair = std::int32_t;

template <class Cell>
struct RowOfCells {
    Cell first;
    std::int64_t cell_floats;

    KERNELET_INLINE Cell cell(std::int64_t column) const {
        return first.moved(column * cell_floats);
    }
};

// Of a value that is stored rounded to bfloat16: pairs of neighbouring channels, an even number of
// them, lie as matrix tiles multiply them.
struct RoundedCell {
    static constexpr bool is_rounded = true;
    const Pair* numbers;

    // By a number of whole channels, an even one.
    RoundedCell moved(std::int64_t count) const { return {numbers + count / 2}; }
    KERNELET_INLINE Vector load(std::int64_t k) const {
        const bool even = (k & lanes) == 0;
        const IntVector both = pairs(even ? k : k - lanes);
        return from_bits(even ? shift_left<16>(both) : both & high_half());
    }
    // Of an even channel and the next one.
    KERNELET_INLINE IntVector pairs(std::int64_t k) const {
        const std::int64_t lane = k & (lanes - 1);
        return IntVector::load(numbers + ((k - lane) >> 1) + lane);
    }

  private:
    KERNELET_INLINE static IntVector high_half() { return IntVector::broadcast(-0x10000); }
};

// The gradient by the input of a pooling is never stored as a whole.
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
        rounded_ ? visit_row(row, RoundedCell{pairs(0)}, function)
                 : visit_row(row, StoredCell{numbers_}, function);
    }

    // The numbers of a row; valid until the next one is asked for.
    const float* row(std::int64_t row) const {
        if (!indices_ && !rounded_) return numbers_ + row * pooling_.row_floats();
        visit(row, [&](const auto& cells) {
            const std::int64_t floats = pooling_.cell_floats();
            for (std::int64_t column = 0; column < pooling_.width; ++column) {
                const auto cell = cells.cell(column);
                for (std::int64_t k = 0; k < floats; k += Vector::width) {
                    cell.load(k).store(scratch_ + column * floats + k);
                }
            }
        });
        return scratch_;
    }

    // The pairs of a row of a rounded value.
    const Pair* pairs(std::int64_t row) const {
        return reinterpret_cast<const Pair*>(numbers_) + row * (pooling_.row_floats() / 2);
    }

  private:
    template <class Cell, class Function>
    KERNELET_INLINE void visit_row(std::int64_t row, const Cell& all,
                                   const Function& function) const {
        if (indices_) {
            function(UnpooledRow(pooling_, row, all, indices_));
        } else {
            function(
                RowOfCells<Cell>{all.moved(row * pooling_.row_floats()), pooling_.cell_floats()});
        }
    }

    IndexedPooling pooling_;
    bool rounded_;
    const float* numbers_;
    const std::uint8_t* indices_;
    float* scratch_;
};

}  // namespace kernelet::KERNELET_ISA
