// Transposition of square blocks of as many vectors as a vector has lanes.
#pragma once

#include <cstddef>
#include <utility>

#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

// The first halves of a and b, or their second halves, lane by lane in turn.
template <bool second, class V, std::size_t... lane>
KERNELET_INLINE V interleave(V a, V b, std::index_sequence<lane...>) {
    constexpr int width = V::width;
    constexpr int start = second ? width / 2 : 0;
    return {__builtin_shufflevector(a.v, b.v,
                                    (start + int{lane} / 2 + (lane % 2 == 0 ? 0 : width))...)};
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
        pairs[i] = {__builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)};
        pairs[i + 1] = {__builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)};
    }
    KERNELET_UNROLL
    for (int i = 0; i < 8; ++i) {
        // Rows 0 and 2, 1 and 3, and so in the other four.
        const int from = i / 4 * 4 + i % 4 / 2;
        const auto a = pairs[from].v;
        const auto b = pairs[from + 2].v;
        fours[i] = i % 2 == 0 ? V{__builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)}
                              : V{__builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)};
    }
    KERNELET_UNROLL
    for (int i = 0; i < 4; ++i) {
        const auto a = fours[i].v;
        const auto b = fours[i + 4].v;
        rows[i] = {__builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11)};
        rows[i + 4] = {__builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15)};
    }
}

// Row i and row i + width/2 are interleaved to rows 2i and 2i + 1: the bits of (row, lane) rotate
// by one. After as many rounds as a lane's number has bits, row and lane have changed places.
template <class V>
KERNELET_INLINE void transpose(V* rows) {
    constexpr int width = V::width;
    if constexpr (width == 8) {
        transpose_eight(rows);
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

}  // namespace kernelet::KERNELET_ISA
