// Convolution by Winograd's algorithm: tiles of 6×6 cells become 36 values each, every one of which
// is multiplied and added over the channels apart, and 36 sums become the outputs of a tile.
//
// Tiles are taken a strip at a time, so that their values stay in the second-level cache. A cell is
// a run of floats in either storage, channels × lanes of a block of samples or padded channels of a
// single one; only the products in between differ. Products of a position are added in the order of
// the channels, so that both give the same bits.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/convolution.h"
#include "kernels/pointwise.h"
#include "kernels/single_convolution.h"
#include "kernels/single_tile.h"
#include "kernels/tile.h"
#include "kernels/winograd_transforms.h"

namespace kernelet::KERNELET_ISA {

// Cells of a picture in row-major order; cells outside are zero.
template <class Float>
struct Cells {
    Float* first;
    std::int64_t height;
    std::int64_t width;
    std::int64_t cell_floats;  // between cells
    std::int64_t floats;       // of a cell

    Float* at(std::int64_t row, std::int64_t column) const {
        return first + (row * width + column) * cell_floats;
    }
};

// The tiles of an output, numbered along rows.
struct TileGrid {
    std::int64_t rows;
    std::int64_t columns;

    TileGrid(std::int64_t height, std::int64_t width, std::int64_t outputs)
        : rows((height + outputs - 1) / outputs), columns((width + outputs - 1) / outputs) {}
    std::int64_t count() const { return rows * columns; }
};

// `read(i, j)` is cell (i, j) of a tile; its value at each position goes to `target`.
template <class Read>
KERNELET_INLINE void transform_tile(const Read& read, float* target, std::int64_t stride) {
    Vector half[winograd_points][winograd_points];
    KERNELET_UNROLL
    for (int j = 0; j < winograd_points; ++j) {
        Vector column[winograd_points];
        Vector values[winograd_points];
        KERNELET_UNROLL
        for (int i = 0; i < winograd_points; ++i) column[i] = read(i, j);
        transform_cells(column, values);
        KERNELET_UNROLL
        for (int i = 0; i < winograd_points; ++i) half[i][j] = values[i];
    }
    KERNELET_UNROLL
    for (int i = 0; i < winograd_points; ++i) {
        Vector values[winograd_points];
        transform_cells(half[i], values);
        KERNELET_UNROLL
        for (int j = 0; j < winograd_points; ++j) {
            values[j].store(target + (i * winograd_points + j) * stride);
        }
    }
}

// Where the cells of a tile lie that may reach beyond the border; those outside are a vector of
// zeros at any offset.
template <int Size>
class ClippedTile {
  public:
    ClippedTile(const Cells<const float>& input, std::int64_t top, std::int64_t left) {
        for (int i = 0; i < Size; ++i) {
            for (int j = 0; j < Size; ++j) {
                const bool inside = top + i >= 0 && top + i < input.height && left + j >= 0 &&
                                    left + j < input.width;
                places_[i][j] = inside ? input.at(top + i, left + j) : no_numbers;
                masks_[i][j] = inside ? -1 : 0;
            }
        }
    }

    KERNELET_INLINE const float* at(int i, int j, std::int64_t offset) const {
        return places_[i][j] + (offset & masks_[i][j]);
    }

