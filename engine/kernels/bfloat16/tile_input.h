// The input of a bfloat16 convolution as matrix tiles read it: rows of positions, zeros around the
// picture, in pairs of neighbouring elements. All products of a row of the filter are one run of
// pairs, so that tiles need no copies.
#pragma once

#include "kernels/bfloat16/paired_input.h"
#include "kernels/bfloat16/reduction.h"

namespace kernelet::KERNELET_ISA {

inline constexpr std::int64_t pooled_side = 2;

// Whether all windows of a pooled output are whole and of 2×2 cells, none of them only partly in a
// tile: then tiles of two rows of cells are multiplied together.
inline bool pools_in_tiles(const ConvolutionBfloat16Arguments& a) {
    return a.pools && a.window_height == pooled_side && a.window_width == pooled_side &&
           pooled_side * a.pooled_height <= a.output_height &&
           pooled_side * a.pooled_width <= a.output_cells &&
           (a.cells == 1 || a.cells % pooled_side == 0);
}

// Whether a value that is stored rounded lies as tiles read it. Only what cells near the border
// read is copied then, with zeros beside it.
inline bool reads_in_place(const ConvolutionBfloat16Arguments& a) {
    return a.rounded_input && !a.unpools && a.groups == 1 && !a.rows_together &&
           a.dilation_width == 1 && a.step_width == 1;
}

// Output cells [begin, end) of a row that read the input in place; the others read copies.
struct CellsInPlace {
    std::int64_t begin;
    std::int64_t end;

    explicit CellsInPlace(const ConvolutionBfloat16Arguments& a) : begin(0), end(0) {
        if (!reads_in_place(a)) return;
        // Tiles read whole chunks behind the last run. Cells go two by two.
        const std::int64_t read = (2 * a.run_slots + a.channels - 1) / a.channels;
        const std::int64_t last = a.width + a.pad_width - read;
        begin = (a.pad_width + a.stride_width - 1) / a.stride_width;
        begin = smaller(begin + begin % 2, a.output_width);
        end = last < 0 ? 0 : smaller(last / a.stride_width + 1, a.output_width);
        end -= end % 2;
        if (end <= begin) begin = end = 0;
    }

    bool any() const { return end > begin; }
};

// A row lies as [group][position][channel]. Where a filter is dilated, positions that it meets
// together are neighbours. Where `rows_together`, the rows that the filter covers are copied once
// more, as [group][pair][row], so that all of its products are one run. Where most cells read the
// input in place, positions are those that the first cells of a row read, and then those that the
// last ones do.
struct TileInputLayout : PaddedAxes {
    const ConvolutionBfloat16Arguments& a;
    CellsInPlace in_place;
    std::int64_t channels;    // of a group
    std::int64_t rows;        // of output cells that are multiplied together
    std::int64_t first_part;  // positions that the first cells read, where others read in place
    std::int64_t positions;   // with those that fill up the last residue by the dilation
    std::int64_t pair;  // elements from a pair to the next: 1, or 2 where all runs begin evenly
    std::int64_t kept;  // rows that are kept for the rows of output cells

    explicit TileInputLayout(const ConvolutionBfloat16Arguments& arguments)
        : PaddedAxes(arguments),
          a(arguments),
          in_place(a),
          channels(a.channels / a.groups),
          rows(pools_in_tiles(a) ? pooled_side : 1),
          first_part(read_by(in_place.begin)),
          positions(in_place.any() ? first_part + read_by(a.output_width - in_place.end)
                                   : (width.extent + a.dilation_width - 1) / a.dilation_width *
                                         a.dilation_width),
          pair(channels % 2 == 0 || (a.dilation_width == 1 && a.stride_width % 2 == 0) ? 2 : 1),
          kept((a.kernel_depth - 1) * a.dilation_depth * height.extent +
               (a.kernel_height - 1) * a.dilation_height + (rows - 1) * a.stride_height + 1) {}

    std::int64_t group_pairs() const { return (positions * channels + pair - 1) / pair; }
    std::int64_t row_size() const { return a.groups * group_pairs() * lanes; }
    // Rows, and then their copies; tiles read whole chunks behind the last run.
    std::int64_t rows_size() const { return kept * row_size(); }
    std::int64_t copies_size() const {
        return a.rows_together ? rows * a.kernel_depth * a.kernel_height * row_size() : 0;
    }
    std::int64_t size() const { return rows_size() + copies_size() + 2 * chunk_pairs * lanes; }

    // From a pair of a run to the next.
    std::int64_t step() const { return a.rows_together ? lanes : 2 / pair * lanes; }
    // From a group to the next.
    std::int64_t group_size() const {
        return group_pairs() * lanes * (a.rows_together ? a.kernel_height : 1);
    }

