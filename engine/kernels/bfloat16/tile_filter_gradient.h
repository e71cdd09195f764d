// The gradient by the filters in bfloat16 by matrix tiles: 16 of its rows, taps × channels, × 16
// filters a tile of sums; every chunk of products is two cells of all samples.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/bfloat16/filter_gradient.h"
#include "kernels/bfloat16/lane_pairs.h"
#include "kernels/bfloat16/tile_convolution.h"
#include "simd/transpose.h"

namespace kernelet::KERNELET_ISA {

inline constexpr std::int64_t tile_rows = 16;
inline constexpr std::int64_t tile_pairs = tile_rows * lanes;

inline void transpose_pairs(const Pair* source, Pair* target) {
    if constexpr (Vector::width == lanes) {
        Vector rows[lanes];
        for (std::int64_t k = 0; k < lanes; ++k) {
            rows[k] = from_bits(IntVector::load(source + k * lanes));
        }
        transpose(rows);
        for (std::int64_t k = 0; k < lanes; ++k) {
            bits_of(rows[k]).store(target + k * lanes);
        }
    } else {
        for (std::int64_t k = 0; k < tile_pairs; ++k) {
            target[k] = source[k % lanes * lanes + k / lanes];
        }
    }
}

// The upstream gradient as [group][block of filters][two cells][pair][filter], with zeros where
// there are no more cells or filters.
inline void write_filter_tiles(const ChannelPlanes& layout, const float* upstream, Pair* target) {
    const auto& a = layout.a;
    const std::int64_t filters = a.filters / a.groups;
    alignas(64) Pair rows[tile_pairs];
    for (std::int64_t g = 0; g < a.groups; ++g) {
        for (std::int64_t q = 0; q < filters; q += block_filters) {
            const std::int64_t count = smaller(block_filters, filters - q);
            clear_pairs(rows, tile_pairs);
            for (std::int64_t row = 0; row < a.output_depth * a.output_height; ++row) {
                const float* source =
                    upstream + (row * a.output_width * a.filters + g * filters + q) * lanes;
                for (std::int64_t cell = 0; cell < a.output_width; cell += 2) {
                    for (std::int64_t f = 0; f < count; ++f) {
                        const float* first = source + (cell * a.filters + f) * lanes;
                        const bool second = cell + 1 < a.output_width;
                        store_neighbours(first, rows + f * lanes);
                        store_neighbours(second ? first + a.filters * lanes : no_samples,
                                         rows + f * lanes + cell_pairs);
                    }
                    transpose_pairs(rows, target);
                    target += tile_pairs;
                }
            }
        }
    }
}

// Sixteen rows of the gradient: where their inputs begin, and whether these lie evenly.
struct GradientRows {
    const Pair* inputs[tile_rows];
    std::int64_t stride;  // in pairs; 0 where they have to be copied

    // Rows beyond the last one repeat it.
    GradientRows(const Pair* input, const Pair* offsets, std::int64_t rows)
        : stride(rows < tile_rows ? 0 : offsets[1] - offsets[0]) {
        for (std::int64_t k = 0; k < tile_rows; ++k) {
            inputs[k] = input + offsets[smaller(k, rows - 1)];
            if (k > 0 && inputs[k] - inputs[k - 1] != stride) {
                stride = 0;
            }
        }
    }

    TileRows at(std::int64_t position, Pair* copy) const {
        if (stride != 0) {
            return {inputs[0] + position, stride * std::int64_t{sizeof(Pair)}};
        }
        for (std::int64_t k = 0; k < tile_rows; ++k) {
            for (std::int64_t lane = 0; lane < lanes; lane += IntVector::width) {
                IntVector::load(inputs[k] + position + lane).store(copy + k * lanes + lane);
            }
        }
        return {copy, tile_row_bytes};
    }
};

struct GradientTiles {
    const ChannelPlanes& layout;
    const Pair* input;     // first channel of the group
    const Pair* offsets;   // of the gradient's rows
    const Pair* upstream;  // of the group
    float* gradient;       // first filter of the group
    Tiles& tiles;

    std::int64_t filters() const { return layout.a.filters / layout.a.groups; }
    std::int64_t block_size() const {
        return layout.a.output_depth * layout.a.output_height * layout.output_pairs * tile_pairs;
    }

    void run() const {
        const std::int64_t rows = layout.gradient_rows();
        for (std::int64_t q = 0; q < filters(); q += 2 * block_filters) {
            const bool both = filters() - q > block_filters;
            for (std::int64_t row = 0; row < rows; row += 2 * tile_rows) {
                if (rows - row > tile_rows) {
                    both ? block<2, 2>(row, q) : block<2, 1>(row, q);
                } else {
                    both ? block<1, 2>(row, q) : block<1, 1>(row, q);
                }
            }
        }
    }

