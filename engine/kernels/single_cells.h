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
#include "simd/channels.h"
#include "simd/transpose.h"

namespace kernelet::KERNELET_ISA {

// Most filters of a group, and output rows whose vectors may share a tile; plan/single_times.py and
// single_cells.py say the same.
inline constexpr int most_cell_filters = 8;
inline constexpr std::int64_t most_cell_rows = 4;

// Filters whose sums of two vectors of cells fit the registers, as the vectors and a weight do:
// more are taken in parts, as with one vector a weight is loaded for each product.
inline constexpr int most_filters_together = Vector::registers >= 32 ? most_cell_filters : 6;

// Vectors of cells whose sums by F filters, and inputs, fit the registers beside a weight.
template <int F>
constexpr int most_cell_vectors() {
    constexpr int most = (Vector::registers - 1) / (F + 1);
    return most < 1 ? 1 : most > 6 ? 6 : most;
}

// Taps along one axis that follow each other at one distance: the cell that the first reads, and
// its place among the filters.
struct TapSteps {
    std::int64_t count;
    std::int64_t source;
    std::int64_t distance;
    std::int64_t weights;  // in floats, from tap 0 on
    std::int64_t weight_step;
};

// What the cells of some output rows that have the same taps are summed from. The first of these
// rows is meant where one is; the others read `row_step` rows further each.
struct CellTaps {
    const PlanarRowSizes& sizes;
    const PlanarRowRing& ring;
    TapSteps planes;  // by their number in the ring
    TapSteps rows;
    TapSteps columns;  // by positions behind the first zero
    std::int64_t row_step;
    const float* weights;
    std::int64_t channel_weights;  // floats from one channel's filters to the next one's
    Epilogue epilogue;
};

// Cells of rows in memory, some floats apart, that have the same taps.
struct CellRows {
    float* first;
    std::int64_t rows;
    std::int64_t row_floats;
    std::int64_t cells;
    std::int64_t cell_floats;
};

// The most vectors of cells of a tile, for any number of filters.
inline constexpr int most_vectors = most_cell_vectors<1>();

// Where the vectors of a tile begin: rows behind the first one, and cells of these.
struct VectorPlaces {
    std::array<std::int64_t, most_vectors> rows;
    std::array<std::int64_t, most_vectors> cells;
};

template <int F, int P>
KERNELET_INLINE void accumulate_cells(Vector (&sums)[F][P], const CellTaps& taps,
                                      const VectorPlaces& places) {
    const auto& [sizes, ring, planes, rows, columns, row_step, weights, channel_weights, epilogue] =
        taps;
    const std::int64_t channels = sizes.channels;
    const std::int64_t channel_floats = sizes.channel_floats();
    for (std::int64_t plane = 0; plane < planes.count; ++plane) {
        for (std::int64_t row = 0; row < rows.count; ++row) {
            const float* sources[P];
            KERNELET_UNROLL
            for (int p = 0; p < P; ++p) {
                const std::int64_t number = rows.source + row * rows.distance;
                const auto k = static_cast<std::size_t>(p);
                sources[p] = ring.row(plane, number + places.rows[k] * row_step) + places.cells[k];
            }
            const float* of_row = weights + planes.weights + plane * planes.weight_step +
                                  rows.weights + row * rows.weight_step + columns.weights;
            for (std::int64_t column = 0; column < columns.count; ++column) {
                const float* w = of_row + column * columns.weight_step;
                std::int64_t offset = sizes.place(columns.source + column * columns.distance);
                for (std::int64_t c = 0; c < channels;
                     ++c, w += channel_weights, offset += channel_floats) {
                    Vector inputs[P];
                    KERNELET_UNROLL
                    for (int p = 0; p < P; ++p) inputs[p] = Vector::load(sources[p] + offset);
                    KERNELET_UNROLL
                    for (int f = 0; f < F; ++f) {
                        const Vector weight = Vector::broadcast_from(w + f);
                        KERNELET_UNROLL
                        for (int p = 0; p < P; ++p) {
                            sums[f][p] = fma(inputs[p], weight, sums[f][p]);
                        }
                    }
                }
            }
        }
    }
}

// Writes `count` cells without anything between them.
template <int F>
KERNELET_INLINE void store_tight_cells(const Vector (&values)[F], std::int64_t count,
                                       float* output) {
    Vector cells[F];
    join_channels<F>(values, cells);
    KERNELET_UNROLL
    for (int k = 0; k < F; ++k) {
        const std::int64_t floats = F * count - k * Vector::width;
        store_some(cells[k], output + k * Vector::width,
                   static_cast<int>(smaller(Vector::width, larger(0, floats))));
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
    if (cell_floats == F) return store_tight_cells<F>(values, count, output);
    constexpr int together = Vector::width < most_cell_filters ? Vector::width : most_cell_filters;
    for (int first = 0; first < F; first += together) {
        Vector rows[Vector::width];
        KERNELET_UNROLL
        for (int k = 0; k < Vector::width; ++k) {
            rows[k] = k < together && first + k < F ? values[first + k] : Vector::zero();
        }
        Vector cells[Vector::width];
        columns_of_few(rows, cells);
        KERNELET_UNROLL
        for (int k = 0; k < Vector::width; ++k) {
            if (k < count) cells[k].store_partial(output + k * cell_floats + first, F - first);
        }
    }
}

// Asks for where the cells of P vectors go.
template <int P>
KERNELET_INLINE void prefetch_cells(const VectorPlaces& places, const CellRows& output) {
    const std::int64_t step = larger(alignment, output.cell_floats);  // a line, or a cell
    for (std::size_t p = 0; p < P; ++p) {
        const float* first = output.first + places.rows[p] * output.row_floats +
                             places.cells[p] * output.cell_floats;
        for (std::int64_t k = 0; k < Vector::width * output.cell_floats; k += step) {
            __builtin_prefetch(first + k, 1);
        }
    }
}

// P vectors of neighbouring output cells, each as far as its row goes.
template <int F, int P>
inline void cells_tile(const CellTaps& taps, const VectorPlaces& places, const CellRows& output) {
    Vector sums[F][P];
    KERNELET_UNROLL
    for (int f = 0; f < F; ++f) {
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) sums[f][p] = Vector::zero();
    }
    prefetch_cells<P>(places, output);
    accumulate_cells<F, P>(sums, taps, places);
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) {
        Vector values[F];
        KERNELET_UNROLL
        for (int f = 0; f < F; ++f) {
            values[f] = Finish::of_channel(taps.epilogue, f)(sums[f][p]);
        }
        const auto k = static_cast<std::size_t>(p);
        store_cells<F>(values, smaller(output.cells - places.cells[k], Vector::width),
                       output.first + places.rows[k] * output.row_floats +
                           places.cells[k] * output.cell_floats,
                       output.cell_floats);
    }
}

