// Gradients by many filters: sums of outer products over strips of output cells.
//
// For each strip, the upstream gradient is stored anew in panels of neighbouring filters, and for
// each row of taps the input rows that it connects with the strip, some channels of them. Both stay
// in the caches while tiles of the gradient pass over them, and are read in runs.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/convolution.h"
#include "kernels/copying.h"
#include "kernels/outer_product.h"
#include "kernels/tile.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

static_assert(convolution_filter_gradient_strips_piece % outer_width == 0);

// Output cells of one plane; sums of the first strip may overwrite what there is.
struct Strip {
    bool overwrite;
    std::int64_t plane;
    Span rows;
    Span columns;

    std::int64_t width() const { return columns.end - columns.begin; }
    std::int64_t cells() const { return (rows.end - rows.begin) * width(); }
};

// Floats between the cells of the input and of the upstream gradient.
struct CellFloats {
    std::int64_t input;
    std::int64_t upstream;
};

// Positions of input cells along a row that a strip reads, as they are copied: `step` apart; output
// cells lie `stride` copied cells apart, taps `dilation`.
struct CopiedRow {
    std::int64_t step;
    std::int64_t stride;
    std::int64_t dilation;

    explicit CopiedRow(const WindowAxis& axis)
        : step(axis.kernel == 1 ? axis.stride : 1),
          stride(axis.kernel == 1 ? 1 : axis.stride),
          dilation(axis.dilation),
          reach_((axis.kernel - 1) * axis.dilation) {}

    std::int64_t cells(std::int64_t outputs) const { return (outputs - 1) * stride + reach_ + 1; }

  private:
    std::int64_t reach_;
};

template <int Samples, class Arguments>
class FilterGradientStrips {
  public:
    FilterGradientStrips(const Call& call, const CellFloats& floats)
        : a_(arguments<Arguments>(call)),
          window_(a_),
          floats_(floats),
          copied_(window_.width),
          channels_(a_.channels / a_.groups),
          filters_(a_.filters / a_.groups),
          chunks_((channels_ + a_.channels_together - 1) / a_.channels_together),
          filter_pieces_((filters_ + convolution_filter_gradient_strips_piece - 1) /
                         convolution_filter_gradient_strips_piece),
          input_(call.operands[0]),
          upstream_(call.operands[1]),
          gradient_(call.operands[2]),
          panels_(call.operands[3]),
          begin_(call.begin),
          end_(call.end) {
        rows_ = panels_ + a_.strip_rows * a_.strip_columns * Samples * whole_vectors(filters_);
    }

    void run(bool first) const {
        bool overwrite = first;
        for (std::int64_t plane = 0; plane < a_.output_depth; ++plane) {
            for (std::int64_t row = 0; row < a_.output_height; row += a_.strip_rows) {
                for (std::int64_t column = 0; column < a_.output_width;
                     column += a_.strip_columns) {
                    add_strip({overwrite,
                               plane,
                               {row, smaller(row + a_.strip_rows, a_.output_height)},
                               {column, smaller(column + a_.strip_columns, a_.output_width)}});
                    overwrite = false;
                }
            }
        }
    }

  private:
    // A group's channels, some of them at a time.
    struct Chunk {
        std::int64_t group;
        std::int64_t first;
        std::int64_t count;
    };

    std::int64_t tap_rows() const { return a_.kernel_depth * a_.kernel_height; }

    Chunk chunk(std::int64_t group, std::int64_t index) const {
        const std::int64_t first = index * a_.channels_together;
        return {group, first, smaller(a_.channels_together, channels_ - first)};
    }

    // Whether a piece is among those of this call: filters of a group, a row of taps, channels.
    bool wanted(std::int64_t group, std::int64_t filter_piece, std::int64_t tap_row,
                std::int64_t chunk) const {
        const std::int64_t piece =
            ((group * filter_pieces_ + filter_piece) * tap_rows() + tap_row) * chunks_ + chunk;
        return begin_ <= piece && piece < end_;
    }

    // The gradient of one weight of the first tap of a row.
    float* place(std::int64_t tap_row, std::int64_t group, std::int64_t channel,
                 std::int64_t filter) const {
        return gradient_ + (tap_row * a_.kernel_width * channels_ + channel) * a_.filters +
               group * filters_ + filter;
    }

