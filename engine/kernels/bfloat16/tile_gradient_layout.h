// Operands of a bfloat16 gradient by the filters as matrix tiles read them. Products are summed
// over samples and cells, those of sixteen samples of two cells at once. The two lie half a row
// apart, so that the inputs of every tap begin at a whole cache line.
#pragma once

#include "kernels/bfloat16/filters_of_call.h"
#include "kernels/bfloat16/paired_input.h"
#include "simd/transpose.h"

namespace kernelet::KERNELET_ISA {

inline constexpr std::int64_t tile_rows = 16;
inline constexpr std::int64_t tile_pairs = tile_rows * lanes;
// Filters whose gradients are summed up in one tile.
inline constexpr std::int64_t tile_filters = 16;
// Products of tiles after which sums go to memory and other ones come: what all sums read in the
// meantime stays in the caches.
inline constexpr std::int64_t band_products = 32;

// The gradient's rows, taps × channels, are cut into runs whose inputs follow each other: the taps
// of a row of the filter, or single ones where they are dilated. Where `rows_together`, the rows of
// inputs that the filter covers are copied once more for each row of output cells of a band, as
// [group][position][row][channel], so that all taps are one run.
struct GradientTileLayout {
    const FilterGradientBfloat16Arguments& a;
    std::int64_t channels;   // of a group
    std::int64_t filters;    // of a group
    std::int64_t steps;      // pairs of output cells of a row: k and k + steps
    std::int64_t positions;  // of a row of inputs, each with the one that its second cell reads
    std::int64_t rows;       // of positions of a plane
    std::int64_t band;       // rows of output cells that are summed up before others
    std::int64_t kept_rows;  // rows of inputs that are kept for a band
    // Of runs, of their rows, and of the tiles of those: divisions take longer than a product.
    std::int64_t runs;
    std::int64_t columns;  // runs of a row of taps
    std::int64_t run_rows;
    std::int64_t run_tiles;
    bool shifts;  // taps of a row of the filter read whole tiles of inputs, a position apart

    explicit GradientTileLayout(const FilterGradientBfloat16Arguments& arguments)
        : a(arguments),
          channels(a.channels / a.groups),
          filters(a.filters / a.groups),
          steps((a.output_width + 1) / 2),
          positions(extent_of(steps, a.stride_width, a.kernel_width, a.dilation_width)),
          rows(extent_of(a.output_height, a.stride_height, a.kernel_height, a.dilation_height)),
          band(smaller(a.output_height, larger(1, band_products / steps))),
          kept_rows((a.kernel_depth - 1) * a.dilation_depth * rows + (band - 1) * a.stride_height +
                    (a.kernel_height - 1) * a.dilation_height + 1),
          runs(a.kernel_depth * a.kernel_height * a.kernel_width / run_taps()),
          columns(a.rows_together ? 1 : a.kernel_width / run_taps()),
          run_rows(run_taps() * channels),
          run_tiles((run_rows + tile_rows - 1) / tile_rows),
          shifts(!a.rows_together && a.dilation_width == 1 && a.stride_width == 1 &&
                 a.kernel_width > 1 && channels % tile_rows == 0) {}

    std::int64_t rows_of_run() const { return a.rows_together ? a.kernel_height : 1; }
    std::int64_t run_taps() const {
        return rows_of_run() * (a.dilation_width == 1 ? a.kernel_width : 1);
    }
    std::int64_t tiles() const { return runs * run_tiles; }
    std::int64_t filter_tiles() const { return (filters + tile_filters - 1) / tile_filters; }
    std::int64_t bands() const { return a.output_depth * ((a.output_height + band - 1) / band); }

    // In pairs: inputs of a group, [position][channel][two cells]; of all groups; of those kept,
    // and of their copies. Tiles read whole rows beyond the last one.
    std::int64_t group_size() const { return positions * channels * lanes; }
    std::int64_t row_size() const { return a.groups * group_size(); }
    std::int64_t rows_size() const { return kept_rows * row_size(); }
    std::int64_t copies_size() const {
        return a.rows_together ? band * a.kernel_depth * a.kernel_height * row_size() : 0;
    }
    std::int64_t input_size() const { return rows_size() + copies_size() + tile_pairs; }
    // From what a pair of output cells reads to what the next one does.
    std::int64_t step_size() const { return a.stride_width * channels * rows_of_run() * lanes; }

    // The gradient's row that row `row` of a run belongs to.
    std::int64_t gradient_row(std::int64_t run, std::int64_t row) const {
        if (!a.rows_together) return run * run_rows + row;
        const std::int64_t line = row / channels % a.kernel_height;
        const std::int64_t column = row / channels / a.kernel_height;
        return ((run * a.kernel_height + line) * a.kernel_width + column) * channels +
               row % channels;
    }

    // The upstream gradient of a band: [group][tile of filters][row][step][pair][filter].
    std::int64_t panel_size() const { return band * steps * tile_pairs; }
    std::int64_t upstream_size() const { return a.groups * filter_tiles() * panel_size(); }

    // Sums that wait for the next band: [group][tile of filters][tile of rows].
    std::int64_t sums_size() const {
        return bands() > 1 ? a.groups * filter_tiles() * tiles() * tile_pairs : 0;
    }
    std::int64_t size() const { return input_size() + upstream_size() + sums_size(); }
};

// What lies beyond a row.
struct NoCell {
    static constexpr bool is_rounded = true;

