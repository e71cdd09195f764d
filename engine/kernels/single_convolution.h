// Convolution of single samples, and its gradient by the input: a vector holds neighbouring output
// channels of one sample.
//
// Rows are taken a band at a time, whose inputs stay in the second-level cache while the filters
// pass by, panel after panel. Where taps reach beyond the picture, the rows that a band reads are
// copied between zeros first, so that all cells are alike: what such a tap adds, a zero times a
// weight, leaves every sum as it is.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/convolution.h"
#include "kernels/copying.h"
#include "kernels/pointwise.h"
#include "kernels/single_axes.h"
#include "kernels/single_clipped_tile.h"
#include "kernels/single_panels.h"
#include "kernels/single_pieces.h"
#include "kernels/single_tile.h"
#include "kernels/tile.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

// Applies an activation to `channels` of every cell, in place.
template <Activation kind>
inline void activate_cells(float* cell, std::int64_t cells, std::int64_t cell_floats,
                           std::int64_t channels) {
    for (; cells > 0; --cells, cell += cell_floats) {
        for (std::int64_t c = 0; c < channels; c += Vector::width) {
            const auto count = static_cast<int>(smaller(Vector::width, channels - c));
            activate<kind>(Vector::load_partial(cell + c, count), Vector::zero())
                .store_partial(cell + c, count);
        }
    }
}

// The same for the activations that `activate_sum` leaves.
inline void activate_channels(float* cell, std::int64_t cells, std::int64_t cell_floats,
                              std::int64_t channels, std::int64_t activation) {
    if (cell_floats == channels) {
        channels *= cells;
        cells = 1;
    }
    switch (static_cast<Activation>(activation)) {
        case Activation::linear:
        case Activation::relu:
        case Activation::leaky_relu:
            return;
        case Activation::sigmoid:
            return activate_cells<Activation::sigmoid>(cell, cells, cell_floats, channels);
        case Activation::tanh:
            return activate_cells<Activation::tanh>(cell, cells, cell_floats, channels);
        case Activation::gelu:
            return activate_cells<Activation::gelu>(cell, cells, cell_floats, channels);
        case Activation::silu:
            return activate_cells<Activation::silu>(cell, cells, cell_floats, channels);
    }
}

// What a band of output cells reads: `first` is, or would be, the cell in row 0 and column 0 of the
// first plane. Planes of neighbouring taps are `plane_floats` apart.
struct SourceRows {
    const float* first;
    std::int64_t plane_floats;
    std::int64_t row_floats;
    std::int64_t cell_floats;
};

template <bool Backward>
class PanelConvolution {
  public:
    PanelConvolution(const Call& call, const SinglePanelConvolutionArguments& a)
        : call_(call),
          a_(a),
          depth_{ConvolutionWindow(a).depth},
          height_{ConvolutionWindow(a).height},
          width_{ConvolutionWindow(a).width},
          groups_(a.groups / a.merged),
          inputs_((Backward ? a.filters : a.channels) / groups_),
          outputs_((Backward ? a.channels : a.filters) / groups_),
          tap_rows_(inputs_ / a.merged),
          output_floats_(a.output_floats),
          taps_(a.kernel_depth * a.kernel_height * a.kernel_width),
          clips_(!height_.stays_inside() || !width_.stays_inside()),
          copies_(clips_ && !(leaves_out_taps && a.skips != 0)) {}

    void run() const {
        const PanelPieces pieces{call_.begin,         call_.end,        a_.band,
                                 a_.by_rows != 0,     depth_.written(), height_.written(),
                                 panels_of(outputs_), groups_};
        pieces.for_bands([&](const Band& band, std::int64_t group, const Span& panels) {
            run_group(band.plane, band.begin, band.end, group, panels.begin, panels.end);
        });
    }

  private:
    // Panels [first, last), which belong to one group.
    void run_group(std::int64_t plane, std::int64_t begin, std::int64_t end, std::int64_t group,
                   std::int64_t first, std::int64_t last) const {
        const AxisTaps planes = depth_.taps(plane);
        const SourceRows source = source_of(planes, begin, end, group);
        const std::int64_t done = (first - group * panels_of(outputs_)) * lanes;
        const std::int64_t filters = smaller(outputs_, done + (last - first) * lanes) - done;
        const std::int64_t channel = group * outputs_ + done;
        const Panels panels{
            call_.operands[1] + first * taps_ * tap_rows_ * lanes, taps_ * tap_rows_ * lanes,
            filters,
            epilogue_of(call_.operands[2], channel, a_.activation, a_.slope, call_.operands[3]),
            a_.merged > 1 ? MergedGroups{tap_rows_, outputs_ / a_.merged} : MergedGroups{}};
        float* output = call_.operands[4] + channel +
                        plane * height_.written() * width_.written() * output_floats_;
        for (std::int64_t y = 0; y < height_.phases(); ++y) {
            const AxisPhase rows = height_.phase(y).within(begin, end);
            if (rows.cells <= 0) continue;
            for (std::int64_t x = 0; x < width_.phases(); ++x) {
                run_phase(planes, rows, width_.phase(x), source, panels, output);
            }
        }
        activate_channels(output + begin * width_.written() * output_floats_,
                          (end - begin) * width_.written(), output_floats_, filters, a_.activation);
    }