    void add_strip(const Strip& strip) const {
        const std::int64_t group_pieces = filter_pieces_ * tap_rows() * chunks_;
        for (std::int64_t group = begin_ / group_pieces; group * group_pieces < end_; ++group) {
            store_panels(strip, group);
            for (std::int64_t tap_row = 0; tap_row < tap_rows(); ++tap_row) {
                for (std::int64_t index = 0; index < chunks_; ++index) {
                    add_chunk(strip, tap_row, index, chunk(group, index));
                }
            }
        }
    }

    // Stores the upstream gradient of the filters that pieces of this call want.
    void store_panels(const Strip& strip, std::int64_t group) const {
        const std::int64_t taps = tap_rows() * chunks_;
        const std::int64_t before = group * filter_pieces_;
        const std::int64_t first = larger(begin_ / taps - before, 0);
        const std::int64_t last = smaller((end_ - 1) / taps - before, filter_pieces_ - 1);
        const std::int64_t end =
            smaller((last + 1) * convolution_filter_gradient_strips_piece, filters_);
        for (std::int64_t f = first * convolution_filter_gradient_strips_piece; f < end;
             f += outer_width) {
            const std::int64_t width = whole_vectors(smaller(outer_width, filters_ - f));
            float* target = panels_ + f * strip.cells() * Samples;
            for (std::int64_t row = strip.rows.begin; row < strip.rows.end; ++row) {
                const float* source =
                    upstream_ + ((strip.plane * a_.output_height + row) * a_.output_width +
                                 strip.columns.begin) *
                                    floats_.upstream;
                source += (group * filters_ + f) * Samples;
                for (std::int64_t cell = 0; cell < strip.width(); ++cell) {
                    store_cell(source, filters_ - f, target);
                    source += floats_.upstream;
                    target += width * Samples;
                }
            }
        }
    }

    static void store_cell(const float* source, std::int64_t elements, float* target) {
        if constexpr (Samples > 1) {
            transpose_panel(source, elements, target);
        } else {
            for_vectors(smaller(outer_width, elements), [&](std::int64_t offset, int count) {
                load_some(source + offset, count).store(target + offset);
            });
        }
    }

    // The rows of a strip that a row of taps connects with cells inside the input.
    Span connected_rows(const Strip& strip, std::int64_t kernel_plane,
                        std::int64_t kernel_row) const {
        const Span planes = cells_of_tap(kernel_plane, window_.depth);
        const Span inside = cells_of_tap(kernel_row, window_.height);
        const std::int64_t begin = larger(strip.rows.begin, inside.begin);
        const std::int64_t end = smaller(strip.rows.end, inside.end);
        const bool none = strip.plane < planes.begin || strip.plane >= planes.end || begin >= end;
        return none ? Span{strip.rows.begin, strip.rows.begin} : Span{begin, end};
    }

    // One row of taps for some channels, all filters of this call.
    void add_chunk(const Strip& strip, std::int64_t tap_row, std::int64_t index,
                   const Chunk& chunk) const {
        const std::int64_t kernel_plane = tap_row / a_.kernel_height;
        const std::int64_t kernel_row = tap_row % a_.kernel_height;
        const Span rows = connected_rows(strip, kernel_plane, kernel_row);
        // Sums of no cells are zeros, which must overwrite too.
        if (rows.begin == rows.end && !strip.overwrite) return;
        bool there = false;
        for (std::int64_t piece = 0; piece < filter_pieces_; ++piece) {
            if (!wanted(chunk.group, piece, tap_row, index)) continue;
            if (!there) copy_rows(strip, rows, kernel_plane, kernel_row, chunk);
            there = true;
            const std::int64_t first = piece * convolution_filter_gradient_strips_piece;
            const std::int64_t end =
                smaller(first + convolution_filter_gradient_strips_piece, filters_);
            for (std::int64_t f = first; f < end; f += outer_width) {
                add_panel(strip, rows, tap_row, f, chunk);
            }
        }
    }