    // From where the input of a cell behind those that read in place would lie in a row of
    // positions, to where it lies.
    std::int64_t last_part_offset() const {
        return (first_part - in_place.end * a.stride_width) * (channels / 2) * lanes;
    }
    // Positions that `cells` neighbouring output cells read.
    std::int64_t read_by(std::int64_t cells) const {
        return cells == 0 ? 0 : extent_of(cells, a.stride_width, a.kernel_width, a.dilation_width);
    }
    // The position, counted from the border, of a kept one.
    std::int64_t position_of(std::int64_t column) const {
        const bool last_part = in_place.any() && column >= first_part;
        return last_part ? in_place.end * a.stride_width + column - first_part : column;
    }

    std::int64_t place(std::int64_t position) const {
        if (a.dilation_width == 1) return position;
        return position % a.dilation_width * (positions / a.dilation_width) +
               position / a.dilation_width;
    }
    // Whether a copied row has the same place in the run of every output row that it is read by.
    bool keeps_places() const { return a.dilation_height == 1; }
    // The place of the first of the rows that a row of output cells reads together.
    std::int64_t filter_order(std::int64_t row) const {
        return a.rows_together && keeps_places() ? row * a.stride_height % a.kernel_height : 0;
    }
    // Where the copies of a pair lie: those that a run takes follow each other.
    std::int64_t copy_of(std::int64_t k) const {
        if (pair == 2) return k;
        return k % 2 * ((group_pairs() + 1) / 2) + k / 2;
    }
    // Where the run of an output cell begins in a group, for all cells that read the same memory.
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
            const std::int64_t position = layout_.position_of(column);
            const bool read = position < layout_.width.extent;
            cells_[layout_.place(column)] =
                static_cast<std::int32_t>(read ? layout_.width.cell(position) : -1);
        }
    }

    // To be called first, with the first row of output cells that will be asked for: leaves out
    // the rows before those that it reads.
    void begin_at(std::int64_t plane, std::int64_t row) {
        done_ = position(plane, row, 0);
        first_row_ = row;
    }

    // Makes ready what a row of output cells reads.
    void require_for(std::int64_t plane, std::int64_t row) {
        const auto& a = layout_.a;
        const std::int64_t last = position(plane, row, a.kernel_depth * a.kernel_height - 1);
        for (; done_ <= last; ++done_) write_row(done_);
        if (!a.rows_together) return;
        if (row < first_row_) first_row_ = 0;  // of the next plane
        copy_rows(plane, row);
    }

    // The pairs of a run for a row of output cells, of its cells that read kept rows or of those
    // that read in place; null where they are zeros alone.
    const Pair* pairs_of_run(std::int64_t plane, std::int64_t row, std::int64_t run,
                             bool in_place) const {
        if (layout_.a.rows_together) {
            return copies(row) + run * layout_.a.groups * layout_.group_size();
        }
        const std::int64_t place = position(plane, row, run);
        const std::int64_t source = source_row(place);
        if (source < 0) return nullptr;
        if (!in_place) return kept_row(place);
        return source_.pairs(source) - layout_.a.pad_width * (layout_.channels / 2) * lanes;
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
    // Of a position's row within the input, counted through all planes; −1 for one beside it.
    std::int64_t source_row(std::int64_t position) const {
        const std::int64_t plane = layout_.depth.cell(position / layout_.height.extent);
        const std::int64_t line = layout_.height.cell(position % layout_.height.extent);
        return plane < 0 || line < 0 ? -1 : plane * layout_.a.height + line;
    }

    void write_row(std::int64_t position) const {
        Pair* target = kept_row(position);
        const std::int64_t source = source_row(position);
        if (source < 0) {
            clear_pairs(target, layout_.row_size());
            return;
        }
        source_.visit(source, [&](const auto& cells) { write_groups(cells, target); });
    }

    // Those that are not yet there: where rows keep their places, the copies of the row of output
    // cells before this one in the same memory serve on.
    void copy_rows(std::int64_t plane, std::int64_t row) const {
        const auto& a = layout_.a;
        const std::int64_t moved = layout_.rows * a.stride_height;
        const bool first = row < first_row_ + layout_.rows || !layout_.keeps_places();
        const std::int64_t known = first ? 0 : larger(0, a.kernel_height - moved);
        for (std::int64_t depth = 0; depth < a.kernel_depth; ++depth) {
            for (std::int64_t tap = known; tap < a.kernel_height; ++tap) {
                const std::int64_t kept = position(plane, row, depth * a.kernel_height + tap);
                copy_row(kept_row(kept), copies(row), depth,
                         (layout_.filter_order(row) + tap) % a.kernel_height);
            }
        }
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
                    cell.pairs(first + c * lanes + lane).store(target + c / 2 * lanes + lane);
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

    // The copies for a row of output cells.
    Pair* copies(std::int64_t row) const {
        return pairs_ + layout_.rows_size() +
               row % layout_.rows * (layout_.copies_size() / layout_.rows);
    }

    // To a place among the copies of all rows that the run of a plane of the filter takes.
    void copy_row(const Pair* row, Pair* all, std::int64_t depth, std::int64_t place) const {
        const auto& a = layout_.a;
        Pair* target = all + depth * a.groups * layout_.group_size() + place * lanes;
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
    std::int64_t first_row_ = 0;  // that is asked for in this plane
};

}  // namespace kernelet::KERNELET_ISA
