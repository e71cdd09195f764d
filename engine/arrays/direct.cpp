// The sliding dot product by its definition: panels of taps, tiles of rows, segments of columns.
#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "arrays/border.h"
#include "arrays/tasks.h"
#include "kernelet/array_kernels.h"
#include "kernelet/correlation.h"

namespace kernelet {
namespace {

// A call of a kernel adds up at most about this many products, and panels are added to each other:
// the rounding error of a float32 sum then grows with the root of their number, not of the
// window's.
constexpr std::int64_t panel_taps = 1024;
constexpr std::int64_t panel_width = 128;
// At least the rows of a tile after windows of any height were divided evenly.
constexpr std::int64_t least_panel_height = 2 * max_sliding_rows;

// Vectors of a row that one task computes.
constexpr std::int64_t segment_vectors = 128;

// Bytes that copied border columns may take, a thread.
constexpr std::int64_t strip_bytes = 64 << 10;

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

std::size_t size_of(std::int64_t elements) { return static_cast<std::size_t>(elements); }

// An axis of the window in pieces of nearly equal length, none longer than `limit`.
struct Pieces {
    Pieces(std::int64_t axis, std::int64_t limit)
        : length(axis), count(divide_up(axis, std::max<std::int64_t>(1, limit))) {}

    std::int64_t begin(std::int64_t piece) const { return length * piece / count; }
    std::int64_t size(std::int64_t piece) const { return begin(piece + 1) - begin(piece); }
    std::int64_t largest() const { return divide_up(length, count); }

    std::int64_t length;
    std::int64_t count;
};

// Columns of the output in segments. Those of a strip see the border, or are too few for a vector,
// and are computed from copied columns; the others are computed in place.
struct Zone {
    std::int64_t begin;
    std::int64_t end;
    std::int64_t step;
    bool strip;

    std::int64_t segments() const { return divide_up(end - begin, step); }
};

struct Segment {
    std::int64_t begin;
    std::int64_t columns;
    bool strip;
};

// Which part of the work a task is, for all tasks of a problem.
template <class T>
struct Layout {
    Layout(const SlidingKernels<T>& kernels, const Correlation& p)
        : problem(p),
          line(p.window.depth * p.window.height == 1),
          rows(
              std::min<std::int64_t>(max_sliding_rows, std::min(p.window.height, p.output.height))),
          tiles(divide_up(p.output.height, rows)),
          widths(p.window.width, line ? panel_taps : panel_width),
          heights(p.window.height, std::max(least_panel_height, panel_taps / widths.largest())),
          depths(p.window.depth, panel_taps / (widths.largest() * heights.largest())) {
        const std::int64_t width = kernels.width;
        const std::int64_t strip_rows = depths.largest() * (heights.largest() + rows - 1);
        const std::int64_t fitting =
            strip_bytes / (strip_rows * std::int64_t{sizeof(T)}) - widths.largest() + 1;
        const std::int64_t strip_step =
            std::clamp(fitting / width, std::int64_t{1}, segment_vectors) * width;
        const std::int64_t left = std::clamp<std::int64_t>(p.before.width, 0, p.output.width);
        const std::int64_t inside_end =
            std::clamp(p.signal.width - p.window.width + 1 + p.before.width, left, p.output.width);
        const std::int64_t right = left + (inside_end - left) / width * width;
        zones = {Zone{0, left, strip_step, true}, Zone{left, right, segment_vectors * width, false},
                 Zone{right, p.output.width, strip_step, true}};
        for (const Zone& zone : zones) segments += zone.segments();
        strip_columns = strip_step + widths.largest() - 1;
    }

    std::int64_t tasks() const { return problem.batch * problem.output.depth * tiles * segments; }

    Segment segment(std::int64_t index) const {
        for (const Zone& zone : zones) {
            if (index < zone.segments()) {
                const std::int64_t begin = zone.begin + index * zone.step;
                return {begin, std::min(zone.step, zone.end - begin), zone.strip};
            }
            index -= zone.segments();
        }
        throw std::logic_error("a segment beyond the last one");
    }

