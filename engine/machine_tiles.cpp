#include "machine_tiles.h"

#include "kernelet/cpu.h"

#if defined(__x86_64__) && defined(__linux__)

#define KERNELET_ISA machine
#include "simd/amx_tiles.h"

namespace kernelet {

bool has_tiles() { return processor().supports(Isa::amx); }

float multiply_tiles(std::int64_t turns) {
    alignas(64) float sums[tile_rows * tile_row_bytes / 4] = {};
    machine::Tiles tiles;
    tiles.load<0>(sums, tile_row_bytes);
    tiles.load<1>(sums, tile_row_bytes);
    tiles.load<2>(sums, tile_row_bytes);
    tiles.load<3>(sums, tile_row_bytes);
    tiles.load<4>(sums, tile_row_bytes);
    tiles.load<5>(sums, tile_row_bytes);
    tiles.load<6>(sums, tile_row_bytes);
    tiles.load<7>(sums, tile_row_bytes);
    for (std::int64_t turn = 0; turn < turns; ++turn) {
        tiles.multiply<0, 4, 6>();
        tiles.multiply<1, 4, 7>();
        tiles.multiply<2, 5, 6>();
        tiles.multiply<3, 5, 7>();
    }
    tiles.store<0>(sums, tile_row_bytes);
    return sums[0];
}

void load_tiles(const char* from, std::int64_t stride, std::int64_t step, std::int64_t count,
                std::int64_t turns) {
    machine::Tiles tiles;
    for (std::int64_t turn = 0; turn < turns; ++turn) {
        for (std::int64_t tile = 0; tile < count; tile += 4) {
            const char* at = from + tile * step;
            tiles.load<0>(at, stride);
            tiles.load<1>(at + step, stride);
            tiles.load<2>(at + 2 * step, stride);
            tiles.load<3>(at + 3 * step, stride);
        }
    }
}

}  // namespace kernelet

#else

namespace kernelet {

bool has_tiles() { return false; }
float multiply_tiles(std::int64_t) { return 0; }
void load_tiles(const char*, std::int64_t, std::int64_t, std::int64_t, std::int64_t) {}

}  // namespace kernelet

#endif
