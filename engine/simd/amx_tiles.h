// Matrix tiles of 16 rows of 64 bytes, by AMX (Intel 64 and IA-32 Architectures Software
// Developer's Manual, volume 1, chapter 18).
#pragma once

#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

// Eight tiles, theirs while it lives. Configuring them takes less than a thousandth of a kernel's
// time, and released tiles are not saved when threads take turns.
//
// The compiler knows nothing of tile registers and uses none itself. Every instruction that touches
// memory says so, which keeps them in order with the code around them: GCC's intrinsics do not, and
// GCC 12 leaves out stores to memory that only they read.
class Tiles {
  public:
    KERNELET_INLINE Tiles() {
        struct alignas(64) {
            std::uint8_t palette = 1;
            std::uint8_t start_row = 0;
            std::uint8_t reserved[14] = {};
            std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
            std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
        } const configuration;
        __asm__ volatile("ldtilecfg %0" ::"m"(configuration) : "memory");
    }
    KERNELET_INLINE ~Tiles() { __asm__ volatile("tilerelease" ::: "memory"); }
    Tiles(const Tiles&) = delete;
    Tiles& operator=(const Tiles&) = delete;

    template <int tile>
    KERNELET_INLINE void zero() {
        __asm__ volatile("tilezero %%tmm%c0" ::"i"(tile));
    }

    // Sixteen rows, `stride` bytes apart.
    template <int tile>
    KERNELET_INLINE void load(const void* rows, std::int64_t stride) {
        __asm__ volatile("tileloadd (%1,%2,1), %%tmm%c0" ::"i"(tile), "r"(rows), "r"(stride)
                         : "memory");
    }

    template <int tile>
    KERNELET_INLINE void store(void* rows, std::int64_t stride) {
        __asm__ volatile("tilestored %%tmm%c0, (%1,%2,1)" ::"i"(tile), "r"(rows), "r"(stride)
                         : "memory");
    }

    // sums[m][n] += Σ over pairs k of a[m][k] · b[k][n], both products of each pair.
    template <int sums, int a, int b>
    KERNELET_INLINE void multiply() {
        __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(sums), "i"(a), "i"(b));
    }
};

}  // namespace kernelet::KERNELET_ISA
