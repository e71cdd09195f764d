// Gradient of a convolution by few filters, for single samples: a vector holds neighbouring output
// cells of a row.
//
// Six filters would fill six lanes of sixteen. Here the sum of each weight of each filter is a
// vector of its own, whose lanes are added up at the very end. Rows of the picture, and of the
// upstream gradient, lie channel by channel (`single_planar_rows.h`), those of some output rows at
// a time, so that they stay in the caches while all weights pass by.
#pragma once

#include <array>
#include <utility>

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/convolution.h"
#include "kernels/copying.h"
#include "kernels/reduction.h"
#include "kernels/single_cells.h"
#include "kernels/single_planar_rows.h"
#include "kernels/tile.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

// Weights of a filter that are taken together, and those whose sums, by F filters, fit the
// registers beside what they multiply.
inline constexpr int most_weights = 8;
template <int F>
constexpr int most_weights_together() {
    constexpr int most = (Vector::registers >= 32 ? 24 : 12) / F;
    return most > most_weights ? most_weights : most;
}

// Filters whose sums of several weights fit.
inline constexpr int most_gradient_filters = Vector::registers >= 32 ? most_cell_filters : 4;

// Most output rows that are taken together; plan/single_times.py says the same.
inline constexpr std::int64_t most_strip_rows = 64;

// The output rows that one row of taps connects with rows of the picture.
struct ConnectedRows {
    std::array<const float*, most_strip_rows> pictures;
    std::int64_t rows;
    std::int64_t cells;
    const float* upstream;  // of the first row: [vector of cells][filter][lane]
    std::int64_t upstream_row;
    std::int64_t filters;
};

// Places of neighbouring weights: behind the first zero of a row of the picture, and of their sums.
struct WeightPlaces {
    std::array<std::int64_t, most_weights> offsets;
    float* sums;  // [weight][filter][lane]
    std::int64_t weight_floats;
};

// Adds the products of T weights by F filters.
template <int F, int T>
inline void sum_weights(const ConnectedRows& connected, const WeightPlaces& weights) {
    Vector sums[T][F];
    const auto place = [&](int t, int f) {
        return weights.sums + t * weights.weight_floats + f * Vector::width;
    };
    KERNELET_UNROLL
    for (int t = 0; t < T; ++t) {
        KERNELET_UNROLL
        for (int f = 0; f < F; ++f) sums[t][f] = Vector::load(place(t, f));
    }
    for (std::int64_t row = 0; row < connected.rows; ++row) {
        const float* picture = connected.pictures[static_cast<std::size_t>(row)];
        const float* upstream = connected.upstream + row * connected.upstream_row;
        const float* sources[T];
        KERNELET_UNROLL
        for (int t = 0; t < T; ++t) {
            sources[t] = picture + weights.offsets[static_cast<std::size_t>(t)];
        }
        // Upstream gradients past the row are zeros, but what they meet may be anything.
        for_vectors(connected.cells, [&](std::int64_t cell, int count) {
            Vector cells[T];
            KERNELET_UNROLL
            for (int t = 0; t < T; ++t) cells[t] = load_some(sources[t] + cell, count);
            KERNELET_UNROLL
            for (int f = 0; f < F; ++f) {
                // Else GCC would load it for each product: with vectors of sixteen numbers loads
                // take as long as products.
                Vector gradient = Vector::load(upstream + f * Vector::width);
                KERNELET_IN_REGISTER(gradient.v);
                KERNELET_UNROLL
                for (int t = 0; t < T; ++t) sums[t][f] = fma(cells[t], gradient, sums[t][f]);
            }
            upstream += connected.filters * Vector::width;
        });
    }
    KERNELET_UNROLL
    for (int t = 0; t < T; ++t) {
        KERNELET_UNROLL
        for (int f = 0; f < F; ++f) sums[t][f].store(place(t, f));
    }
}

using WeightSum = void (*)(const ConnectedRows&, const WeightPlaces&);

// Tiles of one number of filters, by weights.
struct WeightSums {
    int most;
    std::array<WeightSum, most_weights> by_weights;
};

template <int F, int... T>
constexpr WeightSums weight_sums(std::integer_sequence<int, T...>) {
    return {static_cast<int>(sizeof...(T)), {sum_weights<F, T + 1>...}};
}

