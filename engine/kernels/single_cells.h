// Convolution of single samples by few filters: a vector holds neighbouring output cells of a row.
//
// Six filters would fill six lanes of sixteen. Here each filter has vectors of its own. Their
// inputs are loads next to each other from rows that lie channel by channel between zeros, so that
// taps beside the picture need no care; what such a tap adds, a weight times zero, leaves every sum
// as it is. Where windows are several cells apart, cells with the same rest behind a division by
// that stride lie next to each other. Products are added in the order in which `convolution` adds
// them, so both give the same bits.
#pragma once

#include <array>
#include <utility>

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/convolution.h"
#include "kernels/single_convolution.h"
#include "kernels/single_tile.h"
#include "kernels/tile.h"
#include "kernels/window.h"
#include "simd/transpose.h"

namespace kernelet::KERNELET_ISA {

// Most filters of the kernel; plan/single.py says the same.
inline constexpr int most_cell_filters = 8;

// Fewer channels are copied number by number.
inline constexpr std::int64_t fewest_transposed = 4;

// Input rows in as many places as the taps of one output row span, each row in the place of one
// that is no longer reached.
struct RowRing {
    const SingleConvolutionArguments& a;
    const float* input;
    float* rows;                // [place][channel][phase][phase_floats]
    std::int64_t phase_floats;  // zeros, cells and zeros of one channel that are a stride apart
    std::int64_t row_floats;
    std::int64_t places;
    std::int64_t next;  // the input row that is copied next

    RowRing(const SingleConvolutionArguments& arguments, const float* picture, float* workspace)
        : a(arguments),
          input(picture),
          rows(workspace),
          phase_floats((a.output_width + lanes - 1) / lanes * lanes +
                       (a.kernel_width - 1) * a.dilation_width / a.stride_width),
          row_floats(a.stride_width * phase_floats),
          places((a.kernel_height - 1) * a.dilation_height + 1),
          next(0) {
        for (std::int64_t k = 0; k < places * a.channels * row_floats; ++k) rows[k] = 0.0F;
    }

    float* place(std::int64_t row) const { return rows + row % places * a.channels * row_floats; }

    // Copies the input rows [begin, end) that are not there yet.
    void reach(std::int64_t begin, std::int64_t end) {
        for (next = larger(next, begin); next < end; ++next) {
            const float* source = input + next * a.width * a.cell_floats;
            for (std::int64_t phase = 0; phase < a.stride_width; ++phase) {
                copy_phase(source, phase, place(next) + phase * phase_floats);
            }
        }
    }

    // The cells of a row that lie `phase` behind a multiple of the stride, zeros counted.
    void copy_phase(const float* source, std::int64_t phase, float* target) const {
        const std::int64_t skipped =
            larger(0, a.pad_width - phase + a.stride_width - 1) / a.stride_width;
        const std::int64_t first = phase + skipped * a.stride_width - a.pad_width;
        const std::int64_t count = smaller((a.width - first + a.stride_width - 1) / a.stride_width,
                                           phase_floats - skipped);
        if (count <= 0) return;
        const std::int64_t distance = a.stride_width * a.cell_floats;
        source += first * a.cell_floats;
        target += skipped;
        if (distance == 1) {
            __builtin_memcpy(target, source, static_cast<std::size_t>(count) * sizeof(float));
            return;
        }
        if (a.channels < fewest_transposed) {
            for (std::int64_t c = 0; c < a.channels; ++c, target += row_floats) {
                for (std::int64_t cell = 0; cell < count; ++cell) {
                    target[cell] = source[cell * distance + c];
                }
            }
            return;
        }
        for (std::int64_t cell = 0; cell < count; cell += Vector::width) {
            transpose_cells(source + cell * distance, smaller(Vector::width, count - cell),
                            distance, target + cell);
        }
    }

    // A few cells to as many neighbours of each channel.
    void transpose_cells(const float* source, std::int64_t count, std::int64_t distance,
                         float* target) const {
        const auto cells = static_cast<int>(count);
        for (std::int64_t c = 0; c < a.channels; c += Vector::width) {
            const auto together = static_cast<int>(smaller(Vector::width, a.channels - c));
            Vector block[Vector::width];
            KERNELET_UNROLL
            for (int k = 0; k < Vector::width; ++k) {
                block[k] =
                    k < cells ? load_some(source + k * distance + c, together) : Vector::zero();
            }
            transpose(block);
            KERNELET_UNROLL
            for (int k = 0; k < Vector::width; ++k) {
                if (k < together) store_some(block[k], target + (c + k) * row_floats, cells);
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
        const float* source = taps.ring.place(taps.rows.source + row * a.dilation_height) + cell;
        for (std::int64_t column = 0; column < a.kernel_width; ++column) {
            const std::int64_t position = column * a.dilation_width;
            const float* x =
                source + (a.stride_width == 1 ? position
                                              : position % a.stride_width * taps.ring.phase_floats +
                                                    position / a.stride_width);
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
            values[f] = Finish::of_channel(taps.epilogue, f)(sums[f][p]);
        }
        const std::int64_t here = larger(0, smaller(count - p * Vector::width, Vector::width));
        store_cells<F>(values, here, output + p * Vector::width * taps.a.output_floats,
                       taps.a.output_floats);
    }
}

template <int F>
inline void cells_row(const CellTaps& taps, float* output) {
    // Sums, inputs and a weight fit the registers.
    constexpr int most = F <= 3 ? 4 : F <= 6 || Vector::registers >= 32 ? 2 : 1;
    std::int64_t cell = 0;
    while (cell < taps.a.output_width) {
        const std::int64_t left = taps.a.output_width - cell;
        float* target = output + cell * taps.a.output_floats;
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
// all channels as the taps of one cell span. Pieces are rows of output cells; there is one plane
// and one group of channels.
inline void convolution_single_cells(const Call& call) {
    const auto& a = arguments<SingleConvolutionArguments>(call);
    static constexpr auto functions =
        cells_rows(std::make_integer_sequence<int, most_cell_filters>());
    const ConvolutionWindow window(a);
    RowRing ring(a, call.operands[0], call.operands[5]);
    for (std::int64_t row = call.begin; row < call.end; ++row) {
        const AxisTaps rows = forward_taps(row, window.height);
        const std::int64_t first = row * a.stride_height - a.pad_height;
        ring.reach(larger(first, 0), smaller(first + ring.places, a.height));
        const float* weights =
            call.operands[1] + rows.first * a.kernel_width * a.channels * a.filters;
        float* output = call.operands[4] + row * a.output_width * a.output_floats;
        functions[static_cast<std::size_t>(a.filters - 1)](
            {a, ring, rows, weights,
             epilogue_of(call.operands[2], 0, a.activation, a.slope, call.operands[3])},
            output);
        activate_channels(output, a.output_width, a.output_floats, a.filters, a.activation);
    }
}

}  // namespace kernelet::KERNELET_ISA