    const Correlation& problem;
    bool line;
    std::int64_t rows;  // of a tile
    std::int64_t tiles;
    Pieces widths;
    Pieces heights;
    Pieces depths;
    std::array<Zone, 3> zones{};
    std::int64_t segments = 0;
    std::int64_t strip_columns = 0;  // of the copied columns, an input row
};

template <class T>
struct Arrays {
    const T* signal;
    const T* window;
    T fill;
    T* output;
};

// Where the cells of one task lie.
struct Place {
    std::int64_t entry;  // of the batch
    std::int64_t z;
    std::int64_t y;
    std::int64_t rows;
    Segment segment;
};

// Taps of one call: first tap and number, an axis.
struct Panel {
    Extents first;
    Extents count;
};

template <class T>
const SlidingKernels<T>& kernels_of_type(const ArrayKernels& kernels) {
    if constexpr (std::is_same_v<T, float>) return kernels.float32;
    if constexpr (std::is_same_v<T, double>) return kernels.float64;
    if constexpr (std::is_same_v<T, std::uint8_t>) return kernels.uint8;
    if constexpr (std::is_same_v<T, std::uint16_t>) return kernels.uint16;
    if constexpr (std::is_same_v<T, std::uint32_t>) return kernels.uint32;
    if constexpr (std::is_same_v<T, std::uint64_t>) return kernels.uint64;
}

void check_axis(std::int64_t signal, std::int64_t window, std::int64_t before,
                std::int64_t output) {
    // Far beyond any array, and far enough from overflow for sums of positions.
    constexpr std::int64_t limit = std::int64_t{1} << 48;
    if (std::min({signal, window, output}) < 1 || std::max({signal, window, output}) > limit) {
        throw std::invalid_argument("every axis must have 1 to 2^48 cells");
    }
    if (before < -limit || before > limit) {
        throw std::invalid_argument("the first window position is out of reach");
    }
}

void check_sizes(const Correlation& p) {
    if (p.batch < 1) throw std::invalid_argument("a batch has at least one entry");
    check_axis(p.signal.depth, p.window.depth, p.before.depth, p.output.depth);
    check_axis(p.signal.height, p.window.height, p.before.height, p.output.height);
    check_axis(p.signal.width, p.window.width, p.before.width, p.output.width);
}

// What one thread needs to compute tasks.
template <class T>
class Worker {
  public:
    Worker(const SlidingKernels<T>& kernels, const Layout<T>& layout, const Arrays<T>& arrays)
        : kernels_(kernels), layout_(layout), problem_(layout.problem), arrays_(arrays) {
        const std::int64_t rows =
            layout.depths.largest() * (layout.heights.largest() + layout.rows - 1);
        rows_.resize(size_of(rows));
        strip_.resize(size_of(rows * layout.strip_columns));
        strip_output_.resize(size_of(layout.rows * layout.strip_columns));
        outside_.assign(size_of(segment_vectors * kernels.width + layout.widths.largest() - 1),
                        arrays.fill);
    }

    void operator()(std::int64_t task) {
        const Place place = place_of(task);
        const Layout<T>& a = layout_;
        bool add = false;
        for (std::int64_t k = 0; k < a.depths.count; ++k)
            for (std::int64_t l = 0; l < a.heights.count; ++l)
                for (std::int64_t m = 0; m < a.widths.count; ++m) {
                    const Panel panel{{a.depths.begin(k), a.heights.begin(l), a.widths.begin(m)},
                                      {a.depths.size(k), a.heights.size(l), a.widths.size(m)}};
                    find_rows(place, panel);
                    add_panel(place, panel, add);
                    add = true;
                }
        if (place.segment.strip) copy_strip_output(place);
    }

  private:
    Place place_of(std::int64_t task) const {
        Place place{};
        place.segment = layout_.segment(task % layout_.segments);
        task /= layout_.segments;
        place.y = task % layout_.tiles * layout_.rows;
        place.rows = std::min(layout_.rows, problem_.output.height - place.y);
        task /= layout_.tiles;
        place.z = task % problem_.output.depth;
        place.entry = task / problem_.output.depth;
        return place;
    }

