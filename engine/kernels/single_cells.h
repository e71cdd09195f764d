// Convolution of single samples by few filters, and its gradient by the input for few channels: a
// vector holds neighbouring output cells of a row.
//
// Six filters would fill six lanes of sixteen. Here each filter has vectors of its own. Their
// inputs are loads next to each other from rows that lie channel by channel between zeros
// (`single_planar_rows.h`), so that taps beside the picture need no care; what such a tap adds, a
// weight times zero, leaves every sum as it is. Products are added in the order in which
// `convolution` adds them, so both give the same bits.
#pragma once

#include <array>
#include <utility>

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/convolution.h"
#include "kernels/single_axes.h"
#include "kernels/single_convolution.h"
#include "kernels/single_planar_rows.h"
#include "kernels/single_tile.h"
#include "kernels/tile.h"
#include "kernels/window.h"
#include "simd/transpose.h"

namespace kernelet::KERNELET_ISA {

// Most filters of a group; plan/candidates_cells.py says the same.
inline constexpr int most_cell_filters = 8;

// Taps along one axis that follow each other at one distance: the cell that the first reads, and
// its place among the filters.
struct TapSteps {
    std::int64_t count;
    std::int64_t source;
    std::int64_t distance;
    std::int64_t weights;  // in floats, from tap 0 on
    std::int64_t weight_step;
};

// What the cells of a row that have the same taps are summed from.
struct CellTaps {
    const PlanarRowSizes& sizes;
    const PlanarRowRing& ring;
    TapSteps planes;   // by their number in the ring
    TapSteps rows;
    TapSteps columns;  // by positions behind the first zero
    const float* weights;
    std::int64_t channel_weights;  // floats from one channel's filters to the next one's
    Epilogue epilogue;
};

template <int F, int P>
KERNELET_INLINE void accumulate_cells(Vector (&sums)[F][P], const CellTaps& taps,
                                      std::int64_t cell) {
    const auto& [sizes, ring, planes, rows, columns, weights, channel_weights, epilogue] = taps;
    for (std::int64_t plane = 0; plane < planes.count; ++plane) {
        for (std::int64_t row = 0; row < rows.count; ++row) {
            const float* source = ring.row(plane, rows.source + row * rows.distance) + cell;
            const float* of_row = weights + planes.weights + plane * planes.weight_step +
                                  rows.weights + row * rows.weight_step + columns.weights;
            for (std::int64_t column = 0; column < columns.count; ++column) {
                const float* w = of_row + column * columns.weight_step;
                const float* x = source + sizes.place(columns.source + column * columns.distance);
                for (std::int64_t c = 0; c < sizes.channels; ++c, w += channel_weights) {
                    Vector cells[P];
                    KERNELET_UNROLL
                    for (int p = 0; p < P; ++p) {
                        cells[p] =
                            Vector::load(x + c * sizes.channel_floats() + p * Vector::width);
                    }
                    KERNELET_UNROLL
                    for (int f = 0; f < F; ++f) {
                        const Vector weight = Vector::broadcast_from(w + f);
                        KERNELET_UNROLL
                        for (int p = 0; p < P; ++p) {
                            sums[f][p] = fma(cells[p], weight, sums[f][p]);
                        }
                    }
                }
            }
        }
    }
}

// Writes `count` cells, each the numbers of all filters side by side.
template <int F>
KERNELET_INLINE void store_cells(const Vector (&values)[F], std::int64_t count, float* output,
                                 std::int64_t cell_floats) {
    if (cell_floats == 1) {
        store_some(values[0], output, static_cast<int>(count));
        return;
    }
    for (int first = 0; first < F; first += Vector::width) {
        Vector block[Vector::width];
        KERNELET_UNROLL
        for (int k = 0; k < Vector::width; ++k) {
            block[k] = first + k < F ? values[first + k] : Vector::zero();
        }
        transpose(block);
        KERNELET_UNROLL
        for (int cell = 0; cell < Vector::width; ++cell) {
            if (cell < count) {
                block[cell].store_partial(output + cell * cell_floats + first, F - first);
            }
        }
    }
}

// Cells of a row in memory, some floats apart.
struct CellRow {
    float* first;
    std::int64_t cells;
    std::int64_t floats;
};

// P vectors of neighbouring output cells from `cell` on, as far as the row goes.
template <int F, int P>
inline void cells_tile(const CellTaps& taps, std::int64_t cell, const CellRow& output) {
    Vector sums[F][P];
    KERNELET_UNROLL
    for (int f = 0; f < F; ++f) {
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) {
            sums[f][p] = Vector::zero();
        }
    }
    accumulate_cells<F, P>(sums, taps, cell);
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) {
        Vector values[F];
        KERNELET_UNROLL
        for (int f = 0; f < F; ++f) {
            values[f] = Finish::of_channel(taps.epilogue, f)(sums[f][p]);
        }
        const std::int64_t first = cell + p * Vector::width;
        store_cells<F>(values, larger(0, smaller(output.cells - first, Vector::width)),
                       output.first + first * output.floats, output.floats);
    }
}

template <int F>
inline void cells_row(const CellTaps& taps, const CellRow& output) {
    // Sums, inputs and a weight fit the registers.
    constexpr int most = F <= 3 ? 4 : F <= 6 || Vector::registers >= 32 ? 2 : 1;
    std::int64_t cell = 0;
    while (cell < output.cells) {
        const std::int64_t left = output.cells - cell;
        if (most == 4 && left > 3 * Vector::width) {
            cells_tile<F, most>(taps, cell, output);
            cell += most * Vector::width;
        } else if (most >= 2 && left > Vector::width) {
            cells_tile < F, most<2 ? 1 : 2>(taps, cell, output);
            cell += 2 * Vector::width;
        } else {
            cells_tile<F, 1>(taps, cell, output);
            cell += Vector::width;
        }
    }
}

