// The gradient by the filters in bfloat16 by matrix tiles: 16 of its rows, taps × channels, × 16
// filters a tile of sums.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/bfloat16/tile_block.h"
#include "kernels/bfloat16/tile_gradient_layout.h"
#include "kernels/bfloat16/upstream_rows.h"

namespace kernelet::KERNELET_ISA {

// Writes rows of inputs in order, each before a band first reads it; the next ones take the places
// of those that no band reads any more.
class GradientInputs {
  public:
    GradientInputs(const GradientTileLayout& layout, const InputRows& source, const Span& groups,
                   Pair* pairs)
        : layout_(layout), source_(source), groups_(groups), pairs_(pairs) {}

    // Makes ready what `count` rows of output cells read.
    void require_for(std::int64_t plane, std::int64_t row, std::int64_t count) {
        const auto& a = layout_.a;
        const std::int64_t taps = a.kernel_depth * a.kernel_height;
        const std::int64_t last = row_of(plane, row + count - 1, taps - 1);
        for (; done_ <= last; ++done_) write(done_);
        if (!a.rows_together) return;
        for (std::int64_t k = 0; k < count * taps; ++k) {
            copy(place(row_of(plane, row + k / taps, k % taps)), k / taps, k % taps);
        }
    }

    // What a row of the filter's taps reads for the first cell of row `row + r`.
    const Pair* inputs(std::int64_t plane, std::int64_t row, std::int64_t r,
                       std::int64_t taps) const {
        return layout_.a.rows_together ? copies(r, taps) : place(row_of(plane, row + r, taps));
    }

  private:
    // The row of inputs that a row of taps reads, counted through all planes.
    std::int64_t row_of(std::int64_t plane, std::int64_t row, std::int64_t taps) const {
        const auto& a = layout_.a;
        return (plane * a.stride_depth + taps / a.kernel_height * a.dilation_depth) * layout_.rows +
               row * a.stride_height + taps % a.kernel_height * a.dilation_height;
    }
    Pair* place(std::int64_t row) const {
        return pairs_ + row % layout_.kept_rows * layout_.row_size();
    }

    Pair* copies(std::int64_t r, std::int64_t plane) const {
        const auto& a = layout_.a;
        return pairs_ + layout_.rows_size() +
               (r * a.kernel_depth + plane) * a.kernel_height * layout_.row_size();
    }

    // A row of inputs among those that a run takes for row `r` of the band.
    void copy(const Pair* row, std::int64_t r, std::int64_t taps) const {
        const auto& a = layout_.a;
        const std::int64_t size = layout_.channels * lanes;
        Pair* target = copies(r, taps / a.kernel_height) + taps % a.kernel_height * size;
        for (std::int64_t k = 0; k < a.groups * layout_.positions; ++k) {
            for (std::int64_t c = 0; c < size; c += IntVector::width) {
                IntVector::load(row + c).store(target + c);
            }
            row += size;
            target += a.kernel_height * size;
        }
    }

    void write(std::int64_t position) {
        const auto& a = layout_.a;
        const std::int64_t plane = position / layout_.rows - a.pad_depth;
        const std::int64_t row = position % layout_.rows - a.pad_height;
        const bool inside = plane >= 0 && plane < a.depth && row >= 0 && row < a.height;
        if (!inside) {
            clear_pairs(place(position), layout_.row_size());
            return;
        }
        source_.visit(plane * a.height + row, [&](const auto& cells) {
            write_gradient_inputs(layout_, cells, groups_, place(position));
        });
    }

    const GradientTileLayout& layout_;
    InputRows source_;
    Span groups_;
    Pair* pairs_;
    std::int64_t done_ = 0;
};

// Rows of output cells that are summed up together.
struct GradientBand {
    std::int64_t plane;
    std::int64_t row;
    std::int64_t rows;
    bool first;
    bool last;
};

// Sixteen of the gradient's rows: which row of taps they belong to, and where their inputs begin.
struct TileOfRows {
    std::int64_t taps;
    std::int64_t offset;

    TileOfRows(const GradientTileLayout& layout, std::int64_t group, std::int64_t t)
        : taps(t / layout.run_tiles / layout.columns),
          offset(group * layout.group_size() * layout.rows_of_run() +
                 t / layout.run_tiles % layout.columns * layout.a.dilation_width * layout.channels *
                     lanes +
                 t % layout.run_tiles * tile_pairs) {}
};

// The gradient of one group, of all taps and some tiles of filters.
struct GradientTiles {
    const GradientTileLayout& layout;
    const GradientInputs& inputs;
    std::int64_t group;
    Span filter_tiles;
    const Pair* upstream;  // of the group
    float* sums;           // of the group, where there are several bands
    float* gradient;       // first filter of the group
    bool fresh;            // the gradient is written, not added to
    Tiles& tiles;