using CellsTile = void (*)(const CellTaps&, const VectorPlaces&, const CellRows&);

// Tiles of one number of filters, by vectors of cells.
struct CellsTiles {
    int most;
    std::array<CellsTile, most_vectors> by_vectors;

    // Takes the vectors row after row, in tiles of nearly equal size.
    void run(const CellTaps& taps, const CellRows& output) const {
        const std::int64_t of_row = (output.cells + Vector::width - 1) / Vector::width;
        std::int64_t left = output.rows * of_row;
        std::int64_t tiles = left <= most ? 1 : (left + most - 1) / most;
        std::int64_t row = 0;
        std::int64_t cell = 0;
        for (; left > 0; --tiles) {
            const std::int64_t together = tiles == 1 ? left : (left + tiles - 1) / tiles;
            VectorPlaces places;
            for (std::int64_t p = 0; p < together; ++p) {
                places.rows[static_cast<std::size_t>(p)] = row;
                places.cells[static_cast<std::size_t>(p)] = cell;
                cell += Vector::width;
                if (cell >= output.cells) {
                    cell = 0;
                    ++row;
                }
            }
            by_vectors[static_cast<std::size_t>(together - 1)](taps, places, output);
            left -= together;
        }
    }
};

template <int F, int... P>
constexpr CellsTiles cells_tiles(std::integer_sequence<int, P...>) {
    return {static_cast<int>(sizeof...(P)), {cells_tile<F, P + 1>...}};
}

template <int... F>
constexpr std::array<CellsTiles, sizeof...(F)> all_cells_tiles(std::integer_sequence<int, F...>) {
    return {cells_tiles<F + 1>(std::make_integer_sequence<int, most_cell_vectors<F + 1>()>())...};
}

