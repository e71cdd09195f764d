// How the direct method divides a problem: taps into panels, rows into tiles, columns into
// segments. Nothing here depends on the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernelet/array_kernels.h"
#include "kernelet/correlation.h"

namespace kernelet {

// A call of a kernel adds up at most about this many products, and panels are added to each other:
// the rounding error of a float32 sum then grows with the root of their number, not of the
// window's.
inline constexpr std::int64_t panel_taps = 1024;
inline constexpr std::int64_t panel_width = 128;
// Leaves at least the rows of a tile in every panel of a window divided evenly.
inline constexpr std::int64_t least_panel_height = 2 * max_sliding_rows;

// Vectors of a row that one task computes.
inline constexpr std::int64_t segment_vectors = 128;

// Rows of at most this many vectors are copied whole: that costs less than to compute a strip to
// the left, one to the right and the columns that fill no vector each on their own.
inline constexpr std::int64_t short_row_vectors = 16;

// Bytes that copied border columns may take, a thread.
inline constexpr std::int64_t strip_bytes = 64 << 10;

inline std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// A length in pieces of nearly equal length, none longer than `limit`.
struct Pieces {
    Pieces(std::int64_t whole, std::int64_t limit)
        : length(whole), count(divide_up(whole, std::max<std::int64_t>(1, limit))) {}

    // Most lengths are a single piece, and divisions would be half the work on a short row.
    std::int64_t begin(std::int64_t piece) const {
        return count == 1 ? length * piece : length * piece / count;
    }
    std::int64_t size(std::int64_t piece) const { return begin(piece + 1) - begin(piece); }
    std::int64_t largest() const { return divide_up(length, count); }

    std::int64_t length;
    std::int64_t count;
};

// Columns of the output. Those of a strip see the border, or are too few to be worth it, and are
// computed from copied columns; the others are computed in place.
struct Segment {
    std::int64_t begin;
    std::int64_t columns;
    bool strip;
};

// Strips to the left, whole vectors computed in place, strips to the right.
class Segments {
  public:
    // `strip_step` columns fit a strip; a vector holds `width`.
    Segments(const Correlation& p, std::int64_t width, std::int64_t strip_step)
        : width_(width), strip_step_(strip_step), end_(p.output.width), inside_(0, 1) {
        const std::int64_t inside_end =
            std::min(p.signal.width - p.window.width + 1 + p.before.width, end_);
        // A strip computes whole vectors anyway.
        const std::int64_t left =
            divide_up(std::max<std::int64_t>(p.before.width, 0), width) * width;
        if (end_ > short_row_vectors * width && inside_end >= left + width) {
            left_end_ = left;
            inside_ = Pieces((inside_end - left) / width, segment_vectors);
        }
        right_begin_ = left_end_ + inside_.length * width;
        left_count_ = divide_up(left_end_, strip_step);
        count_ = left_count_ + inside_.count + divide_up(end_ - right_begin_, strip_step);
    }

    std::int64_t count() const { return count_; }

    Segment operator[](std::int64_t index) const {
        if (index < left_count_) return strip(index * strip_step_, left_end_);
        index -= left_count_;
        if (index < inside_.count) {
            return {left_end_ + inside_.begin(index) * width_, inside_.size(index) * width_, false};
        }
        return strip(right_begin_ + (index - inside_.count) * strip_step_, end_);
    }

  private:
    Segment strip(std::int64_t begin, std::int64_t end) const {
        return {begin, std::min(strip_step_, end - begin), true};
    }

    std::int64_t width_;
    std::int64_t strip_step_;
    std::int64_t end_;
    Pieces inside_;  // in vectors
    std::int64_t left_end_ = 0;
    std::int64_t right_begin_;
    std::int64_t left_count_;
    std::int64_t count_;
};

struct DirectLayout {
    // `width` elements of `bytes` bytes make a vector.
    DirectLayout(const Correlation& p, std::int64_t width, std::int64_t bytes)
        : line(p.window.depth * p.window.height == 1),
          rows(
              std::min<std::int64_t>(max_sliding_rows, std::min(p.window.height, p.output.height))),
          tiles(divide_up(p.output.height, rows)),
          widths(p.window.width, line ? panel_taps : panel_width),
          heights(p.window.height, std::max(least_panel_height, panel_taps / widths.largest())),
          depths(p.window.depth, panel_taps / (widths.largest() * heights.largest())),
          panel_rows(depths.largest() * (heights.largest() + rows - 1)),
          strip_step(width *
                     std::clamp((strip_bytes / bytes / panel_rows - widths.largest() + 1) / width,
                                std::int64_t{1}, segment_vectors)),
          segments(p, width, strip_step),
          tasks(p.batch * p.output.depth * tiles * segments.count()) {}

    bool line;          // whether the window is a single row
    std::int64_t rows;  // of a tile, never more than the window has
    std::int64_t tiles;
    Pieces widths;  // of panels
    Pieces heights;
    Pieces depths;
    std::int64_t panel_rows;  // input rows that one panel of one tile reads
    std::int64_t strip_step;
    Segments segments;
    std::int64_t tasks;
};

}  // namespace kernelet
