// Maximum pooling of 2×2 cells straight from the sums of tiles: cells are never stored. Bias and
// activation follow the maximum, which they keep.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/bfloat16/tile_workspace.h"
#include "kernels/indexed_pooling.h"
#include "kernels/tile.h"

namespace kernelet::KERNELET_ISA {

// Sums of a window's cells, [row][column], each of one filter after the other.
struct WindowSums {
    const float* cells[pooled_side][pooled_side];
};

class TilePooling {
  public:
    // Two rows of cells are a row of windows.
    static constexpr int rows = pooled_side;

    // Whether a call pools in tiles: windows must fit them, and nothing else be done with the sums
    // than what keeps their order.
    static bool applies(const Call& call) {
        const auto& a = arguments<ConvolutionBfloat16Arguments>(call);
        const auto kind = static_cast<Activation>(a.activation);
        const bool ordered = kind == Activation::linear || kind == Activation::relu ||
                             (kind == Activation::leaky_relu && a.slope > 0);
        const bool factors = call.operands[3] != nullptr;
        return pools_in_tiles(a) && ordered && !factors &&
               static_cast<Activation>(a.derivative) == Activation::linear;
    }

    // Of a call of `convolution_bfloat16`.
    explicit TilePooling(const Call& call)
        : a_(arguments<ConvolutionBfloat16Arguments>(call)),
          maps_(a_.filters / a_.cells),
          filters_(maps_ / a_.groups),
          output_(call.operands[6]),
          indices_(reinterpret_cast<std::uint8_t*>(call.operands[7])) {}

    // Rows of windows of a plane, and output cells of a row that are in a window.
    std::int64_t lines() const { return a_.pooled_height; }
    std::int64_t cells() const { return (pooled_side * a_.pooled_width + a_.cells - 1) / a_.cells; }

    // To be called for each row of windows, counted through all planes: before its first tile, and
    // behind the last one.
    void begin(std::int64_t row) { first_ = row * a_.pooled_width * maps_ * lanes; }
    void finish(std::int64_t) const {}

    // Takes a tile of sums, of those of C cells of an even row or of the one below it; then the
    // maxima of a window are stored when its last tile is there.
    template <int C, int tile>
    KERNELET_INLINE void take(const TileSums (&sums)[rows], int row, const TilePlace& place) const {
        if (row == 0) return;
        const auto& above = sums[0].tiles;
        const auto& below = sums[1].tiles;
        if (a_.cells > 1) {
            several_cells(above[tile], below[tile], place.channels, (place.cell + tile) * a_.cells);
        } else if constexpr (tile % pooled_side == 1) {
            const std::int64_t first = place.q + tile / C * bfloat16_filters;
            const std::int64_t channel = place.group * filters_ + first;
            windows({{{above[tile - 1], above[tile]}, {below[tile - 1], below[tile]}}},
                    place.channels.epilogue(channel), place.cell / pooled_side, channel,
                    smaller(bfloat16_filters, filters_ - first));
        }
    }

  private:
    // The windows of one tile of each row, whose first sums are those of output cell `cell`.
    void several_cells(const float* above, const float* below, const TileChannels& channels,
                       std::int64_t cell) const {
        const std::int64_t next = maps_ * lanes;
        for (std::int64_t k = 0; k < a_.cells; k += pooled_side) {
            const std::int64_t window = (cell + k) / pooled_side;
            if (window >= a_.pooled_width) return;
            const float* upper = above + k * next;
            const float* lower = below + k * next;
            windows({{{upper, upper + next}, {lower, lower + next}}}, channels.epilogue(0), window,
                    0, maps_);
        }
    }

    // One window, `count` filters from `channel` on.
    KERNELET_INLINE void windows(const WindowSums& sums, const Epilogue& epilogue,
                                 std::int64_t window, std::int64_t channel,
                                 std::int64_t count) const {
        const std::int64_t first = first_ + (window * maps_ + channel) * lanes;
        std::uint8_t* indices = indices_ ? indices_ + first : nullptr;
        if (a_.rounded_output) {
            Pair* target = reinterpret_cast<Pair*>(output_) + first / 2;
            for (std::int64_t f = 0; f < count; f += 2, target += lanes) {
                for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                    const Vector even = maximum(sums, epilogue, f, lane, indices);
                    const Vector odd = maximum(sums, epilogue, f + 1, lane, indices);
                    pairs_of(even, odd).store(target + lane);
                }
            }
            return;
        }
        for (std::int64_t f = 0; f < count; ++f) {
            for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                maximum(sums, epilogue, f, lane, indices).store(output_ + first + f * lanes + lane);
            }
        }
    }

    // Of filter `f`, some lanes. Its index is stored as well: the first cell that is not less than
    // the maximum, and so the first of all where that is NaN.
    KERNELET_INLINE Vector maximum(const WindowSums& sums, const Epilogue& epilogue, std::int64_t f,
                                   std::int64_t lane, std::uint8_t* indices) const {
        const std::int64_t k = f * lanes + lane;
        const Finish finish = Finish::of_whole(epilogue, f);
        const Vector first = Vector::load(sums.cells[0][0] + k);
        const Vector second = Vector::load(sums.cells[0][1] + k);
        const Vector third = Vector::load(sums.cells[1][0] + k);
        const Vector fourth = Vector::load(sums.cells[1][1] + k);
        Vector highest = max(max(first, second), max(third, fourth));
        // One check in place of three. It also finds infinities of both signs, which do no harm.
        const bool strange = any(is_nan((first + second) + (third + fourth)));
        if (strange) {
            highest = max_or_nan(max_or_nan(first, second), max_or_nan(third, fourth));
        }
        const Vector result = finish(highest);
        if (!indices) return result;
        Vector index = Vector::broadcast(3.0F);
        index = select(less(third, highest), index, Vector::broadcast(2.0F));
        index = select(less(second, highest), index, Vector::broadcast(1.0F));
        index = select(less(first, highest), index, Vector::zero());
        if (a_.rectified) {
            const Vector found = strange ? select(is_nan(highest), finish(first), result) : result;
            const Vector none = Vector::broadcast(static_cast<float>(no_index));
            index = select(less_equal(found, Vector::zero()), none, index);
        }
        index.store_u8(indices + k);
        return result;
    }

    const ConvolutionBfloat16Arguments& a_;
    std::int64_t maps_;     // of a cell
    std::int64_t filters_;  // of a cell, of one group
    float* output_;
    std::uint8_t* indices_;
    std::int64_t first_ = 0;
};

}  // namespace kernelet::KERNELET_ISA
