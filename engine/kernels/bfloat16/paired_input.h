// The input of a bfloat16 convolution in the form its kernels multiply: pairs of neighbouring
// channels, with a border of zeros, so that every tap of every cell reads the same pattern.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/bfloat16/input_rows.h"
#include "kernels/tile.h"
#include "simd/pairs.h"

namespace kernelet::KERNELET_ISA {

// Neighbouring samples of a cell make that many pairs.
inline constexpr std::int64_t cell_pairs = lanes / 2;

// How one axis of the input is laid out: `extent` positions are read, and input cell i lies at
// position pad + i·step, where that is one of them.
struct PaddedAxis {
    std::int64_t length;
    std::int64_t pad;
    std::int64_t step;
    std::int64_t extent;

    // The input cell at a position, or −1.
    std::int64_t cell(std::int64_t position) const {
        const std::int64_t distance = position - pad;
        if (distance < 0 || distance % step != 0 || distance / step >= length) {
            return -1;
        }
        return distance / step;
    }
};

// How many positions an axis has that is read from, those at the border included.
inline std::int64_t extent_of(std::int64_t output, std::int64_t stride, std::int64_t kernel,
                              std::int64_t dilation) {
    return (output - 1) * stride + (kernel - 1) * dilation + 1;
}

struct PaddedAxes {
    PaddedAxis depth;
    PaddedAxis height;
    PaddedAxis width;

    explicit PaddedAxes(const ConvolutionBfloat16Arguments& a)
        : depth{a.depth, a.pad_depth, a.step_depth,
                extent_of(a.output_depth, a.stride_depth, a.kernel_depth, a.dilation_depth)},
          height{a.height, a.pad_height, a.step_height,
                 extent_of(a.output_height, a.stride_height, a.kernel_height, a.dilation_height)},
          width{a.width, a.pad_width, a.step_width,
                extent_of(a.output_width, a.stride_width, a.kernel_width, a.dilation_width)} {}
};

// Two layouts serve runs of consecutive channels from any cell on. Where every run begins at an
// even channel, pairs lie side by side; otherwise a pair begins at every channel, and a run takes
// every second pair.
struct PairedInput : PaddedAxes {
    std::int64_t channels;
    std::int64_t element;  // pairs from a channel to the next
    Pair* pairs;

    PairedInput(const ConvolutionBfloat16Arguments& a, Pair* workspace)
        : PaddedAxes(a),
          channels(a.channels),
          element(a.channels / a.groups % 2 == 0 ? lanes / 2 : lanes),
          pairs(workspace) {}

    std::int64_t cell_size() const { return channels * element; }
    std::int64_t row_size() const { return width.extent * cell_size(); }
    std::int64_t plane_size() const { return height.extent * row_size(); }
    std::int64_t size() const { return depth.extent * plane_size(); }
};

KERNELET_INLINE void store_pairs(const float* first, const float* second, Pair* target) {
    for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
        pairs_of(Vector::load(first + lane), Vector::load(second + lane)).store(target + lane);
    }
}

KERNELET_INLINE void clear_pairs(Pair* target, std::int64_t count) {
    for (std::int64_t k = 0; k < count; k += IntVector::width) {
        IntVector::broadcast(0).store(target + k);
    }
}

// One row of positions, written from one row of input cells.
class PairedRow {
  public:
    PairedRow(const PairedInput& input, const float* row) : input_(input), row_(row) {}

    void write(Pair* target) const {
        const std::int64_t size = input_.cell_size();
        const PaddedAxis& width = input_.width;
        std::int64_t column = 0;
        while (column < width.extent) {
            const std::int64_t cell = width.cell(column);
            const std::int64_t run = cell < 0 ? 1 : run_of(column, cell);
            write_cells(cell, run, target + column * size, column + run);
            column += run;
        }
    }

  private:
    // Positions from `column` on whose cells follow each other.
    std::int64_t run_of(std::int64_t column, std::int64_t cell) const {
        return input_.width.step > 1
                   ? 1
                   : smaller(input_.width.extent - column, input_.width.length - cell);
    }

    // `run` cells from `cell` on, or one position of zeros; then comes position `next`.
    void write_cells(std::int64_t cell, std::int64_t run, Pair* target, std::int64_t next) const {
        const bool apart = input_.element == lanes;
        const std::int64_t count = run * input_.channels;
        const float* source = row_ + cell * input_.channels * lanes;
        if (cell < 0) {
            clear_pairs(target, input_.cell_size());
        } else if (apart) {
            for (std::int64_t k = 0; k + 1 < count; ++k) {
                store_pairs(source + k * lanes, source + (k + 1) * lanes, target + k * lanes);
            }
        } else {
            for (std::int64_t k = 0; k < count; k += 2) {
                store_pairs(source + k * lanes, source + (k + 1) * lanes, target + k / 2 * lanes);
            }
        }
        if (apart) {
            const float* last = cell < 0 ? no_numbers : source + (count - 1) * lanes;
            store_pairs(last, first_of(next), target + (count - 1) * lanes);
        }
    }

    // The first channel at a position.
    const float* first_of(std::int64_t position) const {
        const std::int64_t cell = position < input_.width.extent ? input_.width.cell(position) : -1;
        return cell < 0 ? no_numbers : row_ + cell * input_.channels * lanes;
    }

    const PairedInput& input_;
    const float* row_;
};

// Writes the rows of a paired input in order, each when it is first read: what is multiplied next
// is still in the cache.
class PairedRows {
  public:
    // Rows before those that the first row of output cells reads, counted through all planes, are
    // left out.
    PairedRows(const ConvolutionBfloat16Arguments& a, const PairedInput& input,
               const InputRows& source, std::int64_t first)
        : input_(input),
          source_(source),
          done_(first / a.output_height * a.stride_depth * input.height.extent +
                first % a.output_height * a.stride_height) {}

    // Makes ready what a row of output cells reads.
    void require_for(const ConvolutionBfloat16Arguments& a, std::int64_t plane, std::int64_t row) {
        const std::int64_t last_plane =
            plane * a.stride_depth + (a.kernel_depth - 1) * a.dilation_depth;
        const std::int64_t last_row =
            row * a.stride_height + (a.kernel_height - 1) * a.dilation_height;
        require(last_plane * input_.height.extent + last_row + 1);
    }

  private:
    // Makes the first `rows` rows of all planes together ready.
    void require(std::int64_t rows) {
        for (; done_ < rows; ++done_) {
            const std::int64_t plane = input_.depth.cell(done_ / input_.height.extent);
            const std::int64_t row = input_.height.cell(done_ % input_.height.extent);
            Pair* target = input_.pairs + done_ * input_.row_size();
            if (plane < 0 || row < 0) {
                clear_pairs(target, input_.row_size());
                continue;
            }
            PairedRow(input_, source_.row(plane * input_.height.length + row)).write(target);
        }
    }

    const PairedInput& input_;
    InputRows source_;
    std::int64_t done_;
};

}  // namespace kernelet::KERNELET_ISA
