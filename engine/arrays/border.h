// What lies beyond the border of a signal.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernelet/correlation.h"

namespace kernelet {

inline std::int64_t positive_remainder(std::int64_t value, std::int64_t modulus) {
    const std::int64_t remainder = value % modulus;
    return remainder < 0 ? remainder + modulus : remainder;
}

// Position within an axis of `length` cells that cell `index` repeats; −1 where it is a fill value.
inline std::int64_t source_index(std::int64_t index, std::int64_t length, Boundary boundary) {
    if (index >= 0 && index < length) return index;
    if (boundary == Boundary::fill) return -1;
    if (boundary == Boundary::wrap) return positive_remainder(index, length);
    const std::int64_t position = positive_remainder(index, 2 * length);
    return position < length ? position : 2 * length - 1 - position;
}

// Copies `count` cells from cell `begin` of a continued row of `length` cells, run by run.
template <class T>
void copy_continued(const T* row, std::int64_t length, Boundary boundary, T fill,
                    std::int64_t begin, std::int64_t count, T* target) {
    for (std::int64_t run = 0; count > 0; begin += run, target += run, count -= run) {
        const std::int64_t source = source_index(begin, length, boundary);
        if (source < 0) {
            run = begin < 0 ? std::min(count, -begin) : count;
            std::fill_n(target, run, fill);
            continue;
        }
        const bool mirrored =
            boundary == Boundary::symm && positive_remainder(begin, 2 * length) >= length;
        run = std::min(count, mirrored ? source + 1 : length - source);
        if (mirrored) {
            std::reverse_copy(row + source - run + 1, row + source + 1, target);
        } else {
            std::copy_n(row + source, run, target);
        }
    }
}

}  // namespace kernelet
