// Blocks of matrix tiles: sums of one or two first operands × one or two second ones.
#pragma once

#include <cstdint>

#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

inline constexpr std::int64_t tile_row_bytes = 64;

// One or two tiles in memory, and the bytes from a row to the next.
struct TileOperands {
    const void* one;
    const void* other;
    std::int64_t stride = tile_row_bytes;
};

// I first operands × J second ones: sum (i, j) is tile i·J + j.
template <int I, int J>
struct TileBlock {
    // Calls function<tile>(i, j) for every sum.
    template <int tile = 0, class Function>
    KERNELET_INLINE static void for_sums(const Function& function) {
        if constexpr (tile < I * J) {
            function.template operator()<tile>(tile / J, tile % J);
            for_sums<tile + 1>(function);
        }
    }

    KERNELET_INLINE static void clear(Tiles& tiles) {
        for_sums([&]<int tile>(int, int) { tiles.template zero<tile>(); });
    }

    // Adds one product to every sum. Loads come as late as they may: products run meanwhile.
    KERNELET_INLINE static void multiply(Tiles& tiles, const TileOperands& first,
                                         const TileOperands& second) {
        static_assert(I <= 2 && J <= 2);
        constexpr int a = 4;  // tiles 4 and 5
        constexpr int b = 6;  // tiles 6 and 7
        tiles.template load<a>(first.one, first.stride);
        tiles.template load<b>(second.one, second.stride);
        tiles.template multiply<0, a, b>();
        if constexpr (I == 2) {
            tiles.template load<a + 1>(first.other, first.stride);
            tiles.template multiply<J, a + 1, b>();
        }
        if constexpr (J == 2) {
            tiles.template load<b + 1>(second.other, second.stride);
            tiles.template multiply<1, a, b + 1>();
            if constexpr (I == 2) tiles.template multiply<3, a + 1, b + 1>();
        }
    }
};

}  // namespace kernelet::KERNELET_ISA
