// What a convolution and its gradient by the input have in common: cells of one picture are written
// and read cells of the other, a few phases of cells an axis, in each of which all have the same
// taps.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/convolution.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

// Cell i of a phase is `cell` + i · `cell_step`; its tap number k, if inside, is tap
// `tap` + k · `tap_step` of the filters and reads cell `source` + i · `source_step` +
// k · `tap_distance`.
struct AxisPhase {
    std::int64_t cell;
    std::int64_t cell_step;
    std::int64_t cells;
    std::int64_t source;
    std::int64_t source_step;
    std::int64_t taps;
    std::int64_t tap;
    std::int64_t tap_step;
    std::int64_t tap_distance;

    // The part of the phase that lies in cells [begin, end).
    AxisPhase within(std::int64_t begin, std::int64_t end) const {
        const auto number = [&](std::int64_t limit) {
            return limit <= cell ? 0 : smaller(cells, (limit - cell + cell_step - 1) / cell_step);
        };
        AxisPhase part = *this;
        const std::int64_t first = number(begin);
        part.cell += first * cell_step;
        part.source += first * source_step;
        part.cells = number(end) - first;
        return part;
    }

    // Taps of cells `first` to `last` that read any cell of [0, length), and those in between.
    Span inside(std::int64_t first, std::int64_t last, std::int64_t length) const {
        const std::int64_t reach = (taps - 1) * tap_distance;
        if (source + first * source_step + smaller(reach, 0) >= 0 &&
            source + last * source_step + larger(reach, 0) < length) {
            return {0, taps};
        }
        Span all{taps, 0};
        for (std::int64_t i = first; i <= last; ++i) {
            const std::int64_t start = source + i * source_step;
            const auto outside = [&](std::int64_t k) {
                const std::int64_t position = start + k * tap_distance;
                return position < 0 || position >= length;
            };
            Span span{0, taps};
            while (span.begin < span.end && outside(span.begin)) ++span.begin;
            while (span.begin < span.end && outside(span.end - 1)) --span.end;
            if (span.begin == span.end) continue;
            all = {smaller(all.begin, span.begin), larger(all.end, span.end)};
        }
        return all;
    }
};

inline std::int64_t floor_division(std::int64_t a, std::int64_t b) {
    return a >= 0 ? a / b : -((b - 1 - a) / b);
}

// One axis of a convolution, or of its gradient by the input.
template <bool Backward>
struct SingleAxis {
    WindowAxis window;

    std::int64_t written() const { return Backward ? window.length : window.output; }
    std::int64_t read() const { return Backward ? window.output : window.length; }
    std::int64_t phases() const { return Backward ? smaller(window.stride, window.length) : 1; }

    AxisPhase phase(std::int64_t number) const {
        if constexpr (!Backward) {
            return {0, 1, window.output,  -window.pad, window.stride, window.kernel,
                    0, 1, window.dilation};
        }
        const std::int64_t cells = (window.length - number + window.stride - 1) / window.stride;
        for (std::int64_t tap = 0; tap < smaller(window.kernel, window.backward_step); ++tap) {
            const std::int64_t position = number + window.pad - tap * window.dilation;
            if (position % window.stride != 0) continue;
            return {number,
                    window.stride,
                    cells,
                    position / window.stride,
                    1,
                    (window.kernel - 1 - tap) / window.backward_step + 1,
                    tap,
                    window.backward_step,
                    -window.backward_distance};
        }
        return {number, window.stride, cells, 0, 1, 0, 0, 1, 1};
    }

    // The taps of one written cell that are inside.
    AxisTaps taps(std::int64_t cell) const {
        return Backward ? backward_taps(cell, window) : forward_taps(cell, window);
    }
    std::int64_t tap_step() const { return Backward ? window.backward_step : 1; }
    std::int64_t tap_distance() const {
        return Backward ? -window.backward_distance : window.dilation;
    }

    // Read cells that written cells [begin, end) reach, outside the picture too.
    Span reach(std::int64_t begin, std::int64_t end) const {
        const std::int64_t extent = (window.kernel - 1) * window.dilation;
        if constexpr (!Backward) {
            return {begin * window.stride - window.pad,
                    (end - 1) * window.stride - window.pad + extent + 1};
        }
        const std::int64_t first = begin + window.pad - extent;
        return {floor_division(first + window.stride - 1, window.stride),
                floor_division(end - 1 + window.pad, window.stride) + 1};
    }
    // The most read cells, from the first to the last, that so many written cells in a row reach.
    std::int64_t most_reached(std::int64_t cells) const {
        const std::int64_t extent = (window.kernel - 1) * window.dilation;
        return Backward ? (cells - 1 + extent) / window.stride + 1
                        : (cells - 1) * window.stride + extent + 1;
    }
    // Written cells that have all taps; those of a gradient only where its stride is 1.
    Span whole() const {
        const std::int64_t extent = (window.kernel - 1) * window.dilation;
        return Backward ? Span{extent - window.pad, window.output - window.pad} : interior(window);
    }
    bool stays_inside() const {
        const Span all = reach(0, written());
        return all.begin >= 0 && all.end <= read();
    }
};

}  // namespace kernelet::KERNELET_ISA
