// Convolution in bfloat16 by matrix tiles: 16 filters × 16 samples of one cell a tile of sums.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/bfloat16/output_rows.h"
#include "kernels/bfloat16/reduction.h"
#include "kernels/convolution.h"

namespace kernelet::KERNELET_ISA {

inline constexpr std::int64_t tile_row_bytes = 64;
inline constexpr int weight_tiles = 4;  // tiles 4 and 5
inline constexpr int input_tiles = 6;   // tiles 6 and 7

// Rows of sixteen pairs for a tile: where they lie, or a copy where they do not lie evenly.
struct TileRows {
    const Pair* first;
    std::int64_t stride;  // in bytes
};

inline TileRows input_rows(const Reduction& reduction, std::int64_t chunk, const Pair* cell,
                           Pair* copy) {
    const Pair* offsets = reduction.offsets(chunk);
    const std::int64_t step = reduction.step();
    const std::int64_t count = reduction.count(chunk);
    if (offsets[count - 1] - offsets[0] == (count - 1) * step) {
        return {cell + offsets[0], step * std::int64_t{sizeof(Pair)}};
    }
    for (std::int64_t k = 0; k < count; ++k) {
        for (std::int64_t lane = 0; lane < lanes; lane += IntVector::width) {
            IntVector::load(cell + offsets[k] + lane).store(copy + k * lanes + lane);
        }
    }
    clear_pairs(copy + count * lanes, (chunk_pairs - count) * lanes);
    return {copy, tile_row_bytes};
}

// A row of output cells with all filters of one group.
struct TileRowOfCells {
    const ConvolutionBfloat16Arguments& a;
    const PairedInput& input;
    const Reduction& reduction;
    const Pair* first;    // first tap of the row's first cell, first channel of the group
    const Pair* weights;  // of the group
    const float* bias;    // of the group, or null
    const float* factors;
    float* output;  // first cell of the row, first filter of the group
    Tiles& tiles;

    void run() const {
        const std::int64_t filters = a.filters / a.groups;
        for (std::int64_t q = 0; q < filters; q += 2 * bfloat16_filters) {
            const bool both = filters - q > bfloat16_filters;
            std::int64_t cell = 0;
            for (; cell + 2 <= a.output_width; cell += 2) {
                both ? block<2, 2>(cell, q) : block<1, 2>(cell, q);
            }
            if (cell < a.output_width) {
                both ? block<2, 1>(cell, q) : block<1, 1>(cell, q);
            }
        }
    }

    // F blocks of filters from filter `q` on × C cells.
    template <int F, int C>
    void block(std::int64_t cell, std::int64_t q) const {
        alignas(64) Pair copies[2][chunk_pairs * lanes];
        const std::int64_t cell_stride = a.stride_width * input.cell_size();
        const Pair* cells = first + cell * cell_stride;
        const std::int64_t block_size = reduction.shape().block_size();
        const Pair* w = weights + q / bfloat16_filters * block_size;
        clear<F, C>();
        for (std::int64_t chunk = 0; chunk < reduction.chunks(); ++chunk, w += weight_chunk) {
            const TileRows x = input_rows(reduction, chunk, cells, copies[0]);
            tiles.template load<input_tiles>(x.first, x.stride);
            if constexpr (C == 2) {
                const TileRows next = input_rows(reduction, chunk, cells + cell_stride, copies[1]);
                tiles.template load<input_tiles + 1>(next.first, next.stride);
            }
            tiles.template load<weight_tiles>(w, tile_row_bytes);
            tiles.template multiply<0, weight_tiles, input_tiles>();
            if constexpr (C == 2) {
                tiles.template multiply<1, weight_tiles, input_tiles + 1>();
            }
            if constexpr (F == 2) {
                tiles.template load<weight_tiles + 1>(w + block_size, tile_row_bytes);
                tiles.template multiply<2, weight_tiles + 1, input_tiles>();
                if constexpr (C == 2) {
                    tiles.template multiply<3, weight_tiles + 1, input_tiles + 1>();
                }
            }
        }
        finish_tile<0>(cell, q);
        if constexpr (C == 2) finish_tile<1>(cell + 1, q);
        if constexpr (F == 2) finish_tile<2>(cell, q + bfloat16_filters);
        if constexpr (F == 2 && C == 2) finish_tile<3>(cell + 1, q + bfloat16_filters);
    }

    template <int F, int C>
    void clear() const {
        tiles.template zero<0>();
        if constexpr (C == 2) tiles.template zero<1>();
        if constexpr (F == 2) tiles.template zero<2>();
        if constexpr (F == 2 && C == 2) tiles.template zero<3>();
    }

    template <int tile>
    void finish_tile(std::int64_t cell, std::int64_t q) const {
        alignas(64) float sums[bfloat16_filters * lanes];
        tiles.template store<tile>(sums, tile_row_bytes);
        const std::int64_t count = smaller(bfloat16_filters, a.filters / a.groups - q);
        const Epilogue epilogue = epilogue_of(bias, q, a.activation, a.slope, factors);
        float* target = output + (cell * a.filters + q) * lanes;
        for (std::int64_t f = 0; f < count; ++f) {
            const Finish finish = Finish::of_channel(epilogue, f);
            for (std::int64_t lane = f * lanes; lane < (f + 1) * lanes; lane += Vector::width) {
                finish(Vector::load(sums + lane)).store(target + lane);
            }
        }
    }
};

// Operands: input, filters packed by `pack_filters_bfloat16`, bias or null, factors or null,
// what an activation saved or null, indices of a pooled input or null, output, its indices or null,
// workspace.
inline void convolution_by_tiles(const Call& call) {
    const auto& a = arguments<ConvolutionBfloat16Arguments>(call);
    auto* workspace = reinterpret_cast<Pair*>(call.operands[8]);
    const PairedInput input(a, workspace);
    const Reduction reduction(a, input, workspace + input.size() + pairs_behind);
    PairedRows ready(input, input_rows(call), pairs_behind);
    const OutputRows rows(call);
    const std::int64_t channels = a.channels / a.groups;
    const std::int64_t filters = a.filters / a.groups;
    Tiles tiles;
    for (std::int64_t row = 0; row < a.output_depth * a.output_height; ++row) {
        const std::int64_t plane = row / a.output_height;
        const std::int64_t line = row % a.output_height;
        ready.require_for(a, plane, line);
        float* output = rows.row(row);
        for (std::int64_t g = 0; g < a.groups; ++g) {
            TileRowOfCells{a,
                           input,
                           reduction,
                           input.pairs + plane * a.stride_depth * input.plane_size() +
                               line * a.stride_height * input.row_size() +
                               g * channels * input.element,
                           reinterpret_cast<const Pair*>(call.operands[1]) +
                               g * reduction.shape().size(filters),
                           call.operands[2] ? call.operands[2] + g * filters : nullptr,
                           call.operands[3] ? call.operands[3] + g * filters : nullptr,
                           output + g * filters * lanes,
                           tiles}
                .run();
        }
        rows.finish(row);
    }
}

}  // namespace kernelet::KERNELET_ISA
