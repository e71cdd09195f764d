// The input of a bfloat16 convolution as matrix tiles read it: rows of positions, zeros around the
// picture, in pairs of neighbouring elements. All products of a row of the filter are one run of
// pairs, so that tiles need no copies.
#pragma once

#include "kernels/bfloat16/paired_input.h"
#include "kernels/bfloat16/reduction.h"

namespace kernelet::KERNELET_ISA {

// A row lies as [group][position][channel]. Where a filter is dilated, positions that it meets
// together are neighbours. Where `rows_together`, the rows that the filter covers are copied once
// more, as [group][pair][row], so that all of its products are one run.
struct TileInputLayout : PaddedAxes {
    const ConvolutionBfloat16Arguments& a;
    std::int64_t channels;   // of a group
    std::int64_t positions;  // with those that fill up the last residue by the dilation
    std::int64_t pair;  // elements from a pair to the next: 1, or 2 where all runs begin evenly
    std::int64_t kept;  // rows that are kept for a row of output cells

    explicit TileInputLayout(const ConvolutionBfloat16Arguments& arguments)
        : PaddedAxes(arguments),
          a(arguments),
          channels(a.channels / a.groups),
          positions((width.extent + a.dilation_width - 1) / a.dilation_width * a.dilation_width),
          pair(channels % 2 == 0 || (a.dilation_width == 1 && a.stride_width % 2 == 0) ? 2 : 1),
          kept((a.kernel_depth - 1) * a.dilation_depth * height.extent +
               (a.kernel_height - 1) * a.dilation_height + 1) {}

    std::int64_t group_pairs() const { return (positions * channels + pair - 1) / pair; }
    std::int64_t row_size() const { return a.groups * group_pairs() * lanes; }
    // Rows, and then their copies; tiles read whole chunks behind the last run.
    std::int64_t rows_size() const { return kept * row_size(); }
    std::int64_t copies_size() const {
        return a.rows_together ? a.kernel_depth * a.kernel_height * row_size() : 0;
    }
    std::int64_t size() const { return rows_size() + copies_size() + 2 * chunk_pairs * lanes; }

    // From a pair of a run to the next.
    std::int64_t step() const { return a.rows_together ? lanes : 2 / pair * lanes; }
    // From a group to the next.
    std::int64_t group_size() const {
        return group_pairs() * lanes * (a.rows_together ? a.kernel_height : 1);
    }

    std::int64_t place(std::int64_t position) const {
        if (a.dilation_width == 1) return position;
        return position % a.dilation_width * (positions / a.dilation_width) +
               position / a.dilation_width;
    }
    // Where the copies of a pair lie: those that a run takes follow each other.
    std::int64_t copy_of(std::int64_t k) const {
        if (pair == 2) return k;
        return k % 2 * ((group_pairs() + 1) / 2) + k / 2;
    }
    // Where the run of an output cell begins in a group.
    std::int64_t cell_offset(std::int64_t cell) const {
        const std::int64_t element = place(cell * a.stride_width) * channels;
        const std::int64_t k = pair == 2 ? element / 2 : element;
        return (a.rows_together ? copy_of(k) * a.kernel_height : k) * lanes;
    }
};

// Writes the rows that output cells read, each when it is first read; it takes the place of one
// that no output cell reads any more.
class TileInput {
  public:
    // `cells` is memory for the input cells of a row's positions.
    TileInput(const TileInputLayout& layout, const InputRows& source, Pair* pairs,
              std::int32_t* cells)
        : layout_(layout), source_(source), pairs_(pairs), cells_(cells) {
        clear_pairs(pairs_, layout_.size());
        for (std::int64_t column = 0; column < layout_.positions; ++column) {
            const bool read = column < layout_.width.extent;
            cells_[layout_.place(column)] =
                static_cast<std::int32_t>(read ? layout_.width.cell(column) : -1);
        }
    }

    // Makes ready what a row of output cells reads.
    void require_for(std::int64_t plane, std::int64_t row) {
        const auto& a = layout_.a;
        const std::int64_t last = position(plane, row, a.kernel_depth * a.kernel_height - 1);
        for (; done_ <= last; ++done_) write_row(done_);
        if (!a.rows_together) return;
        for (std::int64_t tap = 0; tap < a.kernel_depth * a.kernel_height; ++tap) {
            copy_row(kept_row(position(plane, row, tap)), tap);
        }
    }

    // Whether the first row of a run lies in the picture; other runs are sums of zeros.
    bool meets_input(std::int64_t plane, std::int64_t row, std::int64_t run) const {
        return layout_.a.rows_together || in_picture(position(plane, row, run));
    }

