// Convolution of single samples in bfloat16, with float32 sums: 16 output cells × 16 filters a tile
// of sums. Cells and filters of a tile change no bit of a sum, so neither do the pieces of threads.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/bfloat16/single_rows.h"
#include "kernels/convolution.h"
#include "kernels/single_convolution.h"

namespace kernelet::KERNELET_ISA {

// Filters of a panel: two tiles.
inline constexpr std::int64_t single_panel = convolution_single_bfloat16_piece;
static_assert(single_panel == 2 * bfloat16_filters);

// Where the products of an output cell lie, in numbers from its first one on; weights follow each
// other in the same order.
struct SingleTaps {
    std::int64_t planes;
    std::int64_t rows;
    std::int64_t columns;
    std::int64_t chunks;
    std::int64_t plane_stride;
    std::int64_t row_stride;
    std::int64_t column_stride;

    explicit SingleTaps(const SingleRowsLayout& layout) {
        const SingleConvolutionBfloat16Arguments& a = layout.a;
        if (a.gathered) {
            *this = {1, 1, 1, layout.lines / line_numbers, 0, 0, 0};
        } else {
            *this = {a.kernel_depth,
                     a.kernel_height,
                     a.kernel_width,
                     layout.cell / line_numbers,
                     layout.plane,
                     a.dilation_height * layout.row,
                     a.dilation_width * layout.cell};
        }
    }

    // Calls `function(input, weights)` for each chunk, with where its numbers and weights lie
    // behind the first ones.
    template <class Function>
    KERNELET_INLINE void for_chunks(const Function& function) const {
        std::int64_t weights = 0;
        for (std::int64_t plane = 0; plane < planes; ++plane) {
            for (std::int64_t row = 0; row < rows; ++row) {
                std::int64_t input = plane * plane_stride + row * row_stride;
                for (std::int64_t column = 0; column < columns; ++column) {
                    for (std::int64_t k = 0; k < chunks; ++k, weights += weight_chunk) {
                        function(input + k * line_numbers, weights);
                    }
                    input += column_stride;
                }
            }
        }
    }

  private:
    SingleTaps(std::int64_t plane_count, std::int64_t row_count, std::int64_t column_count,
               std::int64_t chunk_count, std::int64_t plane, std::int64_t row, std::int64_t column)
        : planes(plane_count),
          rows(row_count),
          columns(column_count),
          chunks(chunk_count),
          plane_stride(plane),
          row_stride(row),
          column_stride(column) {}
};

// Neighbouring output cells of a tile, of which there may be only `count`.
struct CellsOfTile {
    const Bfloat16* input;
    float* output;
    std::int64_t count;
};

// Rows of output cells in the order in which tiles take them.
struct RowsOfTiles {
    const Bfloat16* input;
    float* output;
    std::int64_t rows;
    std::int64_t cells;  // of a row
    std::int64_t input_row;
    std::int64_t input_cell;
    std::int64_t output_cell;
    std::int64_t tile_cells;

    std::int64_t tiles_of_row() const { return (cells + tile_cells - 1) / tile_cells; }
    std::int64_t tiles() const { return rows * tiles_of_row(); }
    CellsOfTile tile(std::int64_t number) const {
        const std::int64_t row = number / tiles_of_row();
        const std::int64_t cell = number % tiles_of_row() * tile_cells;
        return {input + row * input_row + cell * input_cell,
                output + (row * cells + cell) * output_cell, smaller(tile_cells, cells - cell)};
    }
};

// The filters of one or two tiles.
struct FiltersOfTiles {
    const Pair* weights;
    std::int64_t block_size;  // pairs from one tile's weights to the next one's
    std::int64_t filters;     // from the first one on; perhaps more than a tile has
    Epilogue epilogue;
};

// Finishes sums [cell][filter] of a tile and stores them.
KERNELET_INLINE void store_sums(const float* sums, const CellsOfTile& cells,
                                const FiltersOfTiles& filters, std::int64_t first,
                                std::int64_t output_cell) {
    const std::int64_t left = smaller(bfloat16_filters, filters.filters - first);
    for (std::int64_t f = 0; f < left; f += Vector::width) {
        const auto some = static_cast<int>(smaller(Vector::width, left - f));
        const Finish finish = Finish::of_channels(filters.epilogue, first + f, some);
        float* target = cells.output + first + f;
        for (std::int64_t cell = 0; cell < cells.count; ++cell, target += output_cell) {
            store_some(finish(Vector::load(sums + cell * bfloat16_filters + f)), target, some);
        }
    }
}

// Sums of tiles in registers, those of some cells at once: the broadcast of a pair serves all their
// filters, and products need not wait for each other.
struct SingleSumsInRegisters {
    static constexpr int vectors = static_cast<int>(bfloat16_filters) / Vector::width;
    // Cells whose sums with the filters of two tiles leave registers for weights and a pair.
    static constexpr int together = vectors == 1 ? 8 : 1;

