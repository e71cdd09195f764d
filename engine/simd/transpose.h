// Transposition of square blocks of as many vectors as a vector has lanes.
#pragma once

#include <cstddef>
#include <utility>

#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

template <int... numbers, class Native>
KERNELET_INLINE Native shuffled(Native a, Native b) {
    return __builtin_shufflevector(a, b, numbers...);
}

// The first halves of a and b, or their second halves, lane by lane in turn.
template <bool second, class V, std::size_t... lane>
KERNELET_INLINE V interleave(V a, V b, std::index_sequence<lane...>) {
    constexpr int width = V::width;
    constexpr int start = second ? width / 2 : 0;
    return {shuffled<(start + int{lane} / 2 + (lane % 2 == 0 ? 0 : width))...>(a.v, b.v)};
}

// Eight rows of eight: pairs of numbers and then pairs of pairs change places within the halves of
// registers, and halves last. Instructions that cross halves are the slow ones.
template <class V>
KERNELET_INLINE void transpose_eight(V* rows) {
    V pairs[8];
    V fours[8];
    KERNELET_UNROLL
    for (int i = 0; i < 8; i += 2) {
        const auto a = rows[i].v;
        const auto b = rows[i + 1].v;
        pairs[i] = {shuffled<0, 8, 1, 9, 4, 12, 5, 13>(a, b)};
        pairs[i + 1] = {shuffled<2, 10, 3, 11, 6, 14, 7, 15>(a, b)};
    }
    KERNELET_UNROLL
    for (int i = 0; i < 8; ++i) {
        // Rows 0 and 2, 1 and 3, and so in the other four.
        const int from = i / 4 * 4 + i % 4 / 2;
        const auto a = pairs[from].v;
        const auto b = pairs[from + 2].v;
        fours[i] = i % 2 == 0 ? V{shuffled<0, 1, 8, 9, 4, 5, 12, 13>(a, b)}
                              : V{shuffled<2, 3, 10, 11, 6, 7, 14, 15>(a, b)};
    }
    KERNELET_UNROLL
    for (int i = 0; i < 4; ++i) {
        const auto a = fours[i].v;
        const auto b = fours[i + 4].v;
        rows[i] = {shuffled<0, 1, 2, 3, 8, 9, 10, 11>(a, b)};
        rows[i + 4] = {shuffled<4, 5, 6, 7, 12, 13, 14, 15>(a, b)};
    }
}

// Four rows of sixteen to one vector for each place within a quarter of a register: lane 4q + i of
// columns[k] is lane 4q + k of rows[i].
template <class V>
KERNELET_INLINE void transpose_quarters(const V* rows, V (&columns)[4]) {
    V pairs[4];
    KERNELET_UNROLL
    for (int i = 0; i < 2; ++i) {
        const auto a = rows[2 * i].v;
        const auto b = rows[2 * i + 1].v;
        pairs[i] = {shuffled<0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29>(a, b)};
        pairs[i + 2] = {shuffled<2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31>(a, b)};
    }
    KERNELET_UNROLL
    for (int i = 0; i < 4; i += 2) {
        const auto a = pairs[i].v;
        const auto b = pairs[i + 1].v;
        columns[i] = {shuffled<0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29>(a, b)};
        columns[i + 1] = {
            shuffled<2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31>(a, b)};
    }
}

// The even quarters of a and of b, or the odd ones.
template <bool odd, class V>
KERNELET_INLINE V every_other_quarter(V a, V b) {
    if constexpr (odd) {
        return {shuffled<4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31>(a.v, b.v)};
    } else {
        return {shuffled<0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27>(a.v, b.v)};
    }
}

// Sixteen rows of sixteen, likewise: numbers within quarters first, quarters last.
template <class V>
KERNELET_INLINE void transpose_sixteen(V* rows) {
    V quarters[4][4];
    KERNELET_UNROLL
    for (int i = 0; i < 4; ++i) transpose_quarters(rows + 4 * i, quarters[i]);
    KERNELET_UNROLL
    for (int k = 0; k < 4; ++k) {
        const V even = every_other_quarter<false>(quarters[0][k], quarters[1][k]);
        const V odd = every_other_quarter<true>(quarters[0][k], quarters[1][k]);
        const V later_even = every_other_quarter<false>(quarters[2][k], quarters[3][k]);
        const V later_odd = every_other_quarter<true>(quarters[2][k], quarters[3][k]);
        rows[k] = every_other_quarter<false>(even, later_even);
        rows[k + 4] = every_other_quarter<false>(odd, later_odd);
        rows[k + 8] = every_other_quarter<true>(even, later_even);
        rows[k + 12] = every_other_quarter<true>(odd, later_odd);
    }
}

// The columns of eight rows of sixteen, each in the first half of a vector; the other halves are
// arbitrary.
template <class V>
KERNELET_INLINE void columns_of_eight(const V* rows, V* columns) {
    V low[4];
    V high[4];
    transpose_quarters(rows, low);
    transpose_quarters(rows + 4, high);
    KERNELET_UNROLL
    for (int k = 0; k < 4; ++k) {
        const auto a = low[k].v;
        const auto b = high[k].v;
        columns[k] = {shuffled<0, 1, 2, 3, 16, 17, 18, 19, -1, -1, -1, -1, -1, -1, -1, -1>(a, b)};
        columns[k + 4] = {
            shuffled<4, 5, 6, 7, 20, 21, 22, 23, -1, -1, -1, -1, -1, -1, -1, -1>(a, b)};
        columns[k + 8] = {
            shuffled<8, 9, 10, 11, 24, 25, 26, 27, -1, -1, -1, -1, -1, -1, -1, -1>(a, b)};
        columns[k + 12] = {
            shuffled<12, 13, 14, 15, 28, 29, 30, 31, -1, -1, -1, -1, -1, -1, -1, -1>(a, b)};
    }
}

// Row i and row i + width/2 are interleaved to rows 2i and 2i + 1: the bits of (row, lane) rotate
// by one. After as many rounds as a lane's number has bits, row and lane have changed places.
template <class V>
KERNELET_INLINE void transpose(V* rows) {
    constexpr int width = V::width;
    if constexpr (width == 8) {
        transpose_eight(rows);
    } else if constexpr (width == 16) {
        transpose_sixteen(rows);
    } else if constexpr (width > 1) {
        constexpr std::make_index_sequence<static_cast<std::size_t>(width)> sequence;
        KERNELET_UNROLL
        for (int round = 1; round < width; round *= 2) {
            V next[width];
            KERNELET_UNROLL
            for (int i = 0; i < width / 2; ++i) {
                next[2 * i] = interleave<false>(rows[i], rows[i + width / 2], sequence);
                next[2 * i + 1] = interleave<true>(rows[i], rows[i + width / 2], sequence);
            }
            KERNELET_UNROLL
            for (int i = 0; i < width; ++i) {
                rows[i] = next[i];
            }
        }
    }
}

// The columns of a square block of which only the first eight rows, or all of fewer, count.
template <class V>
KERNELET_INLINE void columns_of_few(V* rows, V* columns) {
    if constexpr (V::width == 16) {
        columns_of_eight(rows, columns);
    } else {
        transpose(rows);
        KERNELET_UNROLL
        for (int k = 0; k < V::width; ++k) columns[k] = rows[k];
    }
}

}  // namespace kernelet::KERNELET_ISA
