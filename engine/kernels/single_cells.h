// Convolution of single samples by few filters: a vector holds neighbouring output cells of a row.
//
// Six filters would fill six lanes of sixteen. Here each filter has vectors of its own, over cells
// that are one cell apart. Their inputs are loads next to each other from rows that lie channel by
// channel between zeros, so that taps beside the picture need no care; what such a tap adds,
// a weight times zero, leaves every sum as it is. Products are added in the order in which
// `convolution` adds them, so both give the same bits.
#pragma once

#include <array>
#include <utility>

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/convolution.h"
#include "kernels/single_tile.h"
#include "kernels/tile.h"
#include "kernels/window.h"
#include "simd/transpose.h"

namespace kernelet::KERNELET_ISA {

// Most filters of the kernel; plan/single.py says the same.
inline constexpr int most_cell_filters = 8;

// Input rows in as many places as the taps of one output row span, each row in the place of one
// that is no longer reached.
struct RowRing {
    const SingleConvolutionArguments& a;
    const float* input;
    float* rows;              // [place][channel][row_floats]
    std::int64_t row_floats;  // zeros, cells and zeros of one channel
    std::int64_t places;
    std::int64_t next;  // the input row that is copied next

    RowRing(const SingleConvolutionArguments& arguments, const float* picture, float* workspace,
            std::int64_t floats)
        : a(arguments),
          input(picture),
          rows(workspace),
          row_floats(floats),
          places((a.kernel_height - 1) * a.dilation_height + 1),
          next(0) {
        for (std::int64_t k = 0; k < places * a.channels * row_floats; ++k) rows[k] = 0.0F;
    }

    float* place(std::int64_t row) const { return rows + row % places * a.channels * row_floats; }

    // Copies the input rows [begin, end) that are not there yet.
    void reach(std::int64_t begin, std::int64_t end) {
        const std::int64_t cells = smaller(a.width, row_floats - a.pad_width);
        for (next = larger(next, begin); next < end; ++next) {
            const float* source = input + next * a.width * a.cell_floats;
            float* target = place(next) + a.pad_width;
            if (a.cell_floats == 1) {
                __builtin_memcpy(target, source, static_cast<std::size_t>(cells) * sizeof(float));
                continue;
            }
            for (std::int64_t c = 0; c < a.channels; ++c, target += row_floats) {
                for (std::int64_t cell = 0; cell < cells; ++cell) {
                    target[cell] = source[cell * a.cell_floats + c];
                }
            }
        }
    }
};

// What a tile needs besides its place: taps of the rows that lie inside the picture.
struct CellTaps {
    const SingleConvolutionArguments& a;
    const RowRing& ring;
    AxisTaps rows;
    const float* weights;  // of the first of these rows
    Epilogue epilogue;
};

template <int F, int P>
KERNELET_INLINE void accumulate_cells(Vector (&sums)[F][P], const CellTaps& taps,
                                      std::int64_t cell) {
    const SingleConvolutionArguments& a = taps.a;
    const float* w = taps.weights;
    for (std::int64_t row = 0; row < taps.rows.count; ++row) {
        const float* x = taps.ring.place(taps.rows.source + row * a.dilation_height) + cell;
        for (std::int64_t column = 0; column < a.kernel_width; ++column, x += a.dilation_width) {
            for (std::int64_t c = 0; c < a.channels; ++c, w += F) {
                Vector cells[P];
                KERNELET_UNROLL
                for (int p = 0; p < P; ++p) {
                    cells[p] = Vector::load(x + c * taps.ring.row_floats + p * Vector::width);
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

// Writes `count` cells, each the numbers of all filters side by side.
template <int F>
KERNELET_INLINE void store_cells(const Vector (&values)[F], std::int64_t count, float* output) {
    for (int first = 0; first < F; first += Vector::width) {
        Vector block[Vector::width];
        KERNELET_UNROLL
        for (int k = 0; k < Vector::width; ++k) {
            block[k] = first + k < F ? values[first + k] : Vector::zero();
        }
        transpose(block);
        KERNELET_UNROLL
        for (int cell = 0; cell < Vector::width; ++cell) {
            if (cell < count) block[cell].store(output + cell * lanes + first);
        }
    }
}

// P vectors of neighbouring output cells, of which `count` are in the row.
template <int F, int P>
inline void cells_tile(const CellTaps& taps, std::int64_t cell, std::int64_t count, float* output) {
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
            values[f] = finish(sums[f][p], taps.epilogue, f);
        }
        const std::int64_t here = larger(0, smaller(count - p * Vector::width, Vector::width));
        store_cells<F>(values, here, output + p * Vector::width * lanes);
    }
}

template <int F>
inline void cells_row(const CellTaps& taps, float* output) {
    // Sums, inputs and a weight fit the registers.
    constexpr int most = F <= 3 ? 4 : F <= 6 || Vector::registers >= 32 ? 2 : 1;
    std::int64_t cell = 0;
    while (cell < taps.a.output_width) {
        const std::int64_t left = taps.a.output_width - cell;
        float* target = output + cell * lanes;
        if (most == 4 && left > 3 * Vector::width) {
            cells_tile<F, most>(taps, cell, left, target);
            cell += most * Vector::width;
        } else if (most >= 2 && left > Vector::width) {
            cells_tile < F, most<2 ? 1 : 2>(taps, cell, left, target);
            cell += 2 * Vector::width;
        } else {
            cells_tile<F, 1>(taps, cell, left, target);
            cell += Vector::width;
        }
    }
}

using CellsRow = void (*)(const CellTaps&, float*);

template <int... F>
constexpr std::array<CellsRow, sizeof...(F)> cells_rows(std::integer_sequence<int, F...>) {
    return {cells_row<F + 1>...};
}

// Operands: input, filters, bias or null, factors or null, output, workspace of as many rows of
// all channels as the taps of one cell span. Pieces are rows of output cells; there is one plane,
// one group of channels, and cells that are one apart.
inline void convolution_single_cells(const Call& call) {
    const auto& a = arguments<SingleConvolutionArguments>(call);
    static constexpr auto functions =
        cells_rows(std::make_integer_sequence<int, most_cell_filters>());
    const ConvolutionWindow window(a);
    const std::int64_t tiled = (a.output_width + lanes - 1) / lanes * lanes;
    const std::int64_t row_floats = tiled + (a.kernel_width - 1) * a.dilation_width;
    RowRing ring(a, call.operands[0], call.operands[5], row_floats);
    for (std::int64_t row = call.begin; row < call.end; ++row) {
        const AxisTaps rows = forward_taps(row, window.height);
        const std::int64_t first = row * a.stride_height - a.pad_height;
        ring.reach(larger(first, 0), smaller(first + ring.places, a.height));
        const float* weights =
            call.operands[1] + rows.first * a.kernel_width * a.channels * a.filters;
        float* output = call.operands[4] + row * a.output_width * lanes;
        functions[static_cast<std::size_t>(a.filters - 1)](
            {a, ring, rows, weights,
             epilogue_of(call.operands[2], 0, a.activation, a.slope, call.operands[3])},
            output);
        activate_row(output, a.output_width, a.activation);
    }
}

}  // namespace kernelet::KERNELET_ISA
