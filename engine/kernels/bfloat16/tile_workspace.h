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

// The channels that sums of a tile belong to: those of one cell after the other.
class TileChannels {
  public:
    static std::int64_t size(const ConvolutionBfloat16Arguments& a) {
        return a.cells > 1 ? 2 * a.filters : 0;
    }

    TileChannels(const ConvolutionBfloat16Arguments& a, const float* bias, const float* factors,
                 float* workspace)
        : a_(a), bias_(bias), factors_(factors) {
        if (a.cells > 1) {
            bias_ = repeated(a, bias, workspace);
            factors_ = repeated(a, factors, workspace + a.filters);
        }
    }

    Epilogue epilogue(std::int64_t first) const {
        return epilogue_of(bias_, first, a_.activation, a_.slope, factors_);
    }

  private:
    static const float* repeated(const ConvolutionBfloat16Arguments& a, const float* numbers,
                                 float* target) {
        if (numbers == nullptr) return nullptr;
        for (std::int64_t k = 0; k < a.filters; ++k) {
            target[k] = numbers[k % (a.filters / a.cells)];
        }
        return target;
    }

    const ConvolutionBfloat16Arguments& a_;
    const float* bias_;
    const float* factors_;
};

// One behind the other.
struct TileWorkspace {
    explicit TileWorkspace(const ConvolutionBfloat16Arguments& a)
        : layout(a),
          shape(run_shape(a)),
          products(layout.size()),
          channels(products + shape.chunks() * std::int64_t{sizeof(TileProduct) / sizeof(float)}),
          cells(channels + TileChannels::size(a)) {}

    std::int64_t size() const { return cells + layout.positions; }

    TileInputLayout layout;
    RunShape shape;
    std::int64_t products;
    std::int64_t channels;
    std::int64_t cells;
};

}  // namespace kernelet::KERNELET_ISA