using CellsRow = void (*)(const CellTaps&, const CellRow&);

template <int... F>
constexpr std::array<CellsRow, sizeof...(F)> cells_rows(std::integer_sequence<int, F...>) {
    return {cells_row<F + 1>...};
}

inline CellsRow cells_row_of(std::int64_t filters) {
    static constexpr auto functions =
        cells_rows(std::make_integer_sequence<int, most_cell_filters>());
    return functions[static_cast<std::size_t>(filters - 1)];
}

template <bool Backward>
class CellConvolution {
  public:
    CellConvolution(const Call& call, const SingleConvolutionArguments& a)
        : call_(call),
          a_(a),
          depth_{ConvolutionWindow(a).depth},
          height_{ConvolutionWindow(a).height},
          width_{ConvolutionWindow(a).width},
          inputs_((Backward ? a.filters : a.channels) / a.groups),
          outputs_((Backward ? a.channels : a.filters) / a.groups),
          channel_weights_(Backward ? lanes : a.filters),
          sizes_(row_sizes()) {}

    void run() const {
        PlanarRowRing ring(sizes_, a_.kernel_depth, height_.most_read(), call_.operands[5]);
        const std::int64_t rows = height_.written();
        std::int64_t begun = -1;
        for (std::int64_t piece = call_.begin; piece < call_.end; ++piece) {
            const std::int64_t group = piece / rows % a_.groups;
            const std::int64_t plane = piece / rows / a_.groups;
            const AxisTaps planes = depth_.taps(plane);
            if (piece / rows != begun) {
                begun = piece / rows;
                ring.begin(read_planes(planes, group));
            }
            run_row(ring, planes, plane, group, piece % rows);
        }
    }

  private:
    PlanarRowSizes row_sizes() const {
        const Span columns = width_.reach(0, width_.written());
        const std::int64_t stride = width_.phase(0).source_step;
        return {width_.read(),  a_.cell_floats, inputs_,
                -columns.begin, stride,         (columns.end - columns.begin - 1) / stride + lanes};
    }

    ReadPlanes read_planes(const AxisTaps& planes, std::int64_t group) const {
        const std::int64_t floats = height_.read() * width_.read() * a_.cell_floats;
        return {call_.operands[0] + planes.source * floats + group * inputs_, planes.count,
                depth_.tap_distance() * floats};
    }

    void run_row(PlanarRowRing& ring, const AxisTaps& planes, std::int64_t plane,
                 std::int64_t group, std::int64_t row) const {
        const AxisTaps rows = height_.taps(row);
        // Rows that only other written rows read are among these: those begin with what is there.
        const Span read = height_.reach(row, row + 1);
        ring.reach(larger(read.begin, 0), smaller(read.end, height_.read()));
        float* output = call_.operands[4] + group * outputs_ +
                        (plane * height_.written() + row) * width_.written() * a_.output_floats;
        for (std::int64_t phase = 0; phase < width_.phases(); ++phase) {
            const AxisPhase columns = width_.phase(phase);
            cells_row_of(outputs_)(taps_of(ring, planes, rows, columns, group),
                                   {output + columns.cell * a_.output_floats, columns.cells,
                                    columns.cell_step * a_.output_floats});
        }
        activate_channels(output, width_.written(), a_.output_floats, outputs_, a_.activation);
    }

    CellTaps taps_of(const PlanarRowRing& ring, const AxisTaps& planes, const AxisTaps& rows,
                     const AxisPhase& columns, std::int64_t group) const {
        const std::int64_t tap = inputs_ * channel_weights_;
        const std::int64_t row = a_.kernel_width * tap;
        const std::int64_t plane = a_.kernel_height * row;
        const std::int64_t taps = a_.kernel_depth * plane;
        return {sizes_,
                ring,
                {planes.count, 0, 1, planes.first * plane, depth_.tap_step() * plane},
                {rows.count, rows.source, height_.tap_distance(), rows.first * row,
                 height_.tap_step() * row},
                {columns.taps, columns.source + sizes_.before, columns.tap_distance,
                 columns.tap * tap, columns.tap_step * tap},
                call_.operands[1] + group * (Backward ? taps : outputs_),
                channel_weights_,
                epilogue_of(call_.operands[2], group * outputs_, a_.activation, a_.slope,
                            call_.operands[3])};
    }

    const Call& call_;
    const SingleConvolutionArguments& a_;
    SingleAxis<Backward> depth_;
    SingleAxis<Backward> height_;
    SingleAxis<Backward> width_;
    std::int64_t inputs_;           // of a group
    std::int64_t outputs_;          // of a group
    std::int64_t channel_weights_;  // floats from one input channel's filters to the next one's
    PlanarRowSizes sizes_;
};

// Operands: input, filters, bias or null, factors or null, output, workspace for the rows of a
// group's channels that the taps of one output row span. Pieces are output rows of all groups of a
// plane.
inline void convolution_single_cells(const Call& call) {
    CellConvolution<false>(call, arguments<SingleConvolutionArguments>(call)).run();
}

// The same with the gradient of the output as the input, filters packed transposed by
// `pack_filters_single`, and the gradient by the input as the output.
inline void convolution_input_gradient_single_cells(const Call& call) {
    CellConvolution<true>(call, arguments<SingleConvolutionArguments>(call)).run();
}

}  // namespace kernelet::KERNELET_ISA