    // Copies what the taps of a row read, with zeros for cells beside the picture.
    void copy_rows(const Strip& strip, const Span& rows, std::int64_t kernel_plane,
                   std::int64_t kernel_row, const Chunk& chunk) const {
        const std::int64_t cells = copied_.cells(strip.width());
        const std::int64_t first = strip.columns.begin * a_.stride_width - a_.pad_width;
        const std::int64_t plane =
            strip.plane * a_.stride_depth - a_.pad_depth + kernel_plane * a_.dilation_depth;
        float* target = rows_;
        for (std::int64_t row = rows.begin; row < rows.end; ++row) {
            const std::int64_t from =
                row * a_.stride_height - a_.pad_height + kernel_row * a_.dilation_height;
            const float* source = input_ + (plane * a_.height + from) * a_.width * floats_.input +
                                  (chunk.group * channels_ + chunk.first) * Samples;
            copy_row(source, first, cells, chunk.count * Samples, target);
            target += cells * chunk.count * Samples;
        }
    }

    void copy_row(const float* source, std::int64_t first, std::int64_t cells, std::int64_t floats,
                  float* target) const {
        const std::int64_t step = copied_.step;
        const std::int64_t begin = smaller(cells, first < 0 ? (step - 1 - first) / step : 0);
        const std::int64_t inside = larger(0, a_.width - first + step - 1) / step;
        const std::int64_t end = larger(begin, smaller(cells, inside));
        clear_floats(begin * floats, target);
        copy_cells(source + (first + begin * step) * floats_.input, end - begin,
                   step * floats_.input, floats, target + begin * floats);
        clear_floats((cells - end) * floats, target + end * floats);
    }

    void add_panel(const Strip& strip, const Span& rows, std::int64_t tap_row, std::int64_t filter,
                   const Chunk& chunk) const {
        const std::int64_t width = whole_vectors(smaller(outer_width, filters_ - filter));
        const float* upstream =
            panels_ +
            (filter * strip.cells() + (rows.begin - strip.rows.begin) * strip.width() * width) *
                Samples;
        const std::int64_t cell = chunk.count * Samples;
        OuterCells cells{rows.end - rows.begin,
                         strip.width(),
                         copied_.cells(strip.width()) * cell,
                         copied_.stride * cell,
                         strip.width() * width * Samples,
                         width * Samples};
        float* gradient = place(tap_row, chunk.group, chunk.first, filter);
        // Where taps lie side by side with all their channels, they are one run of elements.
        if (chunk.count == channels_ && copied_.dilation == 1) {
            outer_panel<Samples, Additions::by_tile>(rows_, a_.kernel_width * channels_, upstream,
                                                     filters_ - filter, cells, gradient, a_.filters,
                                                     strip.overwrite);
            return;
        }
        for (std::int64_t tap = 0; tap < a_.kernel_width; ++tap) {
            const Span inside = cells_of_tap(tap, window_.width);
            const std::int64_t begin = larger(inside.begin, strip.columns.begin);
            const std::int64_t end = larger(smaller(inside.end, strip.columns.end), begin);
            if (begin == end && !strip.overwrite) continue;
            cells.columns = end - begin;
            const std::int64_t first = begin == end ? 0 : begin - strip.columns.begin;
            outer_panel<Samples, Additions::by_tile>(
                rows_ + (tap * copied_.dilation + first * copied_.stride) * cell, chunk.count,
                upstream + first * width * Samples, filters_ - filter, cells,
                gradient + tap * channels_ * a_.filters, a_.filters, strip.overwrite);
        }
    }

    const Arguments& a_;
    ConvolutionWindow window_;
    CellFloats floats_;
    CopiedRow copied_;
    std::int64_t channels_;
    std::int64_t filters_;
    std::int64_t chunks_;
    std::int64_t filter_pieces_;
    const float* input_;
    const float* upstream_;
    float* gradient_;
    float* panels_;
    float* rows_;
    std::int64_t begin_;
    std::int64_t end_;
};

// Operands: input, upstream gradient, partial sum of the gradient, workspace of a strip's upstream
// gradient and of the input rows of one row of taps. Pieces are
// `convolution_filter_gradient_strips_piece` filters of a group, of those rows of taps, of those
// `channels_together` channels.
inline void convolution_filter_gradient_strips(const Call& call) {
    const auto& a = arguments<FilterGradientStripsArguments>(call);
    constexpr int samples = static_cast<int>(lanes);
    FilterGradientStrips<samples, FilterGradientStripsArguments>(
        call, {a.channels * lanes, a.filters * lanes})
        .run(call.first);
}

}  // namespace kernelet::KERNELET_ISA