    // The input row (z, y) of the continued signal; null where it is all fill value.
    const T* signal_row(std::int64_t entry, std::int64_t z, std::int64_t y) const {
        const Extents& size = problem_.signal;
        z = source_index(z, size.depth, problem_.boundary);
        y = source_index(y, size.height, problem_.boundary);
        if (z < 0 || y < 0) return nullptr;
        return arrays_.signal + ((entry * size.depth + z) * size.height + y) * size.width;
    }

    // Points rows_ at what the panel reads, in the order the kernel expects.
    void find_rows(const Place& place, const Panel& panel) {
        const std::int64_t x = place.segment.begin - problem_.before.width + panel.first.width;
        std::size_t index = 0;
        for (std::int64_t k = 0; k < panel.count.depth; ++k) {
            for (std::int64_t l = 0; l < panel.count.height + place.rows - 1; ++l) {
                const T* row =
                    signal_row(place.entry, place.z - problem_.before.depth + panel.first.depth + k,
                               place.y - problem_.before.height + panel.first.height + l);
                if (row == nullptr) {
                    rows_[index++] = outside_.data();
                } else if (place.segment.strip) {
                    T* copy = strip_.data() + size_of(layout_.strip_columns) * index;
                    copy_continued(row, problem_.signal.width, problem_.boundary, arrays_.fill, x,
                                   vectors(place) * kernels_.width + panel.count.width - 1, copy);
                    rows_[index++] = copy;
                } else {
                    rows_[index++] = row + x;
                }
            }
        }
    }

    std::int64_t vectors(const Place& place) const {
        return divide_up(place.segment.columns, kernels_.width);
    }

    void add_panel(const Place& place, const Panel& panel, bool add) {
        const Extents& size = problem_.window;
        SlidingCall<T> call{};
        call.taps = {panel.count.depth, panel.count.height, panel.count.width,
                     size.height * size.width, size.width};
        call.rows = rows_.data();
        call.weights = arrays_.window +
                       (panel.first.depth * size.height + panel.first.height) * size.width +
                       panel.first.width;
        call.output = place.segment.strip ? strip_output_.data() : output_of(place);
        call.output_stride = place.segment.strip ? layout_.strip_columns : problem_.output.width;
        call.vectors = vectors(place);
        call.add = add;
        const SlidingKernel<T> kernel =
            layout_.line ? kernels_.line : kernels_.rows[size_of(place.rows)];
        kernel(call);
    }

    T* output_of(const Place& place) const {
        const Extents& size = problem_.output;
        const std::int64_t row = (place.entry * size.depth + place.z) * size.height + place.y;
        return arrays_.output + row * size.width + place.segment.begin;
    }

    void copy_strip_output(const Place& place) {
        for (std::int64_t row = 0; row < place.rows; ++row) {
            std::copy_n(strip_output_.data() + row * layout_.strip_columns, place.segment.columns,
                        output_of(place) + row * problem_.output.width);
        }
    }

    const SlidingKernels<T>& kernels_;
    const Layout<T>& layout_;
    const Correlation& problem_;
    const Arrays<T> arrays_;
    std::vector<const T*> rows_;
    std::vector<T> strip_;         // copied columns, one run a row
    std::vector<T> strip_output_;  // rows of whole vectors
    std::vector<T> outside_;       // a row of the fill value
};

}  // namespace

template <class T>
void correlate_direct(std::string_view isa, const Correlation& problem, const T* signal,
                      const T* window, T fill, T* output, int threads) {
    check_sizes(problem);
    const SlidingKernels<T>& kernels = kernels_of_type<T>(array_kernels(isa));
    const Layout<T> layout(kernels, problem);
    const Arrays<T> arrays{signal, window, fill, output};
    run_tasks(layout.tasks(), threads, [&] { return Worker<T>(kernels, layout, arrays); });
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
