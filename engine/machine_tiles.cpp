#include "machine_tiles.h"

#include "kernelet/cpu.h"

#if defined(__x86_64__) && defined(__linux__)

#include <immintrin.h>

// Alone in this file, so that no other function is compiled for processors that have tiles.
#define KERNELET_TILES [[gnu::target("amx-tile,amx-bf16")]]

namespace kernelet {
namespace {

// The layout that LDTILECFG reads: palette 1, all tiles of 16 rows of 64 bytes.
struct alignas(64) TileConfiguration {
    std::uint8_t palette = 1;
    std::uint8_t start_row = 0;
    std::uint8_t reserved[14] = {};
    std::uint16_t row_bytes[16] = {};
    std::uint8_t rows[16] = {};

    TileConfiguration() {
        for (int tile = 0; tile < 8; ++tile) {
            row_bytes[tile] = static_cast<std::uint16_t>(tile_row_bytes);
            rows[tile] = static_cast<std::uint8_t>(tile_rows);
        }
    }
};

}  // namespace

bool has_tiles() { return processor().supports(Isa::amx); }

KERNELET_TILES float multiply_tiles(std::int64_t turns) {
    const TileConfiguration configuration;
    alignas(64) float sums[tile_rows * tile_row_bytes / 4] = {};
    _tile_loadconfig(&configuration);
    _tile_loadd(0, sums, tile_row_bytes);
    _tile_loadd(1, sums, tile_row_bytes);
    _tile_loadd(2, sums, tile_row_bytes);
    _tile_loadd(3, sums, tile_row_bytes);
    _tile_loadd(4, sums, tile_row_bytes);
    _tile_loadd(5, sums, tile_row_bytes);
    _tile_loadd(6, sums, tile_row_bytes);
    _tile_loadd(7, sums, tile_row_bytes);
    for (std::int64_t turn = 0; turn < turns; ++turn) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums, tile_row_bytes);
    _tile_release();
    return sums[0];
}

KERNELET_TILES void load_tiles(const char* from, std::int64_t stride, std::int64_t step,
                               std::int64_t count, std::int64_t turns) {
    const TileConfiguration configuration;
    _tile_loadconfig(&configuration);
    for (std::int64_t turn = 0; turn < turns; ++turn) {
        for (std::int64_t tile = 0; tile < count; tile += 4) {
            const char* at = from + tile * step;
            _tile_loadd(0, at, stride);
            _tile_loadd(1, at + step, stride);
            _tile_loadd(2, at + 2 * step, stride);
            _tile_loadd(3, at + 3 * step, stride);
        }
    }
    _tile_release();
}

}  // namespace kernelet

#else

namespace kernelet {

bool has_tiles() { return false; }
float multiply_tiles(std::int64_t) { return 0; }
void load_tiles(const char*, std::int64_t, std::int64_t, std::int64_t, std::int64_t) {}

}  // namespace kernelet

#endif
