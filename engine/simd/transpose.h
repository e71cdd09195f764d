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

// Row i and row i + width/2 are interleaved to rows 2i and 2i + 1: the bits of (row, lane) rotate
// by one. After as many rounds as a lane's number has bits, row and lane have changed places.
template <class V>
KERNELET_INLINE void transpose(V* rows) {
    constexpr int width = V::width;
    if constexpr (width > 1) {
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