    template <int C, int F>
    static void multiply(const SingleTaps& taps, const RowsOfTiles& rows,
                         const CellsOfTile (&cells)[2], const FiltersOfTiles& filters) {
        for (int c = 0; c < C; ++c) multiply_tile<F>(taps, rows, cells[c], filters);
    }

  private:
    template <int F>
    static void multiply_tile(const SingleTaps& taps, const RowsOfTiles& rows,
                              const CellsOfTile& cells, const FiltersOfTiles& filters) {
        alignas(64) float stored[F][tile_cells_of_sample * bfloat16_filters];
        for (std::int64_t cell = 0; cell < cells.count; cell += together) {
            multiply_cells<F>(taps, rows, cells, cell, filters, stored);
        }
        for (int f = 0; f < F; ++f) {
            store_sums(stored[f], cells, filters, f * bfloat16_filters, rows.output_cell);
        }
    }

    // Cells from `cell` on. There may be fewer; then the last one is taken again.
    template <int F>
    static void multiply_cells(const SingleTaps& taps, const RowsOfTiles& rows,
                               const CellsOfTile& cells, std::int64_t cell,
                               const FiltersOfTiles& filters,
                               float (&stored)[F][tile_cells_of_sample * bfloat16_filters]) {
        const Bfloat16* numbers[together];
        Vector sums[together][F * vectors];
        KERNELET_UNROLL
        for (int k = 0; k < together; ++k) {
            numbers[k] = cells.input + smaller(cell + k, cells.count - 1) * rows.input_cell;
            KERNELET_UNROLL
            for (int v = 0; v < F * vectors; ++v) sums[k][v] = Vector::zero();
        }
        taps.for_chunks([&](std::int64_t input, std::int64_t weights) {
            const Pair* w = filters.weights + weights;
            for (std::int64_t pair = 0; pair < chunk_pairs; ++pair, w += bfloat16_filters) {
                IntVector weight[F * vectors];
                KERNELET_UNROLL
                for (int v = 0; v < F * vectors; ++v) {
                    weight[v] = IntVector::load(w + v / vectors * filters.block_size +
                                                v % vectors * Vector::width);
                }
                KERNELET_UNROLL
                for (int k = 0; k < together; ++k) {
                    Pair both;
                    __builtin_memcpy(&both, numbers[k] + input + 2 * pair, sizeof both);
                    const IntVector broadcast = IntVector::broadcast(both);
                    KERNELET_UNROLL
                    for (int v = 0; v < F * vectors; ++v) {
                        sums[k][v] = add_products(broadcast, weight[v], sums[k][v]);
                    }
                }
            }
        });
        KERNELET_UNROLL
        for (int k = 0; k < together; ++k) {
            KERNELET_UNROLL
            for (int v = 0; v < F * vectors; ++v) {
                sums[k][v].store(stored[v / vectors] + (cell + k) * bfloat16_filters +
                                 v % vectors * Vector::width);
            }
        }
    }
};

template <class Sums>
class SingleConvolutionBfloat16 {
  public:
    SingleConvolutionBfloat16(const Call& call, const SingleConvolutionBfloat16Arguments& a,
                              const Sums& sums)
        : call_(call),
          a_(a),
          sums_(sums),
          layout_(a),
          taps_(layout_),
          filters_(a.filters / a.groups),
          block_size_(taps_.planes * taps_.rows * taps_.columns * taps_.chunks * weight_chunk),
          rows_(reinterpret_cast<Bfloat16*>(call.operands[5])),
          gathered_(rows_ + layout_.rows_size()) {}

