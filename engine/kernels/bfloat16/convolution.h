// Convolution of blocks of samples in bfloat16, with float32 sums; its gradient by the input is the
// same with rotated filters, and a dense product the same with a single cell.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/bfloat16/output_rows.h"
#include "kernels/bfloat16/reduction.h"
#include "kernels/convolution.h"

namespace kernelet::KERNELET_ISA {

// The axes of a convolution whose input cells may lie several positions apart.
inline ConvolutionWindow positions_of(const ConvolutionBfloat16Arguments& a) {
    ConvolutionWindow window(a);
    const auto spread_out = [](WindowAxis& axis, std::int64_t step) {
        axis.length = (axis.length - 1) * step + 1;
    };
    spread_out(window.depth, a.step_depth);
    spread_out(window.height, a.step_height);
    spread_out(window.width, a.step_width);
    window.inside = interior(window.width);
    return window;
}

// Adds the products of one run of pairs.
template <int P, int Q>
KERNELET_INLINE void accumulate_pairs(Vector (&sums)[P][Q], const Pair* x, std::int64_t cell_stride,
                                      std::int64_t step, std::int64_t run, const Pair* w) {
    for (std::int64_t k = 0; k < run; ++k, x += step, w += bfloat16_filters) {
        IntVector pairs[P];
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) {
            pairs[p] = IntVector::load(x + p * cell_stride);
        }
        KERNELET_UNROLL
        for (int q = 0; q < Q; ++q) {
            const IntVector weight = IntVector::broadcast(w[q]);
            KERNELET_UNROLL
            for (int p = 0; p < P; ++p) {
                sums[p][q] = add_products(pairs[p], weight, sums[p][q]);
            }
        }
    }
}

// What the tiles of neighbouring cells with the same taps share. The grid counts pairs: of its
// runs, of the distances between inputs, and of the weights of one filter.
struct PairedTaps {
    TapGrid grid;
    std::int64_t step;         // from a pair of a run to the next
    std::int64_t cell_stride;  // from a cell to the next
    std::int64_t output_stride;
    Epilogue epilogue;
};

// P cells × Q filters of sums in registers, for all lanes.
template <int P, int Q>
inline void paired_tile(const Pair* cells, const Pair* weights, float* output,
                        const PairedTaps& taps) {
    const TapGrid& grid = taps.grid;
    for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
        Vector sums[P][Q];
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) {
            KERNELET_UNROLL
            for (int q = 0; q < Q; ++q) {
                sums[p][q] = Vector::zero();
            }
        }
        for (std::int64_t plane = 0; plane < grid.planes; ++plane) {
            for (std::int64_t row = 0; row < grid.rows; ++row) {
                const Pair* x =
                    cells + lane + plane * grid.input_plane_stride + row * grid.input_row_stride;
                const Pair* w = weights + bfloat16_filters * (plane * grid.weight_plane_stride +
                                                              row * grid.weight_row_stride);
                for (std::int64_t column = 0; column < grid.columns; ++column) {
                    accumulate_pairs<P, Q>(sums, x, taps.cell_stride, taps.step, grid.run, w);
                    x += grid.input_column_stride;
                    w += bfloat16_filters * grid.weight_column_stride;
                }
            }
        }
        KERNELET_UNROLL
        for (int q = 0; q < Q; ++q) {
            const Finish finish = Finish::of_channel(taps.epilogue, q);
            KERNELET_UNROLL
            for (int p = 0; p < P; ++p) {
                finish(sums[p][q]).store(output + p * taps.output_stride + q * lanes + lane);
            }
        }
    }
}

// `count` output cells, Q filters.
template <int Q>
inline void paired_cells(std::int64_t count, const Pair* cells, const Pair* weights, float* output,
                         const PairedTaps& taps) {
    constexpr int several = tile_cells<Q>;
    std::int64_t cell = 0;
    for (; cell + several <= count; cell += several) {
        paired_tile<several, Q>(cells + cell * taps.cell_stride, weights,
                                output + cell * taps.output_stride, taps);
    }
    for (; cell < count; ++cell) {
        paired_tile<1, Q>(cells + cell * taps.cell_stride, weights,
                          output + cell * taps.output_stride, taps);
    }
}

using PairedCells = void (*)(std::int64_t, const Pair*, const Pair*, float*, const PairedTaps&);

inline constexpr PairedCells paired_cells_of[] = {
    nullptr,         paired_cells<1>, paired_cells<2>, paired_cells<3>, paired_cells<4>,
    paired_cells<5>, paired_cells<6>, paired_cells<7>, paired_cells<8>};
inline constexpr std::int64_t paired_filters = 8;

// A row of output cells with all filters of one group.
struct PairedRowOfCells {
    const ConvolutionBfloat16Arguments& a;
    const ConvolutionWindow& window;
    const PairedInput& input;
    const Pair* first;    // first channel of the group
    const Pair* weights;  // of the group
    const float* bias;    // of the group, or null
    const float* factors;
    float* output;  // first cell of the row, first filter of the group
    AxisTaps planes;
    AxisTaps rows;