  private:
    const float* places_[Size][Size];
    std::int64_t masks_[Size][Size];  // of the bits of an offset that count
};

// The tile whose first cell is (top, left), which may lie outside. A function of its own: within
// its callers the compiler keeps so many numbers at hand that vectors go through memory.
template <int Taps>
[[gnu::noinline]] inline void transform_input(const Cells<const float>& input, std::int64_t top,
                                              std::int64_t left, float* target,
                                              std::int64_t stride) {
    constexpr int outputs = winograd_outputs<Taps>;
    // Tiles lie apart by the number of outputs, and cells of the rows above have been read before.
    // Into the second-level cache: in the first, which few sets of share, they would not last.
    const auto read = [&](const float* place, int i, int j, int count) {
        constexpr int shared = winograd_points - outputs;
        if (i >= shared && j >= shared) {
            __builtin_prefetch(place + outputs * input.cell_floats, 0, 2);
        }
        return load_some(place, count);
    };
    const bool inside = top >= 0 && left >= 0 && top + winograd_points <= input.height &&
                        left + winograd_points <= input.width;
    if (inside) {
        const std::int64_t row_floats = input.width * input.cell_floats;
        const float* corner = input.at(top, left);
        for_vectors(input.floats, [&](std::int64_t offset, int count) {
            const auto cell = [&](int i, int j) {
                return read(corner + i * row_floats + j * input.cell_floats + offset, i, j, count);
            };
            transform_tile(cell, target + offset, stride);
        });
        return;
    }
    const ClippedTile<winograd_points> tile(input, top, left);
    for_vectors(input.floats, [&](std::int64_t offset, int count) {
        const auto cell = [&](int i, int j) { return read(tile.at(i, j, offset), i, j, count); };
        transform_tile(cell, target + offset, stride);
    });
}

// Outputs of a tile from the sums of its positions; `write(i, j, value)` puts cell (i, j).
template <int Taps, class Write>
KERNELET_INLINE void transform_sums(const float* sums, std::int64_t stride, int count,
                                    const Write& write) {
    constexpr int outputs = winograd_outputs<Taps>;
    Vector half[winograd_points][outputs];
    KERNELET_UNROLL
    for (int i = 0; i < winograd_points; ++i) {
        Vector row[winograd_points];
        KERNELET_UNROLL
        for (int j = 0; j < winograd_points; ++j) {
            row[j] = load_some(sums + (i * winograd_points + j) * stride, count);
        }
        combine<outputs>(row, half[i]);
    }
    KERNELET_UNROLL
    for (int j = 0; j < outputs; ++j) {
        Vector column[winograd_points];
        Vector values[outputs];
        KERNELET_UNROLL
        for (int i = 0; i < winograd_points; ++i) column[i] = half[i][j];
        combine<outputs>(column, values);
        KERNELET_UNROLL
        for (int i = 0; i < outputs; ++i) write(i, j, values[i]);
    }
}

// The tile whose first cell is (top, left), as far as it is inside; `finish_of(offset, count)` says
// what becomes of the sums of a cell's floats from `offset` on.
template <int Taps, class FinishOf>
inline void transform_output(const float* sums, std::int64_t stride, const Cells<float>& output,
                             std::int64_t top, std::int64_t left, const FinishOf& finish_of) {
    const std::int64_t row_floats = output.width * output.cell_floats;
    float* corner = output.at(top, left);
    for_vectors(output.floats, [&](std::int64_t offset, int count) {
        const Finish finish = finish_of(offset, count);
        transform_sums<Taps>(sums + offset, stride, count, [&](int i, int j, Vector value) {
            if (top + i < output.height && left + j < output.width) {
                store_some(finish(value), corner + i * row_floats + j * output.cell_floats + offset,
                           count);
            }
        });
    });
}

// Values and sums of a strip of tiles in a kernel's workspace.
struct WinogradStrip {
    float* values;
    float* sums;
    std::int64_t value_floats;  // of a tile at one position
    std::int64_t sum_floats;
    std::int64_t value_stride;  // between positions
    std::int64_t sum_stride;

