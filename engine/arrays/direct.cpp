// The sliding dot product by its definition, on the threads of the pool.
#include <algorithm>
#include <cstddef>
#include <vector>

#include "arrays/arguments.h"
#include "arrays/border.h"
#include "arrays/direct_layout.h"
#include "arrays/tasks.h"
#include "kernelet/array_kernels.h"
#include "kernelet/correlation.h"

namespace kernelet {
namespace {

std::size_t size_of(std::int64_t elements) { return static_cast<std::size_t>(elements); }

template <class T>
struct Arrays {
    const T* signal;
    const T* window;
    T fill;
    T* output;
};

// The position of a task among all tasks.
struct Place {
    std::int64_t entry;  // of the batch
    std::int64_t z;
    std::int64_t tile;
    std::int64_t segment;
};

// The cells that a task computes.
struct Patch {
    std::int64_t entry;
    std::int64_t z;
    std::int64_t y;
    std::int64_t rows;
    std::int64_t x;
    std::int64_t columns;
    bool strip;
};

// Taps of one call: first tap and number, an axis.
struct Panel {
    Extents first;
    Extents count;
};

// Computes tasks on one thread.
template <class T>
class Worker {
  public:
    Worker(const SlidingKernels<T>& kernels, const DirectLayout& layout, const Correlation& problem,
           const Arrays<T>& arrays)
        : kernels_(kernels),
          layout_(layout),
          problem_(problem),
          arrays_(arrays),
          rows_(size_of(layout.panel_rows)),
          strip_(size_of(layout.panel_rows * (layout.strip_step + layout.widths.largest() - 1))),
          strip_output_(size_of(layout.rows * layout.strip_step)),
          outside_(size_of(segment_vectors * kernels.width + layout.widths.largest() - 1),
                   arrays.fill) {}

    void operator()(std::int64_t begin, std::int64_t end) {
        Place place = place_of(begin);
        for (std::int64_t task = begin; task < end; ++task, advance(place)) compute(place);
    }

  private:
    Place place_of(std::int64_t task) const {
        const std::int64_t tile = task / layout_.segments.count();
        const std::int64_t slice = tile / layout_.tiles;
        return {slice / problem_.output.depth, slice % problem_.output.depth, tile % layout_.tiles,
                task % layout_.segments.count()};
    }

    void advance(Place& place) const {
        if (++place.segment < layout_.segments.count()) return;
        place.segment = 0;
        if (++place.tile < layout_.tiles) return;
        place.tile = 0;
        if (++place.z < problem_.output.depth) return;
        place.z = 0;
        ++place.entry;
    }

    void compute(const Place& place) {
        const Segment segment = layout_.segments[place.segment];
        const std::int64_t y = place.tile * layout_.rows;
        const std::int64_t rows = std::min(layout_.rows, problem_.output.height - y);
        const Patch patch{place.entry,     place.z,      y, rows, segment.begin,
                          segment.columns, segment.strip};
        add_panels(patch);
        if (patch.strip) copy_strip_output(patch);
    }

    void add_panels(const Patch& patch) {
        const DirectLayout& a = layout_;
        bool add = false;
        for (std::int64_t k = 0; k < a.depths.count; ++k)
            for (std::int64_t l = 0; l < a.heights.count; ++l)
                for (std::int64_t m = 0; m < a.widths.count; ++m) {
                    const Panel panel{{a.depths.begin(k), a.heights.begin(l), a.widths.begin(m)},
                                      {a.depths.size(k), a.heights.size(l), a.widths.size(m)}};
                    find_rows(patch, panel);
                    add_panel(patch, panel, add);
                    add = true;
                }
    }

    // The input row (z, y) of the continued signal; null where it is all fill value.
    const T* signal_row(std::int64_t entry, std::int64_t z, std::int64_t y) const {
        const Extents& size = problem_.signal;
        z = source_index(z, size.depth, problem_.boundary);
        y = source_index(y, size.height, problem_.boundary);
        if (z < 0 || y < 0) return nullptr;
        return arrays_.signal + ((entry * size.depth + z) * size.height + y) * size.width;
    }

    std::int64_t vectors(const Patch& patch) const {
        return divide_up(patch.columns, kernels_.width);
    }