    void run() const {
        const PanelPieces pieces{call_.begin,     call_.end,        a_.band,  a_.by_rows != 0,
                                 a_.output_depth, a_.output_height, panels(), a_.groups};
        pieces.for_bands([&](const Band& band, std::int64_t group, const Span& panels_of_group) {
            run_group(band, group, panels_of_group);
        });
    }

  private:
    std::int64_t panels() const { return (filters_ + single_panel - 1) / single_panel; }

    void run_group(const Band& band, std::int64_t group, const Span& panels_of_group) const {
        const SingleRows rows(layout_, call_.operands[0] + group * layout_.channels, rows_);
        rows.fill(band);
        if (a_.gathered) rows.gather(band, gathered_);
        const std::int64_t blocks = (filters_ + bfloat16_filters - 1) / bfloat16_filters;
        const auto* weights =
            reinterpret_cast<const Pair*>(call_.operands[1]) + group * blocks * block_size_;
        const std::int64_t begin = panels_of_group.begin - group * panels();
        const std::int64_t end = panels_of_group.end - group * panels();
        for (std::int64_t panel = begin; panel < end; ++panel) {
            const std::int64_t first = panel * single_panel;
            const std::int64_t channel = group * filters_ + first;
            float* output = call_.operands[4] + channel + first_cell(band) * a_.output_floats;
            const FiltersOfTiles filters{weights + 2 * panel * block_size_, block_size_,
                                         filters_ - first,
                                         epilogue_of(call_.operands[2], channel, a_.activation,
                                                     a_.slope, call_.operands[3])};
            run_panel(rows_of(band, output), filters);
            activate_channels(output, (band.end - band.begin) * a_.output_width, a_.output_floats,
                              smaller(single_panel, filters_ - first), a_.activation);
        }
    }

    std::int64_t first_cell(const Band& band) const {
        return (band.plane * a_.output_height + band.begin) * a_.output_width;
    }

    RowsOfTiles rows_of(const Band& band, float* output) const {
        const std::int64_t rows = band.end - band.begin;
        if (a_.gathered) {
            return {gathered_,        output,       1, rows * a_.output_width, 0, layout_.lines,
                    a_.output_floats, a_.tile_cells};
        }
        return {rows_,
                output,
                rows,
                a_.output_width,
                a_.stride_height * layout_.row,
                a_.stride_width * layout_.cell,
                a_.output_floats,
                a_.tile_cells};
    }

    void run_panel(const RowsOfTiles& rows, const FiltersOfTiles& filters) const {
        if (filters.filters > bfloat16_filters) {
            run_tiles<2>(rows, filters);
        } else {
            run_tiles<1>(rows, filters);
        }
    }

    template <int F>
    void run_tiles(const RowsOfTiles& rows, const FiltersOfTiles& filters) const {
        const std::int64_t count = rows.tiles();
        std::int64_t tile = 0;
        for (; tile + 2 <= count; tile += 2) {
            sums_.template multiply<2, F>(taps_, rows, {rows.tile(tile), rows.tile(tile + 1)},
                                          filters);
        }
        if (tile < count) {
            const CellsOfTile last = rows.tile(tile);
            sums_.template multiply<1, F>(taps_, rows, {last, last}, filters);
        }
    }

    const Call& call_;
    const SingleConvolutionBfloat16Arguments& a_;
    const Sums& sums_;
    SingleRowsLayout layout_;
    SingleTaps taps_;
    std::int64_t filters_;     // of a group
    std::int64_t block_size_;  // pairs of the weights of one tile
    Bfloat16* rows_;
    Bfloat16* gathered_;
};

// Operands: input, filters packed by `pack_filters_single_bfloat16`, bias or null, factors or null,
// output, workspace. Pieces are output rows and panels of `single_panel` filters.
template <class Sums>
inline void convolve_single_bfloat16(const Call& call, const Sums& sums) {
    const auto& a = arguments<SingleConvolutionBfloat16Arguments>(call);
    SingleConvolutionBfloat16<Sums>(call, a, sums).run();
}

}  // namespace kernelet::KERNELET_ISA
