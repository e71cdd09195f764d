// Rows first, then columns, in one pass: filtered rows wait in a ring until the column has passed.
#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <vector>

#include "arrays/arguments.h"
#include "arrays/border.h"
#include "arrays/direct_layout.h"
#include "arrays/tasks.h"
#include "kernelet/array_kernels.h"
#include "kernelet/correlation.h"

namespace kernelet {
namespace {

// Bytes of the ring of filtered rows, a thread: they should stay in the second-level cache.
constexpr std::int64_t ring_bytes = 256 << 10;

std::size_t size_of(std::int64_t elements) { return static_cast<std::size_t>(elements); }

template <class T>
struct Arrays {
    const T* signal;
    const T* column;
    const T* row;
    T fill;
    T* output;
};

// Bands of rows by chunks of columns. An output cell has the same bits whichever it lies in.
struct SeparableLayout {
    SeparableLayout(const Correlation& p, std::int64_t width, std::int64_t bytes, int threads)
        : tile(
              std::min<std::int64_t>(max_sliding_rows, std::min(p.window.height, p.output.height))),
          ring_rows(p.window.height + tile - 1),
          slices(p.batch * p.output.depth),
          bands(p.output.height, band_rows(p, slices, threads)),
          chunks(std::max<std::int64_t>(1, p.output.width / width),
                 ring_bytes / bytes / ring_rows / width),
          chunk_columns((chunks.largest() + 1) * width),
          tasks(slices * bands.count * chunks.count) {}

    std::int64_t tile;  // output rows of one call
    std::int64_t ring_rows;
    std::int64_t slices;
    Pieces bands;
    Pieces chunks;  // in vectors; the last one takes the columns that fill none
    std::int64_t chunk_columns;
    std::int64_t tasks;

  private:
    // Each band filters the window's rows less one anew, so that there should be few.
    static std::int64_t band_rows(const Correlation& p, std::int64_t slices, int threads) {
        const std::int64_t bands_a_slice = divide_up(4 * std::int64_t{threads}, slices);
        return std::max(divide_up(p.output.height, bands_a_slice),
                        std::min(4 * p.window.height, divide_up(p.output.height, threads)));
    }
};

template <class T>
class Worker {
  public:
    Worker(const SlidingKernels<T>& kernels, const SeparableLayout& layout,
           const Correlation& problem, const Arrays<T>& arrays)
        : kernels_(kernels),
          layout_(layout),
          problem_(problem),
          arrays_(arrays),
          stride_(layout.chunk_columns + kernels.width),
          ring_(size_of(layout.ring_rows * stride_)),
          strip_(size_of(stride_ + Pieces(problem.window.width, panel_taps).largest())),
          rows_(size_of(layout.ring_rows)),
          narrow_(size_of(layout.tile * kernels.width)) {}

    void operator()(std::int64_t begin, std::int64_t end) {
        for (std::int64_t task = begin; task < end; ++task) {
            const std::int64_t chunk = task % layout_.chunks.count;
            const std::int64_t band = task / layout_.chunks.count % layout_.bands.count;
            slice_ = task / layout_.chunks.count / layout_.bands.count;
            x_ = layout_.chunks.begin(chunk) * kernels_.width;
            columns_ = chunk + 1 == layout_.chunks.count
                           ? problem_.output.width - x_
                           : layout_.chunks.size(chunk) * kernels_.width;
            compute(layout_.bands.begin(band), layout_.bands.begin(band + 1));
        }
    }

  private:
    void compute(std::int64_t begin, std::int64_t end) {
        std::int64_t filtered = begin;  // rows of the ring up to here are ready
        for (std::int64_t y = begin; y < end; y += layout_.tile) {
            const std::int64_t rows = std::min(layout_.tile, end - y);
            for (; filtered < y + rows + problem_.window.height - 1; ++filtered) {
                filter_row(filtered - problem_.before.height, ring_row(filtered));
            }
            combine_rows(y, rows);
        }
    }

    T* ring_row(std::int64_t row) { return ring_.data() + row % layout_.ring_rows * stride_; }

    // Writes `columns_` columns of a filtered input row, and some that nobody reads.
    void filter_row(std::int64_t y, T* target) {
        const Extents& size = problem_.signal;
        const std::int64_t z = slice_ % problem_.output.depth - problem_.before.depth;
        const std::int64_t slice = source_index(z, size.depth, problem_.boundary);
        const std::int64_t source = source_index(y, size.height, problem_.boundary);
        const std::int64_t entry = slice_ / problem_.output.depth;
        const T* row = nullptr;
        if (slice >= 0 && source >= 0) {
            row =
                arrays_.signal + ((entry * size.depth + slice) * size.height + source) * size.width;
        }
        const std::int64_t first = x_ - problem_.before.width;  // input cell of the first column
        std::int64_t inside = std::clamp<std::int64_t>(-first, 0, columns_);
        std::int64_t outside =
            std::clamp(size.width - problem_.window.width + 1 - first, inside, columns_);
        if (row == nullptr || outside - inside < kernels_.width) inside = outside = columns_;
        filter_strip(row, first, inside, target);
        if (inside < outside) {
            filter_inside(row + first + inside, outside - inside, target + inside);
        }
        filter_strip(row, first + outside, columns_ - outside, target + outside);
    }