    KERNELET_INLINE Vector load(std::int64_t) const { return Vector::zero(); }
    KERNELET_INLINE IntVector pairs(std::int64_t) const { return IntVector::broadcast(0); }
};

// Pairs of the numbers that two cells have of a channel, and of the next one.
struct PairsOfCells {
    IntVector channel;
    IntVector next;
};

// From number `k` of each cell on.
template <class One, class Other>
KERNELET_INLINE IntVector pairs_of_channel(const One& one, const Other& other, std::int64_t k) {
    return pairs_of(one.load(k), other.load(k));
}

// Rounded numbers are taken apart together, where they begin with those of an even channel.
template <class One, class Other>
KERNELET_INLINE PairsOfCells pairs_of_cells(const One& one, const Other& other, std::int64_t k) {
    if constexpr (One::is_rounded && Other::is_rounded) {
        if ((k & lanes) == 0) {
            const IntVector high = IntVector::broadcast(-0x10000);
            const IntVector first = one.pairs(k);
            const IntVector second = other.pairs(k);
            return {shift_right_logical<16>(shift_left<16>(first)) | shift_left<16>(second),
                    shift_right_logical<16>(first) | (second & high)};
        }
    }
    return {pairs_of_channel(one, other, k), pairs_of_channel(one, other, k + lanes)};
}

// The channels of two cells, [channel][pair]; their numbers begin at `first` of each cell.
template <class One, class Other>
KERNELET_INLINE void write_two_cells(const One& one, const Other& other, std::int64_t first,
                                     std::int64_t channels, Pair* target) {
    for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
        for (std::int64_t c = 0; c + 1 < channels; c += 2) {
            const PairsOfCells pairs = pairs_of_cells(one, other, first + c * lanes + lane);
            pairs.channel.store(target + c * lanes + lane);
            pairs.next.store(target + (c + 1) * lanes + lane);
        }
        if (channels % 2 == 0) continue;
        const std::int64_t c = channels - 1;
        pairs_of_channel(one, other, first + c * lanes + lane).store(target + c * lanes + lane);
    }
}

// One row of inputs, of some groups; cells beside the picture are zeros.
template <class Row>
inline void write_gradient_inputs(const GradientTileLayout& layout, const Row& row,
                                  const Span& groups, Pair* target) {
    const auto& a = layout.a;
    target += groups.begin * layout.group_size();
    const std::int64_t apart = layout.steps * a.stride_width;
    const auto inside = [&](std::int64_t cell) { return cell >= 0 && cell < a.width; };
    for (std::int64_t g = groups.begin; g < groups.end; ++g) {
        const std::int64_t first = g * layout.channels * lanes;
        for (std::int64_t k = -a.pad_width; k < layout.positions - a.pad_width; ++k) {
            const bool one = inside(k);
            const bool other = inside(k + apart);
            const auto write = [&](const auto& a_cell, const auto& another) {
                write_two_cells(a_cell, another, first, layout.channels, target);
            };
            if (one && other) write(row.cell(k), row.cell(k + apart));
            if (one && !other) write(row.cell(k), NoCell{});
            if (!one && other) write(NoCell{}, row.cell(k + apart));
            if (!one && !other) write(NoCell{}, NoCell{});
            target += layout.channels * lanes;
        }
    }
}

// Samples of `count` filters of two cells, [filter][pair], as the tile [pair][filter], with zeros
// for others. Their numbers begin at `first` of each cell.
template <class One, class Other>
KERNELET_INLINE void write_transposed(const One& one, const Other& other, std::int64_t first,
                                      std::int64_t count, Pair* target) {
    if constexpr (Vector::width == lanes) {
        Vector rows[lanes];
        KERNELET_UNROLL
        for (int f = 0; f < lanes; f += 2) {
            rows[f] = rows[f + 1] = Vector::zero();
            if (f + 1 < count) {
                const PairsOfCells pairs = pairs_of_cells(one, other, first + f * lanes);
                rows[f] = from_bits(pairs.channel);
                rows[f + 1] = from_bits(pairs.next);
            } else if (f < count) {
                rows[f] = from_bits(pairs_of_channel(one, other, first + f * lanes));
            }
        }
        transpose(rows);
        KERNELET_UNROLL
        for (int k = 0; k < lanes; ++k) bits_of(rows[k]).store(target + k * lanes);
    } else {
        Pair rows[lanes * lanes] = {};
        write_two_cells(one, other, first, count, rows);
        for (std::int64_t k = 0; k < lanes; ++k) {
            for (std::int64_t f = 0; f < lanes; ++f) target[k * lanes + f] = rows[f * lanes + k];
        }
    }
}

// One row of output cells of a band, of the filters of a call.
template <class Row>
inline void write_gradient_upstream(const GradientTileLayout& layout, const Row& row,
                                    const FiltersOfCall& wanted, Pair* target) {
    static_assert(tile_filters == convolution_filter_gradient_bfloat16_piece);
    const auto& a = layout.a;
    const Span groups = wanted.groups();
    for (std::int64_t g = groups.begin; g < groups.end; ++g) {
        const Span tiles = wanted.pieces_of(g);
        for (std::int64_t q = tiles.begin; q < tiles.end; ++q) {
            const std::int64_t first = (g * layout.filters + q * tile_filters) * lanes;
            const std::int64_t count = smaller(tile_filters, layout.filters - q * tile_filters);
            Pair* panel = target + (g * layout.filter_tiles() + q) * layout.panel_size();
            for (std::int64_t k = 0; k < layout.steps; ++k) {
                Pair* tile = panel + k * tile_pairs;
                if (k + layout.steps < a.output_width) {
                    write_transposed(row.cell(k), row.cell(k + layout.steps), first, count, tile);
                } else {
                    write_transposed(row.cell(k), NoCell{}, first, count, tile);
                }
            }
        }
    }
}

}  // namespace kernelet::KERNELET_ISA
