// Filters in panels of `lanes` output channels, as `panel_tile` reads them.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/copying.h"
#include "kernels/single_tile.h"
#include "kernels/tile.h"
#include "simd/transpose.h"

namespace kernelet::KERNELET_ISA {

// Copies rows of a panel, of `count` outputs or more, from rows that are `stride` floats apart.
inline void copy_panel_rows(const float* source, std::int64_t stride, std::int64_t count,
                            std::int64_t rows, float* target) {
    for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t o = 0; o < lanes; o += Vector::width) {
            const std::int64_t left = larger(0, smaller(count - o, Vector::width));
            Vector::load_partial(source + row * stride + o, static_cast<int>(left))
                .store(target + row * lanes + o);
        }
    }
}

// The same from columns of rows that are `stride` floats apart.
inline void transpose_panel_rows(const float* source, std::int64_t stride, std::int64_t count,
                                 std::int64_t rows, float* target) {
    for (std::int64_t row = 0; row < rows; row += Vector::width) {
        const auto here = static_cast<int>(smaller(Vector::width, rows - row));
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

// One tap of a panel of merged groups, of which `first` is the first one.
inline void merge_panel_rows(const PackFiltersSingleArguments& a, const float* tap,
                             std::int64_t first, float* target) {
    const std::int64_t inputs = a.transposed ? a.filters : a.channels;
    const std::int64_t outputs = a.transposed ? a.channels : a.filters;
    const std::int64_t total = a.filters * a.groups;
    clear_floats(inputs * lanes, target);
    for (std::int64_t group = 0; group < a.merged; ++group) {
        const float* source = tap + (first + group) * a.filters;
        for (std::int64_t i = 0; i < inputs; ++i) {
            for (std::int64_t o = 0; o < outputs; ++o) {
                target[i * lanes + group * outputs + o] =
                    a.transposed ? source[o * total + i] : source[i * total + o];
            }
        }
    }
}

// Filters [tap][channel][filter] to [panel][tap][input][output], each group apart; the last panel
// of a group is filled up with zeros. A panel of merged groups has the filters of all of them side
// by side, and inputs of each. Transposed, the filters' channels are the outputs. Pieces are taps
// of panels.
inline void pack_filters_single(const Call& call) {
    const auto& a = arguments<PackFiltersSingleArguments>(call);
    const std::int64_t inputs = a.transposed ? a.filters : a.channels;
    const std::int64_t outputs = a.transposed ? a.channels : a.filters;
    const std::int64_t total = a.filters * a.groups;
    const auto rows = a.transposed ? transpose_panel_rows : copy_panel_rows;
    for (std::int64_t piece = call.begin; piece < call.end; ++piece) {
        const std::int64_t tap = piece % a.taps;
        const std::int64_t panel = piece / a.taps;
        if (a.merged > 1) {
            merge_panel_rows(a, call.operands[0] + tap * a.channels * total, panel * a.merged,
                             call.operands[1] + piece * inputs * lanes);
            continue;
        }
        const std::int64_t output = panel % panels_of(outputs) * lanes;
        const float* source = call.operands[0] + tap * a.channels * total +
                              panel / panels_of(outputs) * a.filters +
                              output * (a.transposed ? total : 1);
        rows(source, total, outputs - output, inputs, call.operands[1] + piece * inputs * lanes);
    }
}

}  // namespace kernelet::KERNELET_ISA