template <int... F>
constexpr std::array<WeightSums, sizeof...(F)> all_weight_sums(std::integer_sequence<int, F...>) {
    return {
        weight_sums<F + 1>(std::make_integer_sequence<int, most_weights_together<F + 1>()>())...};
}

inline const WeightSums& weight_sums_of(std::int64_t filters) {
    static constexpr auto tiles =
        all_weight_sums(std::make_integer_sequence<int, most_gradient_filters>());
    return tiles[static_cast<std::size_t>(filters - 1)];
}

class CellFilterGradient {
  public:
    CellFilterGradient(const Call& call, const CellsFilterGradientArguments& a)
        : call_(call),
          a_(a),
          window_(a),
          channels_(a.channels / a.groups),
          filters_(a.filters / a.groups),
          picture_(picture_sizes()),
          places_(most_reached()),
          rows_(call.operands[3]),
          upstream_(rows_ + a.kernel_depth * places_ * picture_.row_floats()),
          sums_(upstream_ + a.strip_rows * upstream_floats()) {}

    // Pieces are the rows of taps of one group after the other.
    void run() const {
        for (std::int64_t piece = call_.begin; piece < call_.end;) {
            const std::int64_t group = piece / tap_rows();
            const std::int64_t first = piece % tap_rows();
            const std::int64_t end = smaller(tap_rows(), first + call_.end - piece);
            run_group(group, {first, end});
            piece += end - first;
        }
    }

