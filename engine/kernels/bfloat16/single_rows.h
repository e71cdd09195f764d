// The input of a convolution of single samples in bfloat16, as tiles read it: a row of a tile is 32
// numbers of one output cell, which begin at a line of the cache.
//
// Rows of the picture are rounded and stored between zeros, the channels of a cell filled up to
// whole lines with zeros. Neighbouring output cells are then rows of a tile, a stride apart, and a
// tap is a tile that begins elsewhere. Where channels are few, or rows short, cells are not filled
// up, and what all taps of an output cell read is gathered behind each other, cell after cell.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/bfloat16/reduction.h"
#include "kernels/single_pieces.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

using Bfloat16 = std::uint16_t;

inline constexpr std::int64_t line_numbers = 2 * chunk_pairs;
inline constexpr std::int64_t tile_cells_of_sample = 16;

inline std::int64_t whole_lines(std::int64_t numbers) {
    return (numbers + line_numbers - 1) / line_numbers * line_numbers;
}

// Rounds numbers, and writes zeros behind them up to a multiple of `lanes`.
KERNELET_INLINE void round_numbers(const float* source, std::int64_t count, Bfloat16* target) {
    for (std::int64_t k = 0; k < count; k += lanes) {
        Pair pairs[cell_pairs];
        if (k + lanes <= count) {
            store_neighbours(source + k, pairs);
        } else {
            alignas(64) float some[lanes];
            for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                const std::int64_t left = larger(0, smaller(Vector::width, count - k - lane));
                Vector::load_partial(source + k + lane, static_cast<int>(left)).store(some + lane);
            }
            store_neighbours(some, pairs);
        }
        __builtin_memcpy(target + k, pairs, sizeof pairs);
    }
}

// Writes zeros up to a multiple of `lanes`.
KERNELET_INLINE void clear_numbers(std::int64_t count, Bfloat16* target) {
    for (std::int64_t k = 0; k < count; k += lanes) {
        __builtin_memset(target + k, 0, lanes * sizeof(Bfloat16));
    }
}

// Sizes in numbers.
struct SingleRowsLayout {
    const SingleConvolutionBfloat16Arguments& a;
    std::int64_t channels;  // of a group
    std::int64_t cell;
    std::int64_t columns;
    std::int64_t row;
    std::int64_t plane;
    std::int64_t lines;  // what an output cell gathers

    explicit SingleRowsLayout(const SingleConvolutionBfloat16Arguments& arguments)
        : a(arguments),
          channels(a.channels / a.groups),
          cell(a.gathered ? channels : whole_lines(channels)),
          columns(extent_of(a.output_width, a.stride_width, a.kernel_width, a.dilation_width)),
          row(columns * cell),
          plane(extent_of(a.band, a.stride_height, a.kernel_height, a.dilation_height) * row),
          lines(whole_lines(a.kernel_depth * a.kernel_height * a.kernel_width * channels)) {}

    // Behind the last row lie what tiles read for cells that are none, or what is copied in whole
    // vectors.
    std::int64_t rows_size() const {
        const std::int64_t behind =
            a.gathered ? 2 * lanes : (tile_cells_of_sample * a.stride_width + 1) * cell;
        return whole_lines(a.kernel_depth * plane + behind);
    }
    std::int64_t gathered_size() const {
        if (!a.gathered) return 0;
        const std::int64_t tiles =
            (a.band * a.output_width + tile_cells_of_sample - 1) / tile_cells_of_sample;
        return tiles * tile_cells_of_sample * lines + line_numbers;
    }
    std::int64_t floats() const { return (rows_size() + gathered_size()) / 2; }
};

// The runs of numbers that an output cell gathers.
struct GatheredRuns {
    std::int64_t cells;  // of a row
    std::int64_t cell_stride;
    std::int64_t lines;
    std::int64_t planes;
    std::int64_t plane_stride;
    std::int64_t rows;
    std::int64_t row_stride;
    std::int64_t runs;
    std::int64_t run_stride;
    std::int64_t numbers;

    explicit GatheredRuns(const SingleRowsLayout& layout)
        : cells(layout.a.output_width),
          cell_stride(layout.a.stride_width * layout.cell),
          lines(layout.lines),
          planes(layout.a.kernel_depth),
          plane_stride(layout.plane),
          rows(layout.a.kernel_height),
          row_stride(layout.a.dilation_height * layout.row),
          runs(layout.a.dilation_width == 1 ? 1 : layout.a.kernel_width),
          run_stride(layout.a.dilation_width * layout.cell),
          numbers(layout.a.kernel_width / runs * layout.cell) {}

