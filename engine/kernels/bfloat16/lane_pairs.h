// Operands of a bfloat16 gradient by the filters: samples that lie side by side make pairs, eight
// of them a cell, and the cells of one channel follow each other, so that a vector holds two cells.
#pragma once

#include "kernels/bfloat16/paired_input.h"

namespace kernelet::KERNELET_ISA {

// Distances of a multiple of 4 KiB would put all channels into the same few cache sets.
inline std::int64_t odd_lines(std::int64_t pairs) {
    return ((pairs + lanes - 1) / lanes | 1) * lanes;
}

// What both operands of a band take at most, to stay in the second-level cache while every few of
// their channels and filters meet.
inline constexpr std::int64_t band_bytes = 1 << 18;
// Fewer cells would be multiplied in less time than it takes to add up the lanes of the sums.
inline constexpr std::int64_t least_band_cells = 128;

// The input that a band of rows of output cells reads, channel by channel, with a border of zeros.
// Along the width, positions a stride apart are neighbours: every `stride`th from each of the first
// ones on, `phase` of them.
struct ChannelPlanes {
    const FilterGradientBfloat16Arguments& a;
    std::int64_t band;  // rows of output cells of each plane
    std::int64_t planes;
    std::int64_t rows;          // of each plane that a band reads
    std::int64_t output_pairs;  // of cells along a row of the output
    std::int64_t phase;

    explicit ChannelPlanes(const FilterGradientBfloat16Arguments& arguments)
        : a(arguments),
          band(band_of(a)),
          planes(extent_of(a.output_depth, a.stride_depth, a.kernel_depth, a.dilation_depth)),
          rows(extent_of(band, a.stride_height, a.kernel_height, a.dilation_height)),
          output_pairs((a.output_width + 1) / 2),
          phase(2 * output_pairs + (a.kernel_width - 1) * a.dilation_width / a.stride_width) {}

    std::int64_t row_size() const { return a.stride_width * phase * cell_pairs; }
    std::int64_t channel_size() const { return odd_lines(planes * rows * row_size()); }
    std::int64_t size() const { return a.channels * channel_size(); }
    std::int64_t upstream_row() const { return output_pairs * 2 * cell_pairs; }
    std::int64_t filter_size() const { return odd_lines(a.output_depth * band * upstream_row()); }

    std::int64_t upstream_size() const { return a.filters * filter_size(); }
    // Rows of a group's gradient: taps × channels.
    std::int64_t gradient_rows() const {
        return a.kernel_depth * a.kernel_height * a.kernel_width * (a.channels / a.groups);
    }

    // From the first position of a channel to what a tap adds to the first output cell.
    std::int64_t tap_offset(std::int64_t tap) const {
        const std::int64_t column = tap % a.kernel_width * a.dilation_width;
        const std::int64_t row = tap / a.kernel_width % a.kernel_height * a.dilation_height;
        const std::int64_t plane = tap / a.kernel_width / a.kernel_height * a.dilation_depth;
        return (plane * rows + row) * row_size() +
               (column % a.stride_width * phase + column / a.stride_width) * cell_pairs;
    }

    // From a row of output cells of a band to the positions of its first tap.
    std::int64_t row_offset(std::int64_t plane, std::int64_t row) const {
        return (plane * a.stride_depth * rows + row * a.stride_height) * row_size();
    }

  private:
    // Volumes are taken as a whole. A band of fewer rows than a filter would mostly read rows
    // again.
    static std::int64_t band_of(const FilterGradientBfloat16Arguments& a) {
        if (a.output_depth > 1 || a.kernel_depth > 1) return a.output_height;
        const std::int64_t row =
            (a.channels + a.filters) * a.output_width * cell_pairs * std::int64_t{sizeof(Pair)};
        const std::int64_t reach = (a.kernel_height - 1) * a.dilation_height;
        const std::int64_t least =
            larger((least_band_cells + a.output_width - 1) / a.output_width, 2 * reach);
        const std::int64_t fitting = band_bytes / row;
        if (fitting >= least) return smaller(fitting, a.output_height);
        return a.output_height <= 2 * least ? a.output_height : least;
    }
};

// So many channels of a cell are written before those of the next one: memory is read in runs, and
// the lines that are written, one a channel, stay in the nearest cache until they are full.
inline constexpr std::int64_t channels_written = 16;

// `count` channels of a cell, or zeros where it is null, `distance` pairs apart.
KERNELET_INLINE void write_cell(const float* cell, std::int64_t count, std::int64_t distance,
                                Pair* target) {
    for (std::int64_t c = 0; c < count; ++c, target += distance) {
        store_neighbours(cell ? cell + c * lanes : no_numbers, target);
    }
}

// Writes the columns of one row, of cells from some channel on; `row` is null for zeros.
inline void write_channel_row(const ChannelPlanes& layout, const float* row, std::int64_t count,
                              Pair* target) {
    const auto& a = layout.a;
    for (std::int64_t first = 0; first < a.stride_width; ++first) {
        for (std::int64_t k = 0; k < layout.phase; ++k, target += cell_pairs) {
            const std::int64_t cell = first + k * a.stride_width - a.pad_width;
            const bool inside = row && cell >= 0 && cell < a.width;
            write_cell(inside ? row + cell * a.channels * lanes : nullptr, count,
                       layout.channel_size(), target);
        }
    }
}

// The channels of some groups, for a band that begins with row `begin` of output cells.
inline void write_channels(const ChannelPlanes& layout, const InputRows& input, const Span& groups,
                           std::int64_t begin, Pair* target) {
    const auto& a = layout.a;
    const std::int64_t first = groups.begin * (a.channels / a.groups);
    const std::int64_t last = groups.end * (a.channels / a.groups);
    for (std::int64_t position = 0; position < layout.planes * layout.rows; ++position) {
        const std::int64_t plane = position / layout.rows - a.pad_depth;
        const std::int64_t row = begin * a.stride_height + position % layout.rows - a.pad_height;
        const bool inside = plane >= 0 && plane < a.depth && row >= 0 && row < a.height;
        const float* cells = inside ? input.row(plane * a.height + row) : nullptr;
        for (std::int64_t c = first; c < last; c += channels_written) {
            write_channel_row(layout, inside ? cells + c * lanes : nullptr,
                              smaller(channels_written, last - c),
                              target + c * layout.channel_size() + position * layout.row_size());
        }
    }
}

}  // namespace kernelet::KERNELET_ISA
