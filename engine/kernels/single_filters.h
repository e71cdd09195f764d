// Filters in panels of `lanes` output channels, as `panel_tile` reads them.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/single_tile.h"
#include "kernels/tile.h"
#include "simd/transpose.h"

namespace kernelet::KERNELET_ISA {

// Copies rows [begin, end) of a panel from rows that are `stride` floats apart.
inline void copy_panel_rows(const float* source, std::int64_t stride, std::int64_t count,
                            std::int64_t begin, std::int64_t end, float* target) {
    for (std::int64_t row = begin; row < end; ++row) {
        for (std::int64_t o = 0; o < lanes; o += Vector::width) {
            const std::int64_t left = larger(0, smaller(count - o, Vector::width));
            Vector::load_partial(source + row * stride + o, static_cast<int>(left))
                .store(target + row * lanes + o);
        }
    }
}

// Rows [begin, end) of a panel, which are columns of `count` rows that are `stride` floats apart.
inline void transpose_panel_rows(const float* source, std::int64_t stride, std::int64_t count,
                                 std::int64_t begin, std::int64_t end, float* target) {
    for (std::int64_t row = begin; row < end; row += Vector::width) {
        const auto here = static_cast<int>(smaller(Vector::width, end - row));
        for (std::int64_t o = 0; o < lanes; o += Vector::width) {
            Vector block[Vector::width];
            for (int k = 0; k < Vector::width; ++k) {
                block[k] = o + k < count
                               ? Vector::load_partial(source + (o + k) * stride + row, here)
                               : Vector::zero();
            }
            transpose(block);
            for (int k = 0; k < here; ++k) block[k].store(target + (row + k) * lanes + o);
        }
    }
}

// Filters [tap][channel][filter] to [panel][tap][input][output], each group apart; the last panel
// of a group is filled up with zeros. Transposed, the filters' channels are the outputs. Threads
// share the packed floats.
inline void pack_filters_single(const Call& call) {
    const auto& a = arguments<PackFiltersArguments>(call);
    const std::int64_t inputs = a.transposed ? a.filters : a.channels;
    const std::int64_t outputs = a.transposed ? a.channels : a.filters;
    const std::int64_t total = a.filters * a.groups;
    const std::int64_t end =
        smaller(call.end / lanes, a.groups * panels_of(outputs) * a.taps * inputs);
    // Rows of `lanes` outputs, as many at a time as belong to one tap of one panel.
    for (std::int64_t row = call.begin / lanes; row < end;) {
        const std::int64_t tap = row / inputs % a.taps;
        const std::int64_t panel = row / (a.taps * inputs);
        const std::int64_t output = panel % panels_of(outputs) * lanes;
        const std::int64_t first = row % inputs;
        const std::int64_t last = smaller(inputs, first + end - row);
        const float* source = call.operands[0] + tap * a.channels * total +
                              panel / panels_of(outputs) * a.filters +
                              output * (a.transposed ? total : 1);
        float* target = call.operands[1] + (row - first) * lanes;
        const auto rows = a.transposed ? transpose_panel_rows : copy_panel_rows;
        rows(source, total, outputs - output, first, last, target);
        row += last - first;
    }
}

}  // namespace kernelet::KERNELET_ISA