    // A row of output cells, in ascending order: runs are copied in whole vectors, V of them or as
    // many as they have, and what lies behind a run with them. All that the copies need is in
    // variables of their own, because the compiler takes copied bytes for anything.
    template <int V>
    void gather(const Bfloat16* first, Bfloat16* target) const {
        const GatheredRuns own = *this;
        for (std::int64_t cell = 0; cell < own.cells; ++cell, first += own.cell_stride) {
            Bfloat16* to = target + cell * own.lines;
            for (std::int64_t plane = 0; plane < own.planes; ++plane) {
                const Bfloat16* row = first + plane * own.plane_stride;
                for (std::int64_t r = 0; r < own.rows; ++r, row += own.row_stride) {
                    const Bfloat16* run = row;
                    for (std::int64_t k = 0; k < own.runs; ++k, run += own.run_stride) {
                        copy_run<V>(run, own.numbers, to);
                        to += own.numbers;
                    }
                }
            }
            __builtin_memset(to, 0, line_numbers * sizeof(Bfloat16));
        }
    }

  private:
    template <int V>
    KERNELET_INLINE static void copy_run(const Bfloat16* source, std::int64_t count,
                                         Bfloat16* target) {
        const std::int64_t end = V == 0 ? count : V * lanes;
        for (std::int64_t k = 0; k < end; k += lanes) {
            __builtin_memcpy(target + k, source + k, lanes * sizeof(Bfloat16));
        }
    }
};

// The rows that a band of output cells reads in one group of channels.
class SingleRows {
  public:
    SingleRows(const SingleRowsLayout& layout, const float* picture, Bfloat16* rows)
        : layout_(layout), a_(layout.a), picture_(picture), rows_(rows) {}

    void fill(const Band& band) const {
        const std::int64_t count = extent_of(band.end - band.begin, a_.stride_height,
                                             a_.kernel_height, a_.dilation_height);
        for (std::int64_t k = 0; k < a_.kernel_depth; ++k) {
            const std::int64_t plane =
                band.plane * a_.stride_depth - a_.pad_depth + k * a_.dilation_depth;
            const bool inside = plane >= 0 && plane < a_.depth;
            for (std::int64_t r = 0; r < count; ++r) {
                const std::int64_t row = band.begin * a_.stride_height - a_.pad_height + r;
                Bfloat16* target = rows_ + k * layout_.plane + r * layout_.row;
                if (inside && row >= 0 && row < a_.height) {
                    copy_row(picture_ + (plane * a_.height + row) * a_.width * a_.cell_floats,
                             target);
                } else {
                    clear_numbers(layout_.row, target);
                }
            }
        }
    }

    // What the taps of the output cells of a band read, behind each other.
    void gather(const Band& band, Bfloat16* target) const {
        const GatheredRuns runs(layout_);
        for (std::int64_t row = 0; row < band.end - band.begin; ++row) {
            const Bfloat16* source = rows_ + row * a_.stride_height * layout_.row;
            if (runs.numbers <= lanes) {
                runs.gather<1>(source, target);
            } else if (runs.numbers <= 2 * lanes) {
                runs.gather<2>(source, target);
            } else {
                runs.gather<0>(source, target);
            }
            target += a_.output_width * layout_.lines;
        }
    }

  private:
    // Numbers are written in ascending order, because what is written behind them is not theirs.
    void copy_row(const float* source, Bfloat16* target) const {
        const std::int64_t begin = smaller(a_.pad_width, layout_.columns);
        const std::int64_t cells = smaller(a_.width, layout_.columns - begin);
        clear_numbers(begin * layout_.cell, target);
        target += begin * layout_.cell;
        if (a_.cell_floats == layout_.channels && layout_.cell == layout_.channels) {
            round_numbers(source, cells * layout_.cell, target);
        } else {
            for (std::int64_t k = 0; k < cells; ++k) {
                copy_cell(source + k * a_.cell_floats, target + k * layout_.cell);
            }
        }
        clear_numbers((layout_.columns - begin - cells) * layout_.cell,
                      target + cells * layout_.cell);
    }

    void copy_cell(const float* source, Bfloat16* target) const {
        round_numbers(source, layout_.channels, target);
        const std::int64_t written = (layout_.channels + lanes - 1) / lanes * lanes;
        clear_numbers(layout_.cell - written, target + written);
    }

    const SingleRowsLayout& layout_;
    const SingleConvolutionBfloat16Arguments& a_;
    const float* picture_;  // the first channel of the group
    Bfloat16* rows_;
};

}  // namespace kernelet::KERNELET_ISA