inline const CellsTiles& cells_tiles_of(std::int64_t filters) {
    static constexpr auto tiles =
        all_cells_tiles(std::make_integer_sequence<int, most_filters_together>());
    return tiles[static_cast<std::size_t>(filters - 1)];
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
          sizes_(row_sizes()),
          parts_((outputs_ + most_filters_together - 1) / most_filters_together),
          whole_(height_.whole()),
          rows_together_(rows_of_a_tile()) {}

    void run() const {
        PlanarRowRing ring(sizes_, a_.kernel_depth, height_.most_reached(most_cell_rows),
                           call_.operands[5]);
        const std::int64_t rows = height_.written();
        for (std::int64_t piece = call_.begin; piece < call_.end;) {
            const std::int64_t line = piece / rows;
            const std::int64_t row = piece % rows;
            const std::int64_t end = smaller(rows, row + call_.end - piece);
            run_rows(ring, line / a_.groups, line % a_.groups, {row, end});
            piece += end - row;
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

    // Output rows [begin, end) of a plane, for a group of filters.
    void run_rows(PlanarRowRing& ring, std::int64_t plane, std::int64_t group,
                  const Span& rows) const {
        const AxisTaps planes = depth_.taps(plane);
        ring.begin(read_planes(planes, group));
        float* output = call_.operands[4] + group * outputs_ +
                        plane * height_.written() * width_.written() * a_.output_floats;
        for (std::int64_t row = rows.begin; row < rows.end;) {
            const std::int64_t count = alike(row, rows.end);
            // Rows that only other written rows read are among these: those begin with what is
            // there.
            const Span read = height_.reach(row, row + count);
            ring.reach(larger(read.begin, 0), smaller(read.end, height_.read()));
            run_alike(taps_of(ring, planes, height_.taps(row), group), count,
                      output + row * width_.written() * a_.output_floats);
            row += count;
        }
    }

    // How many rows from one on have all taps, so that they may share tiles.
    std::int64_t alike(std::int64_t row, std::int64_t end) const {
        if (row < whole_.begin || row >= whole_.end) return 1;
        return smaller(rows_together_, smaller(whole_.end, end) - row);
    }

    // How many of the rows that have all taps a tile may take.
    std::int64_t rows_of_a_tile() const {
        if (Backward && height_.phases() > 1) return 1;
        const std::int64_t vectors = (width_.phase(0).cells + Vector::width - 1) / Vector::width;
        const CellsTiles& tiles = cells_tiles_of((outputs_ + parts_ - 1) / parts_);
        return larger(1, smaller(tiles.most / vectors, most_cell_rows));
    }

    void run_alike(CellTaps taps, std::int64_t rows, float* output) const {
        const std::int64_t row_floats = width_.written() * a_.output_floats;
        for (std::int64_t phase = 0; phase < width_.phases(); ++phase) {
            const AxisPhase columns = width_.phase(phase);
            const std::int64_t tap = inputs_ * channel_weights_;
            taps.columns = {columns.taps, columns.source + sizes_.before, columns.tap_distance,
                            columns.tap * tap, columns.tap_step * tap};
            run_parts(taps, {output + columns.cell * a_.output_floats, rows, row_floats,
                             columns.cells, columns.cell_step * a_.output_floats});
        }
        activate_channels(output, rows * width_.written(), a_.output_floats, outputs_,
                          a_.activation);
    }

    // Some filters after the others.
    void run_parts(CellTaps taps, CellRows output) const {
        std::int64_t done = 0;
        for (std::int64_t part = 1; part <= parts_; ++part) {
            const std::int64_t together = outputs_ * part / parts_ - done;
            cells_tiles_of(together).run(taps, output);
            taps.weights += together;
            if (taps.epilogue.bias) taps.epilogue.bias += together;
            if (taps.epilogue.factors) taps.epilogue.factors += together;
            output.first += together;
            done += together;
        }
    }

    // But for those along a row.
    CellTaps taps_of(const PlanarRowRing& ring, const AxisTaps& planes, const AxisTaps& rows,
                     std::int64_t group) const {
        const std::int64_t row = a_.kernel_width * inputs_ * channel_weights_;
        const std::int64_t plane = a_.kernel_height * row;
        const std::int64_t taps = a_.kernel_depth * plane;
        return {sizes_,
                ring,
                {planes.count, 0, 1, planes.first * plane, depth_.tap_step() * plane},
                {rows.count, rows.source, height_.tap_distance(), rows.first * row,
                 height_.tap_step() * row},
                {},
                height_.phase(0).source_step,
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
    std::int64_t parts_;  // of a group's filters
    Span whole_;
    std::int64_t rows_together_;
};

// Operands: input, filters, bias or null, factors or null, output, workspace for the rows of a
// group's channels that the taps of `most_cell_rows` output rows span. Pieces are output rows of
// all groups of a plane.
inline void convolution_single_cells(const Call& call) {
    CellConvolution<false>(call, arguments<SingleConvolutionArguments>(call)).run();
}

// The same with the gradient of the output as the input, filters packed transposed by
// `pack_filters_single`, and the gradient by the input as the output.
inline void convolution_input_gradient_single_cells(const Call& call) {
    CellConvolution<true>(call, arguments<SingleConvolutionArguments>(call)).run();
}

}  // namespace kernelet::KERNELET_ISA
