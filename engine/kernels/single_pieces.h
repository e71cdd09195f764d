// How threads share a convolution of a single sample: pieces are panels of filters of one row of
// output cells after the other, or rows of one panel after the other.
#pragma once

#include "kernels/tile.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

// Output rows [begin, end) of a plane, which are taken together.
struct Band {
    std::int64_t plane;
    std::int64_t begin;
    std::int64_t end;
};

struct PanelPieces {
    std::int64_t begin;  // pieces of a call
    std::int64_t end;
    std::int64_t band;  // the most rows that are taken together
    bool by_rows;
    std::int64_t planes;
    std::int64_t rows;    // of a plane
    std::int64_t panels;  // of a group
    std::int64_t groups;

    // Calls `function(band, group, panels)`; panels count from the first group's first one on.
    template <class Function>
    void for_bands(const Function& function) const {
        if (by_rows) {
            for_ranges(groups * panels,
                       [&](const Span& own, const Span& panel) { run_rows(own, panel, function); });
        } else {
            for_ranges(planes * rows,
                       [&](const Span& own, const Span& row) { run_rows(row, own, function); });
        }
    }

  private:
    // Calls `function(lines, parts)` for the pieces, which are `count` parts of one line after the
    // other: whole lines together, others each with the parts there are.
    template <class Function>
    void for_ranges(std::int64_t count, const Function& function) const {
        for (std::int64_t piece = begin; piece < end;) {
            const std::int64_t line = piece / count;
            const std::int64_t first = piece % count;
            const std::int64_t left = end - piece;
            const std::int64_t whole = first == 0 ? left / count : 0;
            const std::int64_t last = whole > 0 ? count : smaller(count, first + left);
            function(Span{line, line + larger(whole, 1)}, Span{first, last});
            piece += whole > 0 ? whole * count : last - first;
        }
    }

    template <class Function>
    void run_rows(const Span& all, const Span& panel, const Function& function) const {
        for (std::int64_t row = all.begin; row < all.end;) {
            const std::int64_t plane = row / rows;
            const std::int64_t left = smaller(all.end, (plane + 1) * rows) - row;
            const std::int64_t bands = (left + band - 1) / band;
            const std::int64_t count = (left + bands - 1) / bands;
            run_groups({plane, row % rows, row % rows + count}, panel, function);
            row += count;
        }
    }

    template <class Function>
    void run_groups(const Band& rows_together, const Span& all, const Function& function) const {
        for (std::int64_t panel = all.begin; panel < all.end;) {
            const std::int64_t group = panel / panels;
            const std::int64_t next = smaller(all.end, (group + 1) * panels);
            function(rows_together, group, Span{panel, next});
            panel = next;
        }
    }
};

}  // namespace kernelet::KERNELET_ISA