    // R tiles of rows × F blocks of filters.
    template <int R, int F>
    void block(std::int64_t row, std::int64_t q) const {
        const auto& a = layout.a;
        const std::int64_t rows = layout.gradient_rows();
        alignas(64) Pair copies[2][tile_pairs];
        const GradientRows first(input, offsets + row, rows - row);
        const GradientRows second(input, offsets + row + (R - 1) * tile_rows,
                                  rows - row - (R - 1) * tile_rows);
        const Pair* y = upstream + q / block_filters * block_size();
        clear<R, F>();
        for (std::int64_t line = 0; line < a.output_depth * a.output_height; ++line) {
            std::int64_t position =
                layout.row_offset(line / a.output_height, line % a.output_height);
            for (std::int64_t k = 0; k < layout.output_pairs; ++k) {
                const TileRows x = first.at(position, copies[0]);
                tiles.template load<weight_tiles>(x.first, x.stride);
                tiles.template load<input_tiles>(y, tile_row_bytes);
                tiles.template multiply<0, weight_tiles, input_tiles>();
                if constexpr (F == 2) {
                    tiles.template load<input_tiles + 1>(y + block_size(), tile_row_bytes);
                    tiles.template multiply<1, weight_tiles, input_tiles + 1>();
                }
                if constexpr (R == 2) {
                    const TileRows next = second.at(position, copies[1]);
                    tiles.template load<weight_tiles + 1>(next.first, next.stride);
                    tiles.template multiply<2, weight_tiles + 1, input_tiles>();
                    if constexpr (F == 2) {
                        tiles.template multiply<3, weight_tiles + 1, input_tiles + 1>();
                    }
                }
                position += 2 * cell_pairs;
                y += tile_pairs;
            }
        }
        add_tile<0>(row, q);
        if constexpr (F == 2) add_tile<1>(row, q + block_filters);
        if constexpr (R == 2) add_tile<2>(row + tile_rows, q);
        if constexpr (R == 2 && F == 2) add_tile<3>(row + tile_rows, q + block_filters);
    }

    template <int R, int F>
    void clear() const {
        tiles.template zero<0>();
        if constexpr (F == 2) tiles.template zero<1>();
        if constexpr (R == 2) tiles.template zero<2>();
        if constexpr (R == 2 && F == 2) tiles.template zero<3>();
    }

    template <int tile>
    void add_tile(std::int64_t row, std::int64_t q) const {
        alignas(64) float sums[tile_rows * block_filters];
        tiles.template store<tile>(sums, tile_row_bytes);
        const std::int64_t rows = smaller(tile_rows, layout.gradient_rows() - row);
        const std::int64_t count = smaller(block_filters, filters() - q);
        for (std::int64_t r = 0; r < rows; ++r) {
            float* target = gradient + (row + r) * layout.a.filters + q;
            for (std::int64_t f = 0; f < count; ++f) {
                target[f] += sums[r * block_filters + f];
            }
        }
    }
};

// Operands: input, upstream gradient, partial sum of the gradient, workspace.
inline void filter_gradient_by_tiles(const Call& call) {
    const auto& a = arguments<ConvolutionArguments>(call);
    const ChannelPlanes layout(a);
    auto* input = reinterpret_cast<Pair*>(call.operands[3]);
    Pair* upstream = input + layout.size();
    Pair* offsets = upstream + layout.upstream_size();
    write_channels(layout, call.operands[0], input);
    write_filter_tiles(layout, call.operands[1], upstream);
    write_row_offsets(layout, offsets);
    if (call.first) {
        for (std::int64_t k = 0; k < layout.gradient_rows() * a.filters; ++k) {
            call.operands[2][k] = 0.0F;
        }
    }
    const std::int64_t filters = a.filters / a.groups;
    const std::int64_t blocks = (filters + block_filters - 1) / block_filters;
    Tiles tiles;
    for (std::int64_t g = 0; g < a.groups; ++g) {
        const std::int64_t block_size =
            a.output_depth * a.output_height * layout.output_pairs * tile_pairs;
        GradientTiles{layout,
                      input + g * (a.channels / a.groups) * layout.channel_size(),
                      offsets,
                      upstream + g * blocks * block_size,
                      call.operands[2] + g * filters,
                      tiles}
            .run();
    }
}

}  // namespace kernelet::KERNELET_ISA