    void run_phase(const AxisTaps& planes, const AxisPhase& rows, const AxisPhase& columns,
                   const SourceRows& source, Panels panels, float* output) const {
        const std::int64_t row_floats = width_.written() * output_floats_;
        const TapGrid apart = grid_of(planes, rows, columns, source);
        const Clipping clipping{reach_of(rows, height_), reach_of(columns, width_), apart};
        const OutputCells cells{
            rows.cells,
            columns.cells,
            source.first + rows.source * source.row_floats + columns.source * source.cell_floats,
            rows.source_step * source.row_floats,
            columns.source_step * source.cell_floats,
            output + rows.cell * row_floats + columns.cell * output_floats_,
            rows.cell_step * row_floats,
            columns.cell_step * output_floats_,
            clips_ && !copies_ ? &clipping : nullptr};
        panels.first +=
            lanes * tap_rows_ *
            ((planes.first * a_.kernel_height + rows.tap) * a_.kernel_width + columns.tap);
        const auto rows_of = [&](std::int64_t first, std::int64_t last) {
            return rows.inside(first, last, height_.read());
        };
        run_panels(cells, joined(apart, columns), panels, rows_of);
    }

    static TapReach reach_of(const AxisPhase& phase, const SingleAxis<Backward>& axis) {
        return {phase.source, phase.source_step, phase.taps, phase.tap_distance, axis.read()};
    }

    TapGrid grid_of(const AxisTaps& planes, const AxisPhase& rows, const AxisPhase& columns,
                    const SourceRows& source) const {
        return {planes.count,
                rows.taps,
                columns.taps,
                inputs_,
                source.plane_floats,
                rows.tap_distance * source.row_floats,
                columns.tap_distance * source.cell_floats,
                depth_.tap_step() * a_.kernel_height * a_.kernel_width * tap_rows_,
                rows.tap_step * a_.kernel_width * tap_rows_,
                columns.tap_step * tap_rows_};
    }

    // Where all channels of the taps of a row follow each other at one distance, they are one long
    // run.
    TapGrid joined(TapGrid grid, const AxisPhase& columns) const {
        if (a_.merged == 1 && columns.tap_step == 1 &&
            (inputs_ == 1 || grid.input_column_stride == inputs_)) {
            if (inputs_ == 1) grid.run_stride = grid.input_column_stride;
            grid.run *= grid.columns;
            grid.columns = 1;
        }
        return grid;
    }

    // What output rows [begin, end) of a plane read, as it lies or copied.
    SourceRows source_of(const AxisTaps& planes, std::int64_t begin, std::int64_t end,
                         std::int64_t group) const {
        const std::int64_t row_floats = width_.read() * a_.cell_floats;
        const std::int64_t picture_plane = height_.read() * row_floats;
        const float* first = call_.operands[0] + group * inputs_ + planes.source * picture_plane;
        const std::int64_t distance = depth_.tap_distance() * picture_plane;
        if (!copies_) return {first, distance, row_floats, a_.cell_floats};
        const Span rows = height_.reach(begin, end);
        const Span columns = width_.reach(0, width_.written());
        const std::int64_t copied_row = (columns.end - columns.begin) * inputs_;
        const std::int64_t copied_plane = (rows.end - rows.begin) * copied_row;
        for (std::int64_t plane = 0; plane < planes.count; ++plane) {
            for (std::int64_t row = rows.begin; row < rows.end; ++row) {
                copy_row(
                    first + plane * distance + row * row_floats, row >= 0 && row < height_.read(),
                    columns,
                    call_.operands[5] + plane * copied_plane + (row - rows.begin) * copied_row);
            }
        }
        return {call_.operands[5] - rows.begin * copied_row - columns.begin * inputs_, copied_plane,
                copied_row, inputs_};
    }

    // Cells of the row's columns, zeros where they or the row are not `inside`.
    void copy_row(const float* row, bool inside, const Span& columns, float* target) const {
        const std::int64_t begin = smaller(larger(columns.begin, 0), columns.end);
        const std::int64_t end =
            inside ? larger(begin, smaller(columns.end, width_.read())) : begin;
        clear_floats((begin - columns.begin) * inputs_, target);
        target += (begin - columns.begin) * inputs_;
        copy_cells(row + begin * a_.cell_floats, end - begin, a_.cell_floats, inputs_, target);
        target += (end - begin) * inputs_;
        clear_floats((columns.end - end) * inputs_, target);
    }

    const Call& call_;
    const SinglePanelConvolutionArguments& a_;
    SingleAxis<Backward> depth_;
    SingleAxis<Backward> height_;
    SingleAxis<Backward> width_;
    std::int64_t groups_;    // of merged ones, if any
    std::int64_t inputs_;    // of a group
    std::int64_t outputs_;   // of a group
    std::int64_t tap_rows_;  // that a panel has for each tap
    std::int64_t output_floats_;
    std::int64_t taps_;
    bool clips_;   // whether taps reach beyond the picture
    bool copies_;  // whether rows are copied between zeros for that
};

// Operands: input, filters packed by `pack_filters_single`, bias or null, factors or null, output,
// workspace for what a band reads. Pieces are output rows and panels.
inline void convolution_single(const Call& call) {
    PanelConvolution<false>(call, arguments<SinglePanelConvolutionArguments>(call)).run();
}

// The same with the gradient of the output as the input, filters packed transposed, and the
// gradient by the input as the output.
inline void convolution_input_gradient_single(const Call& call) {
    PanelConvolution<true>(call, arguments<SinglePanelConvolutionArguments>(call)).run();
}

}  // namespace kernelet::KERNELET_ISA