    void run(const GradientBand& band) const {
        layout.shifts ? run_shifted(band) : run_tiles(band);
    }

  private:
    void run_tiles(const GradientBand& band) const {
        for (std::int64_t q = filter_tiles.begin; q < filter_tiles.end; q += 2) {
            const bool both = filter_tiles.end - q > 1;
            for (std::int64_t t = 0; t < layout.tiles(); t += 2) {
                if (layout.tiles() - t > 1) {
                    both ? block<2, 2>(band, t, q) : block<2, 1>(band, t, q);
                } else {
                    both ? block<1, 2>(band, t, q) : block<1, 1>(band, t, q);
                }
            }
        }
    }

    // Taps of a row of the filter read inputs shifted by one position each: tiles of inputs are
    // loaded once for two or three taps. All that is multiplied comes from the second cache, which
    // takes longer than the products.
    void run_shifted(const GradientBand& band) const {
        const std::int64_t parts = layout.channels / tile_rows;
        for (std::int64_t q = filter_tiles.begin; q < filter_tiles.end; q += 2) {
            const bool both = filter_tiles.end - q > 1;
            for (std::int64_t run = 0; run < layout.runs; ++run) {
                for (std::int64_t tap = 0; tap < layout.a.kernel_width;) {
                    const std::int64_t left = layout.a.kernel_width - tap;
                    const int taps = left == 2 || left == 4 ? 2 : 3;
                    for (std::int64_t part = 0; part < parts; ++part) {
                        const std::int64_t t = run * layout.run_tiles + tap * parts + part;
                        if (taps == 3) {
                            shifted<3, 1>(band, t, q);
                            if (both) shifted<3, 1>(band, t, q + 1);
                        } else {
                            both ? shifted<2, 2>(band, t, q) : shifted<2, 1>(band, t, q);
                        }
                    }
                    tap += taps;
                }
            }
        }
    }

    // T taps from tile `t` on × F tiles of filters.
    template <int T, int F>
    void shifted(const GradientBand& band, std::int64_t t, std::int64_t q) const {
        const TileOfRows one(layout, group, t);
        const Pair* y = upstream + q * layout.panel_size();
        const std::int64_t step = layout.step_size();
        const std::int64_t apart = layout.channels / tile_rows;
        using Block = TileBlock<F, T>;
        Block::for_sums(
            [&]<int tile>(int f, int tap) { begin<tile>(band, t + tap * apart, q + f); });
        for (std::int64_t row = 0; row < band.rows; ++row) {
            const Pair* x = inputs.inputs(band.plane, band.row, row, one.taps) + one.offset;
            tiles.template load<T * F>(x, tile_row_bytes);
            if constexpr (T == 3) tiles.template load<T * F + 1>(x + step, tile_row_bytes);
            x += (T - 1) * step;
            std::int64_t k = 0;
            for (; k + T <= layout.steps; k += T) {
                turn<T, F, 0>(x, y);
                turn<T, F, 1>(x + step, y + tile_pairs);
                if constexpr (T == 3) turn<T, F, 2>(x + 2 * step, y + 2 * tile_pairs);
                x += T * step;
                y += T * tile_pairs;
            }
            if (k < layout.steps) turn<T, F, 0>(x, y);
            if constexpr (T == 3) {
                if (k + 1 < layout.steps) turn<T, F, 1>(x + step, y + tile_pairs);
            }
            y += (layout.steps - k) * tile_pairs;
        }
        Block::for_sums([&]<int tile>(int f, int tap) { end<tile>(band, t + tap * apart, q + f); });
    }

    // The products of a step: the last tap's inputs take the place of those that no tap reads any
    // more.
    template <int T, int F, int first>
    KERNELET_INLINE void turn(const Pair* x, const Pair* y) const {
        constexpr int x_tile = T * F;
        constexpr int y_tile = x_tile + T;
        tiles.template load<x_tile + (first + T - 1) % T>(x, tile_row_bytes);
        tiles.template load<y_tile>(y, tile_row_bytes);
        multiply_taps<T, first, 0, x_tile, y_tile>();
        if constexpr (F == 2) {
            tiles.template load<y_tile + 1>(y + layout.panel_size(), tile_row_bytes);
            multiply_taps<T, first, T, x_tile, y_tile + 1>();
        }
    }

    template <int T, int first, int sums, int x_tile, int y_tile>
    KERNELET_INLINE void multiply_taps() const {
        tiles.template multiply<sums, x_tile + first, y_tile>();
        tiles.template multiply<sums + 1, x_tile + (first + 1) % T, y_tile>();
        if constexpr (T == 3) tiles.template multiply<sums + 2, x_tile + (first + 2) % T, y_tile>();
    }