    // The pairs of a run for a row of output cells.
    const Pair* pairs_of_run(std::int64_t plane, std::int64_t row, std::int64_t run) const {
        if (!layout_.a.rows_together) return kept_row(position(plane, row, run));
        return pairs_ + layout_.rows_size() + run * layout_.a.groups * layout_.group_size();
    }

  private:
    // Of the row that a row of taps reads, counted through all planes.
    std::int64_t position(std::int64_t plane, std::int64_t row, std::int64_t taps) const {
        const auto& a = layout_.a;
        return (plane * a.stride_depth + taps / a.kernel_height * a.dilation_depth) *
                   layout_.height.extent +
               row * a.stride_height + taps % a.kernel_height * a.dilation_height;
    }
    Pair* kept_row(std::int64_t position) const {
        return pairs_ + position % layout_.kept * layout_.row_size();
    }
    bool in_picture(std::int64_t position) const {
        return layout_.depth.cell(position / layout_.height.extent) >= 0 &&
               layout_.height.cell(position % layout_.height.extent) >= 0;
    }

    void write_row(std::int64_t position) const {
        const auto& a = layout_.a;
        Pair* target = kept_row(position);
        if (!in_picture(position)) {
            clear_pairs(target, layout_.row_size());
            return;
        }
        const std::int64_t plane = layout_.depth.cell(position / layout_.height.extent);
        const std::int64_t line = layout_.height.cell(position % layout_.height.extent);
        source_.visit(plane * a.height + line,
                      [&](const auto& cells) { write_groups(cells, target); });
    }

    template <class Row>
    void write_groups(const Row& row, Pair* target) const {
        for (std::int64_t g = 0; g < layout_.a.groups; ++g) {
            const std::int64_t first = g * layout_.channels * lanes;
            if (layout_.channels % 2 == 0) {
                write_even_channels(row, first, target);
            } else {
                for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                    write_channels(row, first + lane, target + lane);
                }
            }
            target += layout_.group_pairs() * lanes;
        }
    }

    // Channels whose numbers begin at `first` of each cell.
    template <class Row>
    void write_even_channels(const Row& row, std::int64_t first, Pair* target) const {
        const std::int64_t size = layout_.channels / 2 * lanes;
        for (std::int64_t k = 0; k < layout_.positions; ++k, target += size) {
            if (cells_[k] < 0) {
                clear_pairs(target, size);
                continue;
            }
            const auto cell = row.cell(cells_[k]);
            for (std::int64_t c = 0; c < layout_.channels; c += 2) {
                for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                    const std::int64_t at = first + c * lanes + lane;
                    pairs_of(cell.load(at), cell.load(at + lanes))
                        .store(target + c / 2 * lanes + lane);
                }
            }
        }
    }

    // Some lanes of each pair, which may belong to channels of two positions.
    template <class Row>
    void write_channels(const Row& row, std::int64_t first, Pair* target) const {
        Vector last = Vector::zero();
        std::int64_t ahead = 1;  // elements until one ends a pair
        const auto add = [&](Vector element) {
            if (ahead == 0) {
                pairs_of(last, element).store(target);
                target += lanes;
                ahead = layout_.pair;
            }
            last = element;
            --ahead;
        };
        for (std::int64_t k = 0; k < layout_.positions; ++k) {
            const bool outside = cells_[k] < 0;
            const auto cell = row.cell(outside ? 0 : cells_[k]);
            for (std::int64_t c = 0; c < layout_.channels; ++c) {
                add(outside ? Vector::zero() : cell.load(first + c * lanes));
            }
        }
        if (ahead == 0) add(Vector::zero());
    }

    // To the copies of all rows that a run takes; `taps` is a row of the filter's.
    void copy_row(const Pair* row, std::int64_t taps) const {
        const auto& a = layout_.a;
        Pair* target = pairs_ + layout_.rows_size() +
                       taps / a.kernel_height * a.groups * layout_.group_size() +
                       taps % a.kernel_height * lanes;
        for (std::int64_t g = 0; g < a.groups; ++g, target += layout_.group_size()) {
            for (std::int64_t k = 0; k < layout_.group_pairs(); ++k, row += lanes) {
                Pair* copy = target + layout_.copy_of(k) * a.kernel_height * lanes;
                for (std::int64_t lane = 0; lane < lanes; lane += IntVector::width) {
                    IntVector::load(row + lane).store(copy + lane);
                }
            }
        }
    }

    const TileInputLayout& layout_;
    InputRows source_;
    Pair* pairs_;
    std::int32_t* cells_;
    std::int64_t done_ = 0;
};

}  // namespace kernelet::KERNELET_ISA