    // Columns that see the border; a null row is all fill value.
    void filter_strip(const T* row, std::int64_t first, std::int64_t columns, T* target) {
        if (columns == 0) return;
        const std::int64_t vectors = divide_up(columns, kernels_.width);
        for_row_panels([&](std::int64_t tap, std::int64_t taps) {
            const std::int64_t cells = columns + taps - 1;
            if (row == nullptr) {
                std::fill_n(strip_.data(), cells, arrays_.fill);
            } else {
                copy_continued(row, problem_.signal.width, problem_.boundary, arrays_.fill,
                               first + tap, cells, strip_.data());
            }
            call_line(strip_.data(), tap, taps, vectors, target);
        });
    }

    // Columns whose windows lie inside the row; a last whole vector computes some again.
    void filter_inside(const T* row, std::int64_t columns, T* target) {
        const std::int64_t vectors = columns / kernels_.width;
        const std::int64_t last = columns - kernels_.width;
        for_row_panels([&](std::int64_t tap, std::int64_t taps) {
            call_line(row + tap, tap, taps, vectors, target);
        });
        if (columns % kernels_.width == 0) return;
        for_row_panels([&](std::int64_t tap, std::int64_t taps) {
            call_line(row + last + tap, tap, taps, 1, target + last);
        });
    }

    template <class Function>
    void for_row_panels(Function&& function) const {
        const Pieces panels(problem_.window.width, panel_taps);
        for (std::int64_t k = 0; k < panels.count; ++k) function(panels.begin(k), panels.size(k));
    }

    void call_line(const T* input, std::int64_t tap, std::int64_t taps, std::int64_t vectors,
                   T* target) const {
        kernels_.line({{1, 1, taps, 0, 0}, &input, arrays_.row + tap, target, 0, vectors, tap > 0});
    }

    // Sums the ring's rows into `rows` output rows from y on.
    void combine_rows(std::int64_t y, std::int64_t rows) {
        const std::int64_t vectors = columns_ / kernels_.width;
        T* output =
            arrays_.output + (slice_ * problem_.output.height + y) * problem_.output.width + x_;
        if (vectors == 0) {
            call_columns(y, rows, 0, 1, narrow_.data(), kernels_.width);
            for (std::int64_t row = 0; row < rows; ++row) {
                std::copy_n(narrow_.data() + row * kernels_.width, columns_,
                            output + row * problem_.output.width);
            }
            return;
        }
        call_columns(y, rows, 0, vectors, output, problem_.output.width);
        if (columns_ % kernels_.width != 0) {
            const std::int64_t last = columns_ - kernels_.width;
            call_columns(y, rows, last, 1, output + last, problem_.output.width);
        }
    }

    void call_columns(std::int64_t y, std::int64_t rows, std::int64_t x, std::int64_t vectors,
                      T* output, std::int64_t stride) {
        const Pieces panels(problem_.window.height, panel_taps);
        for (std::int64_t k = 0; k < panels.count; ++k) {
            const std::int64_t tap = panels.begin(k);
            const std::int64_t taps = panels.size(k);
            for (std::int64_t row = 0; row < taps + rows - 1; ++row) {
                rows_[size_of(row)] = ring_row(y + tap + row) + x;
            }
            kernels_.rows[size_of(rows)]({{1, taps, 1, 0, 1},
                                          rows_.data(),
                                          arrays_.column + tap,
                                          output,
                                          stride,
                                          vectors,
                                          k > 0});
        }
    }

    const SlidingKernels<T>& kernels_;
    const SeparableLayout& layout_;
    const Correlation& problem_;
    const Arrays<T> arrays_;
    std::int64_t stride_;  // of the ring's rows
    std::vector<T> ring_;
    std::vector<T> strip_;
    std::vector<const T*> rows_;
    std::vector<T> narrow_;  // output rows of less than a vector
    std::int64_t slice_ = 0;
    std::int64_t x_ = 0;
    std::int64_t columns_ = 0;
};

}  // namespace

template <class T>
void correlate_separable(std::string_view isa, const Correlation& problem, const T* signal,
                         const T* column, const T* row, T fill, T* output, int threads) {
    check_arguments(problem, threads);
    if (problem.window.depth != 1) {
        throw std::invalid_argument("a window of a column and a row has depth 1");
    }
    const SlidingKernels<T>& kernels = sliding_kernels<T>(array_kernels(isa));
    const SeparableLayout layout(problem, kernels.width, sizeof(T), threads);
    const Arrays<T> arrays{signal, column, row, fill, output};
    run_tasks(layout.tasks, threads, [&] { return Worker<T>(kernels, layout, problem, arrays); });
}

#define KERNELET_CORRELATE_SEPARABLE(T)                                                            \
    template void correlate_separable<T>(std::string_view, const Correlation&, const T*, const T*, \
                                         const T*, T, T*, int);
KERNELET_CORRELATE_SEPARABLE(float)
KERNELET_CORRELATE_SEPARABLE(double)
KERNELET_CORRELATE_SEPARABLE(std::uint8_t)
KERNELET_CORRELATE_SEPARABLE(std::uint16_t)
KERNELET_CORRELATE_SEPARABLE(std::uint32_t)
KERNELET_CORRELATE_SEPARABLE(std::uint64_t)

}  // namespace kernelet