    // R tiles of rows from tile `t` on × F tiles of filters.
    template <int R, int F>
    void block(const GradientBand& band, std::int64_t t, std::int64_t q) const {
        const std::int64_t step = layout.step_size();
        const TileOfRows one(layout, group, t);
        const TileOfRows other(layout, group, t + R - 1);
        const Pair* y = upstream + q * layout.panel_size();
        using Block = TileBlock<R, F>;
        Block::for_sums([&]<int tile>(int r, int f) { begin<tile>(band, t + r, q + f); });
        for (std::int64_t row = 0; row < band.rows; ++row) {
            const Pair* x = inputs.inputs(band.plane, band.row, row, one.taps) + one.offset;
            const Pair* next = inputs.inputs(band.plane, band.row, row, other.taps) + other.offset;
            for (std::int64_t k = 0; k < layout.steps; ++k) {
                Block::multiply(tiles, {x, next}, {y, y + layout.panel_size()});
                x += step;
                next += step;
                y += tile_pairs;
            }
        }
        Block::for_sums([&]<int tile>(int r, int f) { end<tile>(band, t + r, q + f); });
    }

    float* waiting(std::int64_t t, std::int64_t q) const {
        return sums + (q * layout.tiles() + t) * tile_pairs;
    }

    template <int tile>
    void begin(const GradientBand& band, std::int64_t t, std::int64_t q) const {
        if (band.first) {
            tiles.template zero<tile>();
        } else {
            tiles.template load<tile>(waiting(t, q), tile_row_bytes);
        }
    }

    template <int tile>
    void end(const GradientBand& band, std::int64_t t, std::int64_t q) const {
        if (!band.last) {
            tiles.template store<tile>(waiting(t, q), tile_row_bytes);
            return;
        }
        alignas(64) float total[tile_pairs];
        tiles.template store<tile>(total, tile_row_bytes);
        const std::int64_t part = t % layout.run_tiles * tile_rows;
        const std::int64_t run = t / layout.run_tiles;
        const std::int64_t count = smaller(tile_filters, layout.filters - q * tile_filters);
        for (std::int64_t r = 0; r < smaller(tile_rows, layout.run_rows - part); ++r) {
            const std::int64_t at = layout.gradient_row(run, part + r);
            float* target = gradient + at * layout.a.filters + q * tile_filters;
            const float* row = total + r * tile_filters;
            for_vectors(count, [&](std::int64_t k, int some) {
                const Vector sum = Vector::load(row + k);
                store_some(fresh ? sum : load_some(target + k, some) + sum, target + k, some);
            });
        }
    }
};

// Operands: input, upstream gradient, its indices or null, partial sums of the gradient and of that
// by the bias or null, workspace. Pieces are filters.
inline void filter_gradient_by_tiles(const Call& call) {
    const auto& a = arguments<FilterGradientBfloat16Arguments>(call);
    const GradientTileLayout layout(a);
    auto* pairs = reinterpret_cast<Pair*>(call.operands[5]);
    Pair* upstream = pairs + layout.input_size();
    float* sums = call.operands[5] + layout.input_size() + layout.upstream_size();
    const FiltersOfCall wanted(call);
    const Span groups = wanted.groups();
    GradientInputs inputs(layout, gradient_input_rows(call), groups, pairs);
    const UpstreamRows rows(call);
    Tiles tiles;
    std::int64_t done = 0;
    for (std::int64_t plane = 0; plane < a.output_depth; ++plane) {
        for (std::int64_t row = 0; row < a.output_height; row += layout.band, ++done) {
            const GradientBand band{plane, row, smaller(layout.band, a.output_height - row),
                                    done == 0, done + 1 == layout.bands()};
            inputs.require_for(plane, row, band.rows);
            for (std::int64_t r = 0; r < band.rows; ++r) {
                const std::int64_t line = plane * a.output_height + row + r;
                rows.rows().visit(line, [&](const auto& cells) {
                    write_gradient_upstream(layout, cells, wanted,
                                            upstream + r * layout.steps * tile_pairs);
                });
                rows.add(line);
            }
            for (std::int64_t g = groups.begin; g < groups.end; ++g) {
                const std::int64_t panels = g * layout.filter_tiles();
                GradientTiles{layout,
                              inputs,
                              g,
                              wanted.pieces_of(g),
                              upstream + panels * layout.panel_size(),
                              sums + panels * layout.tiles() * tile_pairs,
                              call.operands[3] + g * layout.filters,
                              call.first,
                              tiles}
                    .run(band);
            }
        }
    }
    rows.finish();
}

}  // namespace kernelet::KERNELET_ISA
