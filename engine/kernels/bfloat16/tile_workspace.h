// What a bfloat16 convolution by matrix tiles keeps in its workspace: rows of the input, what a row
// of output cells multiplies, and the channels of its sums.
#pragma once

#include "kernels/bfloat16/tile_input.h"
#include "kernels/convolution.h"

namespace kernelet::KERNELET_ISA {

// What one product of tiles multiplies for the first cell of a row and the first block of filters.
struct TileProduct {
    const Pair* inputs;
    const Pair* weights;
};

// Tiles of sums of one row of output cells, [filter][sample]: those of several cells of the first
// block of filters, and then of the second.
struct TileSums {
    alignas(64) float tiles[4][bfloat16_filters * lanes];
};

// The channels that sums of a tile belong to: those of one cell after the other. All have a bias
// and a factor, those without one what changes nothing.
class TileChannels {
  public:
    static std::int64_t size(const ConvolutionBfloat16Arguments& a) { return 2 * a.filters; }

    TileChannels(const ConvolutionBfloat16Arguments& a, const float* bias, const float* factors,
                 float* workspace)
        : all_(epilogue_of(workspace, 0, a.activation, a.slope, workspace + a.filters)) {
        write(a, bias, Finish::no_bias, workspace);
        write(a, factors, Finish::no_factor, workspace + a.filters);
    }

    KERNELET_INLINE Epilogue epilogue(std::int64_t first) const {
        return {all_.bias + first, all_.activation, all_.slope, all_.factors + first};
    }

  private:
    static void write(const ConvolutionBfloat16Arguments& a, const float* numbers, float otherwise,
                      float* target) {
        const std::int64_t maps = a.filters / a.cells;
        for (std::int64_t k = 0; k < a.filters; ++k) {
            target[k] = numbers ? numbers[k % maps] : otherwise;
        }
    }

    Epilogue all_;
};

// Whose sums tiles hold: filters of a group from `q` on, of output cells from `cell` on.
struct TilePlace {
    const TileChannels& channels;
    std::int64_t group;
    std::int64_t cell;
    std::int64_t q;
};

// One behind the other.
struct TileWorkspace {
    explicit TileWorkspace(const ConvolutionBfloat16Arguments& a)
        : layout(a),
          shape(run_shape(a)),
          products(layout.size()),
          channels(products + 2 * layout.rows * shape.chunks() *
                                  std::int64_t{sizeof(TileProduct) / sizeof(float)}),
          cells(channels + TileChannels::size(a)) {}

    std::int64_t size() const { return cells + layout.positions; }

    TileInputLayout layout;
    RunShape shape;
    std::int64_t products;
    std::int64_t channels;
    std::int64_t cells;
};

}  // namespace kernelet::KERNELET_ISA