    WinogradStrip(float* workspace, std::int64_t tiles, std::int64_t input_floats,
                  std::int64_t output_floats)
        : values(workspace),
          value_floats(input_floats),
          sum_floats(output_floats),
          value_stride(position_stride(tiles, input_floats)),
          sum_stride(position_stride(tiles, output_floats)) {
        sums = workspace + winograd_positions * value_stride;
    }
};

// Applies `multiply(strip, tiles)` and both transforms to tiles [begin, end), a strip at a time.
template <int Taps, class Arguments, class Multiply, class FinishOf>
inline void winograd_tiles(const Arguments& a, const Cells<const float>& input,
                           const Cells<float>& output, const WinogradStrip& strip,
                           std::int64_t begin, std::int64_t end, const Multiply& multiply,
                           const FinishOf& finish_of) {
    constexpr std::int64_t outputs = winograd_outputs<Taps>;
    const TileGrid grid(output.height, output.width, outputs);
    for (std::int64_t first = begin; first < end; first += a.tiles) {
        const std::int64_t tiles = smaller(a.tiles, end - first);
        for (std::int64_t t = 0; t < tiles; ++t) {
            transform_input<Taps>(input, (first + t) / grid.columns * outputs - a.pad_height,
                                  (first + t) % grid.columns * outputs - a.pad_width,
                                  strip.values + t * strip.value_floats, strip.value_stride);
        }
        multiply(tiles);
        for (std::int64_t t = 0; t < tiles; ++t) {
            transform_output<Taps>(strip.sums + t * strip.sum_floats, strip.sum_stride, output,
                                   (first + t) / grid.columns * outputs,
                                   (first + t) % grid.columns * outputs, finish_of);
        }
    }
}

// The same for the call's pieces, which are rows of tiles, and the activations that `finish_of`
// leaves.
template <int Taps, class Arguments, class Multiply, class FinishOf>
inline void winograd_rows(const Arguments& a, const Call& call, const Cells<const float>& input,
                          const Cells<float>& output, const WinogradStrip& strip,
                          const Multiply& multiply, const FinishOf& finish_of) {
    constexpr std::int64_t outputs = winograd_outputs<Taps>;
    const std::int64_t columns = TileGrid(output.height, output.width, outputs).columns;
    winograd_tiles<Taps>(a, input, output, strip, call.begin * columns, call.end * columns,
                         multiply, finish_of);
    const std::int64_t first = call.begin * outputs;
    const std::int64_t rows = smaller(call.end * outputs, output.height) - first;
    activate_channels(output.at(first, 0), rows * output.width, output.cell_floats, output.floats,
                      a.activation);
}

// A position's products: one tap, a run of all channels.
inline TapGrid channel_grid(std::int64_t channels) { return {1, 1, 1, channels, 0, 0, 0, 0, 0, 0}; }

inline constexpr Epilogue no_epilogue = {nullptr, Activation::linear, 0.0F, nullptr};

template <int Taps>
inline void winograd_block(const Call& call) {
    const auto& a = arguments<WinogradArguments>(call);
    const Cells<const float> input{call.operands[0], a.height, a.width, a.channels * lanes,
                                   a.channels * lanes};
    const Cells<float> output{call.operands[4], a.output_height, a.output_width, a.filters * lanes,
                              a.filters * lanes};
    const WinogradStrip strip(call.operands[5], a.tiles, input.floats, output.floats);
    const Epilogue epilogue =
        epilogue_of(call.operands[2], 0, a.activation, a.slope, call.operands[3]);
    const auto multiply = [&](std::int64_t tiles) {
        for (int k = 0; k < winograd_positions; ++k) {
            const float* filters = call.operands[1] + k * position_stride(a.channels, a.filters);
            const float* values = strip.values + k * strip.value_stride;
            float* sums = strip.sums + k * strip.sum_stride;
            for_filter_blocks(a.filters, a.channels, filters,
                              [&](std::int64_t q, const float* weights, std::int64_t block) {
                                  const CellsFunction run = cells_of_block<Unfinished>[block];
                                  run(tiles, values, strip.value_floats, channel_grid(a.channels),
                                      weights, sums + q * lanes, strip.sum_floats, no_epilogue);
                              });
        }
    };
    const auto finish_of = [&](std::int64_t offset, int) {
        return Finish::of_channel(epilogue, offset / lanes);
    };
    winograd_rows<Taps>(a, call, input, output, strip, multiply, finish_of);
}

// Operands: input, filters transformed by `pack_filters_winograd`, bias or null, factors or null,
// output, workspace. Pieces are rows of tiles.
inline void winograd_convolution(const Call& call) {
    if (arguments<WinogradArguments>(call).taps == 3) {
        winograd_block<3>(call);
    } else {
        winograd_block<5>(call);
    }
}

// Tiles of all filters, or, by panels, all tiles of some filters: threads that share many filters
// then read each of them once.
template <int Taps>
inline void winograd_sample(const Call& call) {
    const auto& a = arguments<SingleWinogradArguments>(call);
    const std::int64_t first = a.by_panels ? call.begin * lanes : 0;
    const std::int64_t filters =
        a.by_panels ? smaller(call.end * lanes, a.filters) - first : a.filters;
    const Cells<const float> input{call.operands[0], a.height, a.width, a.cell_floats, a.channels};
    const Cells<float> output{call.operands[4] + first, a.output_height, a.output_width,
                              a.output_floats, filters};
    const WinogradStrip strip(call.operands[5], a.tiles, padded_channels(a.channels),
                              padded_channels(filters));
    const auto multiply = [&](std::int64_t tiles) {
        for (int k = 0; k < winograd_positions; ++k) {
            const OutputCells cells{1,
                                    tiles,
                                    strip.values + k * strip.value_stride,
                                    0,
                                    strip.value_floats,
                                    strip.sums + k * strip.sum_stride,
                                    0,
                                    strip.sum_floats};
            run_panels(
                cells, channel_grid(a.channels),
                {call.operands[1] + k * position_stride(a.channels, padded_channels(a.filters)) +
                     a.channels * first,
                 a.channels * lanes, filters, no_epilogue},
                [](std::int64_t, std::int64_t) { return Span{0, 1}; });
        }
    };
    const Epilogue epilogue =
        epilogue_of(call.operands[2], first, a.activation, a.slope, call.operands[3]);
    const auto finish_of = [&](std::int64_t offset, int count) {
        return Finish::of_channels(epilogue, offset, count);
    };
    if (!a.by_panels) {
        winograd_rows<Taps>(a, call, input, output, strip, multiply, finish_of);
        return;
    }
    const TileGrid grid(a.output_height, a.output_width, winograd_outputs<Taps>);
    winograd_tiles<Taps>(a, input, output, strip, 0, grid.count(), multiply, finish_of);
    activate_channels(output.first, a.output_height * a.output_width, output.cell_floats, filters,
                      a.activation);
}

// The same for a single sample.
inline void winograd_single(const Call& call) {
    if (arguments<SingleWinogradArguments>(call).taps == 3) {
        winograd_sample<3>(call);
    } else {
        winograd_sample<5>(call);
    }
}

}  // namespace kernelet::KERNELET_ISA