    // Points rows_ at what the panel reads, in the order the kernel expects.
    void find_rows(const Patch& patch, const Panel& panel) {
        // Copied rows lie close together: at the same offset in different pages they would get
        // into each other's way.
        const std::int64_t stride = vectors(patch) * kernels_.width + panel.count.width - 1;
        const std::int64_t x = patch.x - problem_.before.width + panel.first.width;
        const std::int64_t z = patch.z - problem_.before.depth + panel.first.depth;
        const std::int64_t y = patch.y - problem_.before.height + panel.first.height;
        std::size_t index = 0;
        for (std::int64_t k = 0; k < panel.count.depth; ++k) {
            for (std::int64_t l = 0; l < panel.count.height + patch.rows - 1; ++l) {
                const T* row = signal_row(patch.entry, z + k, y + l);
                if (row == nullptr) {
                    rows_[index] = outside_.data();
                } else if (patch.strip) {
                    T* copy = strip_.data() + size_of(stride) * index;
                    copy_continued(row, problem_.signal.width, problem_.boundary, arrays_.fill, x,
                                   patch.columns + panel.count.width - 1, copy);
                    rows_[index] = copy;
                } else {
                    rows_[index] = row + x;
                }
                ++index;
            }
        }
    }

    // In a strip the last vector may read and write columns that nobody asked for.
    void add_panel(const Patch& patch, const Panel& panel, bool add) {
        const Extents& size = problem_.window;
        SlidingCall<T> call{};
        call.taps = {panel.count.depth, panel.count.height, panel.count.width,
                     size.height * size.width, size.width};
        call.rows = rows_.data();
        call.weights = arrays_.window +
                       (panel.first.depth * size.height + panel.first.height) * size.width +
                       panel.first.width;
        call.output = patch.strip ? strip_output_.data() : output_of(patch);
        call.output_stride = patch.strip ? vectors(patch) * kernels_.width : problem_.output.width;
        call.vectors = vectors(patch);
        call.add = add;
        const SlidingKernel<T> kernel =
            layout_.line ? kernels_.line : kernels_.rows[size_of(patch.rows)];
        kernel(call);
    }

    T* output_of(const Patch& patch) const {
        const Extents& size = problem_.output;
        const std::int64_t row = (patch.entry * size.depth + patch.z) * size.height + patch.y;
        return arrays_.output + row * size.width + patch.x;
    }

    void copy_strip_output(const Patch& patch) {
        for (std::int64_t row = 0; row < patch.rows; ++row) {
            std::copy_n(strip_output_.data() + row * vectors(patch) * kernels_.width, patch.columns,
                        output_of(patch) + row * problem_.output.width);
        }
    }

    const SlidingKernels<T>& kernels_;
    const DirectLayout& layout_;
    const Correlation& problem_;
    const Arrays<T> arrays_;
    std::vector<const T*> rows_;
    std::vector<T> strip_;         // copied columns, row by row
    std::vector<T> strip_output_;  // rows of whole vectors
    std::vector<T> outside_;       // a row of the fill value
};

}  // namespace

template <class T>
void correlate_direct(std::string_view isa, const Correlation& problem, const T* signal,
                      const T* window, T fill, T* output, int threads) {
    check_arguments(problem, threads);
    const SlidingKernels<T>& kernels = sliding_kernels<T>(array_kernels(isa));
    const DirectLayout layout(problem, kernels.width, sizeof(T));
    const Arrays<T> arrays{signal, window, fill, output};
    run_tasks(layout.tasks, threads, [&] { return Worker<T>(kernels, layout, problem, arrays); });
}

#define KERNELET_CORRELATE_DIRECT(T)                                                               \
    template void correlate_direct<T>(std::string_view, const Correlation&, const T*, const T*, T, \
                                      T*, int);
KERNELET_CORRELATE_DIRECT(float)
KERNELET_CORRELATE_DIRECT(double)
KERNELET_CORRELATE_DIRECT(std::uint8_t)
KERNELET_CORRELATE_DIRECT(std::uint16_t)
KERNELET_CORRELATE_DIRECT(std::uint32_t)
KERNELET_CORRELATE_DIRECT(std::uint64_t)

}  // namespace kernelet