  private:
    PlanarRowSizes picture_sizes() const {
        const WindowAxis& axis = window_.width;
        const std::int64_t reach =
            (axis.output - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1;
        return {axis.length, a_.input_floats, channels_,
                axis.pad,    axis.stride,     (reach - 1) / axis.stride + lanes};
    }

    // Of a row of the upstream gradient, vectors of neighbouring cells one after the other.
    std::int64_t upstream_floats() const {
        return filters_ * ((a_.output_width + Vector::width - 1) / Vector::width * Vector::width);
    }

    std::int64_t most_reached() const {
        const WindowAxis& axis = window_.height;
        return smaller(axis.length,
                       (a_.strip_rows - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1);
    }

    std::int64_t tap_rows() const { return a_.kernel_depth * a_.kernel_height; }
    std::int64_t weights_of_row() const { return a_.kernel_width * channels_; }
    std::int64_t weight_floats() const { return filters_ * Vector::width; }

    // The sums of the weights of a row of taps.
    float* sums_of(std::int64_t tap_row) const {
        return sums_ + tap_row * weights_of_row() * weight_floats();
    }

    void run_group(std::int64_t group, const Span& taps) const {
        clear_floats((taps.end - taps.begin) * weights_of_row() * weight_floats(),
                     sums_of(taps.begin));
        clear_floats(a_.strip_rows * upstream_floats(), upstream_);
        PlanarRowRing ring(picture_, a_.kernel_depth, places_, rows_);
        for (std::int64_t plane = 0; plane < a_.output_depth; ++plane) {
            const AxisTaps planes = forward_taps(plane, window_.depth);
            const std::int64_t floats = a_.height * a_.width * a_.input_floats;
            ring.begin({call_.operands[0] + planes.source * floats + group * channels_,
                        planes.count, a_.dilation_depth * floats});
            for (std::int64_t row = 0; row < a_.output_height; row += a_.strip_rows) {
                const Span rows{row, smaller(row + a_.strip_rows, a_.output_height)};
                add_strip(ring, group, plane, planes, rows, taps);
            }
        }
        for (std::int64_t row = taps.begin; row < taps.end; ++row) collect(group, row);
    }

    void add_strip(PlanarRowRing& ring, std::int64_t group, std::int64_t plane,
                   const AxisTaps& planes, const Span& rows, const Span& taps) const {
        const WindowAxis& axis = window_.height;
        const std::int64_t first = rows.begin * axis.stride - axis.pad;
        const std::int64_t last =
            (rows.end - 1) * axis.stride - axis.pad + (axis.kernel - 1) * axis.dilation;
        ring.reach(larger(first, 0), smaller(last + 1, axis.length));
        const float* source = call_.operands[1] + group * filters_ +
                              plane * a_.output_height * a_.output_width * a_.upstream_floats;
        for (std::int64_t row = rows.begin; row < rows.end; ++row) {
            store_upstream(source + row * a_.output_width * a_.upstream_floats,
                           upstream_ + (row - rows.begin) * upstream_floats());
        }
        for (std::int64_t tap_row = taps.begin; tap_row < taps.end; ++tap_row) {
            const std::int64_t number = tap_row / a_.kernel_height - planes.first;
            if (number < 0 || number >= planes.count) continue;
            add_tap_row(ring, number, rows, tap_row);
        }
    }

    // Writes a row of the upstream gradient; what lies past its cells stays zero.
    void store_upstream(const float* source, float* target) const {
        for_vectors(a_.output_width, [&](std::int64_t cell, int count) {
            const PlanarRowSizes sizes{count, a_.upstream_floats, filters_, 0, 1, Vector::width};
            PlanarRow(sizes, source + cell * a_.upstream_floats, target + cell * filters_).copy();
        });
    }

    // Adds what a row of taps connects in output rows, by so many filters as there are registers
    // for at a time.
    void add_tap_row(const PlanarRowRing& ring, std::int64_t plane, const Span& rows,
                     std::int64_t tap_row) const {
        const WindowAxis& axis = window_.height;
        const std::int64_t tap = tap_row % a_.kernel_height;
        const Span inside = cells_of_tap(tap, axis);
        const std::int64_t begin = larger(rows.begin, inside.begin);
        const std::int64_t end = smaller(rows.end, inside.end);
        if (begin >= end) return;
        ConnectedRows connected{
            {},
            end - begin,
            a_.output_width,
            upstream_ + (begin - rows.begin) * upstream_floats(),
            upstream_floats(),
            filters_,
        };
        for (std::int64_t row = begin; row < end; ++row) {
            connected.pictures[static_cast<std::size_t>(row - begin)] =
                ring.row(plane, row * axis.stride - axis.pad + tap * axis.dilation);
        }
        const std::int64_t parts = (filters_ + most_gradient_filters - 1) / most_gradient_filters;
        std::int64_t done = 0;
        for (std::int64_t part = 1; part <= parts; ++part) {
            const std::int64_t together = filters_ * part / parts - done;
            add_weights(connected, weight_sums_of(together),
                        sums_of(tap_row) + done * Vector::width);
            connected.upstream += together * Vector::width;
            done += together;
        }
    }

    void add_weights(const ConnectedRows& connected, const WeightSums& tiles, float* sums) const {
        WeightPlaces places{{}, sums, weight_floats()};
        std::int64_t together = 0;
        for (std::int64_t weight = 0; weight < weights_of_row(); ++weight) {
            const std::int64_t position = weight / channels_ * a_.dilation_width;
            places.offsets[static_cast<std::size_t>(together)] =
                picture_.place(position) + weight % channels_ * picture_.channel_floats();
            if (++together < tiles.most && weight + 1 < weights_of_row()) continue;
            tiles.by_weights[static_cast<std::size_t>(together - 1)](connected, places);
            places.sums += together * weight_floats();
            together = 0;
        }
    }

    // Adds up the lanes of the sums of a row of taps.
    void collect(std::int64_t group, std::int64_t tap_row) const {
        const float* sums = sums_of(tap_row);
        float* gradient =
            call_.operands[2] + tap_row * weights_of_row() * a_.filters + group * filters_;
        for (std::int64_t weight = 0; weight < weights_of_row(); ++weight) {
            for (std::int64_t f = 0; f < filters_; ++f, sums += Vector::width) {
                add_to_partial(call_, gradient + f, reduce_add(Vector::load(sums)));
            }
            gradient += a_.filters;
        }
    }

    const Call& call_;
    const CellsFilterGradientArguments& a_;
    ConvolutionWindow window_;
    std::int64_t channels_;
    std::int64_t filters_;
    PlanarRowSizes picture_;
    std::int64_t places_;
    float* rows_;
    float* upstream_;
    float* sums_;
};

// Operands: input, upstream gradient, partial sum of the gradient, workspace of the rows of both
// that belong to `strip_rows` output rows, and of a vector for every weight of a group. Pieces are
// rows of taps of a group.
inline void convolution_filter_gradient_single_cells(const Call& call) {
    CellFilterGradient(call, arguments<CellsFilterGradientArguments>(call)).run();
}

}  // namespace kernelet::KERNELET_ISA