    std::int64_t channels() const { return a.channels / a.groups; }

    // The grid of taps of cells whose columns of taps are clipped to `columns`. Where a clipped run
    // begins or ends within a pair, the other half of the pair meets the border's zeros.
    TapGrid grid(const AxisTaps& columns, std::int64_t first_pair) const {
        const std::int64_t slots = a.run_slots;
        const std::int64_t runs = a.kernel_width / a.run_taps;
        const bool together = a.run_taps > 1 || a.kernel_width == 1;
        const std::int64_t end = (columns.first + columns.count) * channels();
        return {planes.count,
                rows.count,
                together ? smaller(columns.count, 1) : columns.count,
                together ? (end + 1) / 2 - first_pair : (channels() + 1) / 2,
                a.dilation_depth * input.plane_size(),
                a.dilation_height * input.row_size(),
                a.dilation_width * input.cell_size(),
                a.kernel_height * runs * slots,
                runs * slots,
                slots};
    }

    // Output cells [begin, end), which have the same taps.
    void run(std::int64_t begin, std::int64_t end, const AxisTaps& columns) const {
        const bool together = a.run_taps > 1 || a.kernel_width == 1;
        const std::int64_t first_pair = together ? columns.first * channels() / 2 : 0;
        const std::int64_t first_column = together ? 0 : columns.first;
        const std::int64_t position = begin * a.stride_width * input.cell_size() +
                                      first_pair * 2 * input.element +
                                      first_column * a.dilation_width * input.cell_size() +
                                      (planes.source + a.pad_depth) * input.plane_size() +
                                      (rows.source + a.pad_height) * input.row_size();
        const std::int64_t slot = (planes.first * a.kernel_height + rows.first) *
                                      (a.kernel_width / a.run_taps) * a.run_slots +
                                  first_column * a.run_slots + first_pair;
        const TapGrid taps = grid(columns, first_pair);
        for (std::int64_t q = 0; q < a.filters / a.groups; q += paired_filters) {
            const Pair* block = weights + q / bfloat16_filters * run_shape(a).block_size() +
                                q % bfloat16_filters + slot * bfloat16_filters;
            paired_cells_of[smaller(paired_filters, a.filters / a.groups - q)](
                end - begin, first + position, block,
                output + begin * a.filters * lanes + q * lanes,
                {taps, 2 * input.element, a.stride_width * input.cell_size(), a.filters * lanes,
                 epilogue_of(bias, q, a.activation, a.slope, factors)});
        }
    }
};

// Whether cells at the ends of a row meet most of their taps inside the input. Then they take all
// of them, with the border's zeros, and go through the tile together with the others: one by one,
// cells take about twice as long.
inline bool takes_whole_rows(const WindowAxis& axis, const Span& inside) {
    std::int64_t ends = 0;
    std::int64_t taps = 0;
    for (std::int64_t cell = 0; cell < axis.output; ++cell) {
        if (cell < inside.begin || cell >= inside.end) {
            ++ends;
            taps += forward_taps(cell, axis).count;
        }
    }
    return 5 * taps >= 3 * ends * axis.kernel;
}

// Operands: input, filters packed by `pack_filters_bfloat16`, bias or null, factors or null,
// what an activation saved or null, indices of a pooled input or null, output, its indices or signs
// or null, workspace. Pieces are rows of output cells.
inline void convolution_in_registers(const Call& call) {
    const auto& a = arguments<ConvolutionBfloat16Arguments>(call);
    const ConvolutionWindow window = positions_of(a);
    const PairedInput input(a, reinterpret_cast<Pair*>(call.operands[8]));
    const RowsOfCall wanted(call);
    PairedRows ready(a, input, input_rows(call), wanted.begin);
    const OutputRows rows(call);
    const std::int64_t channels = a.channels / a.groups;
    const std::int64_t filters = a.filters / a.groups;
    const RunShape shape = run_shape(a);
    const bool whole = takes_whole_rows(window.width, window.inside);
    for (std::int64_t row = wanted.begin; row < wanted.end; ++row) {
        const std::int64_t plane = row / a.output_height;
        ready.require_for(a, plane, row % a.output_height);
        float* output = rows.row(row);
        for (std::int64_t g = 0; g < a.groups; ++g) {
            const PairedRowOfCells cells{
                a,
                window,
                input,
                input.pairs + g * channels * input.element,
                reinterpret_cast<const Pair*>(call.operands[1]) + g * shape.size(filters),
                call.operands[2] ? call.operands[2] + g * filters : nullptr,
                call.operands[3] ? call.operands[3] + g * filters : nullptr,
                output + g * filters * lanes,
                forward_taps(plane, window.depth),
                forward_taps(row % a.output_height, window.height)};
            if (whole) {
                cells.run(0, a.output_width, {0, a.kernel_width, -a.pad_width});
                continue;
            }
            for_cells_of_row(window, {0, a.output_width},
                             [&](std::int64_t begin, std::int64_t end, const AxisTaps& taps) {
                                 cells.run(begin, end, taps);
                             });
        }
        rows.finish(row);
    }
}

}  // namespace kernelet::KERNELET_ISA
