// Loops that show how fast tiles (AMX) are multiplied and loaded.
#pragma once

#include <cstdint>

namespace kernelet {

// Whether the processor has tiles of bfloat16, the system lets this process use them, and this
// build has loops for them.
bool has_tiles();

// Rows, bytes of a row, and multiply-adds of a product of two tiles.
inline constexpr std::int64_t tile_rows = 16;
inline constexpr std::int64_t tile_row_bytes = 64;
inline constexpr std::int64_t tile_products = 16 * 16 * 32;

// Products of a turn: two tiles times two tiles, as kernels have them.
inline constexpr std::int64_t tiles_a_turn = 4;

// Each of these configures the tiles of the calling thread, and gives them back.
float multiply_tiles(std::int64_t turns);

// Loads tiles whose rows begin `stride` bytes apart, the tiles `step` bytes apart, `count` of them
// again and again.
void load_tiles(const char* from, std::int64_t stride, std::int64_t step, std::int64_t count,
                std::int64_t turns);

}  // namespace kernelet
