// The scalar vocabulary with matrix tiles in plain C++, which define what amx.h does.
#pragma once

#include "simd/scalar.h"

#define KERNELET_HAS_TILES

namespace kernelet::KERNELET_ISA {

class Tiles {
  public:
    Tiles() = default;
    Tiles(const Tiles&) = delete;
    Tiles& operator=(const Tiles&) = delete;

    template <int tile>
    void zero() {
        for (auto& row : words_[tile]) {
            for (std::uint32_t& word : row) word = 0;
        }
    }

    template <int tile>
    void load(const void* rows, std::int64_t stride) {
        for (int row = 0; row < size; ++row) {
            __builtin_memcpy(words_[tile][row], static_cast<const char*>(rows) + row * stride,
                             sizeof words_[tile][row]);
        }
    }

    template <int tile>
    void store(void* rows, std::int64_t stride) {
        for (int row = 0; row < size; ++row) {
            __builtin_memcpy(static_cast<char*>(rows) + row * stride, words_[tile][row],
                             sizeof words_[tile][row]);
        }
    }

    template <int sums, int a, int b>
    void multiply() {
        for (int m = 0; m < size; ++m) {
            for (int k = 0; k < size; ++k) {
                const std::uint32_t left = words_[a][m][k];
                for (int n = 0; n < size; ++n) {
                    const std::uint32_t right = words_[b][k][n];
                    float sum = number(words_[sums][m][n]);
                    sum += number(left << 16) * number(right << 16);
                    sum += number(left & 0xFFFF0000U) * number(right & 0xFFFF0000U);
                    __builtin_memcpy(&words_[sums][m][n], &sum, sizeof sum);
                }
            }
        }
    }

  private:
    static constexpr int size = 16;

    static float number(std::uint32_t bits) {
        float result = 0.0F;
        __builtin_memcpy(&result, &bits, sizeof result);
        return result;
    }

    std::uint32_t words_[8][size][size] = {};
};

}  // namespace kernelet::KERNELET_ISA
