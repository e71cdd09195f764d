// Dense layers of all single samples of a batch at once, so that many weights are read once.
//
// Tasks, whose operands of single samples are those of the first one; the others lie
// `batch_stride` floats apart.
#pragma once

#include <array>
#include <utility>

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/outer_product.h"
#include "kernels/single_dense.h"
#include "kernels/single_tile.h"

namespace kernelet::KERNELET_ISA {

// Panels that are taken together where the registers hold their sums: with one of a single vector,
// an input is loaded for every product.
inline constexpr int batch_panels = Vector::registers >= 32 && panel_vectors == 1 ? 2 : 1;

// Samples whose sums fit the registers, of `lanes` results each, beside the weights of those and
// one broadcast number.
constexpr int batch_samples_of() {
    constexpr int vectors = batch_panels * panel_vectors;
    constexpr int most = (Vector::registers - 1 - vectors) / vectors;
    return most < 1 ? 1 : most > 12 ? 12 : most;
}
inline constexpr int batch_samples = batch_samples_of();

// How many of `left` results each of V vectors has.
template <int V>
struct VectorCounts {
    int count[V];

    explicit VectorCounts(std::int64_t left) {
        for (int v = 0; v < V; ++v, left -= Vector::width) {
            count[v] = static_cast<int>(larger(0, smaller(left, Vector::width)));
        }
    }
};

// Calls `tiles[count - 1](first sample)` for the samples of a span in tiles of nearly equal size.
template <class Tiles, class Call>
inline void for_sample_tiles(const Span& samples, const Tiles& tiles, const Call& call) {
    for (std::int64_t s = samples.begin; s < samples.end;) {
        const std::int64_t left = samples.end - s;
        const std::int64_t pieces = (left + batch_samples - 1) / batch_samples;
        const std::int64_t together = (left + pieces - 1) / pieces;
        call(tiles[static_cast<std::size_t>(together - 1)], s);
        s += together;
    }
}

// Rows of weights that pass by all samples before the next ones come: so many floats stay in the
// second-level cache.
inline constexpr std::int64_t batch_rows = 64;
inline constexpr std::int64_t batch_weights = 1 << 14;

// Some rows of weights for neighbouring outputs, and where each finds its number of a sample.
struct BatchRows {
    std::int64_t count;
    std::array<std::int64_t, batch_rows> places;
    const float* weights;
    std::int64_t stride;
    std::int64_t outputs;
    bool first;

    // Floats of a sample from the first row's number to the last one's.
    std::int64_t extent() const {
        return places[static_cast<std::size_t>(count - 1)] - places[0] + 1;
    }
};

// Where the sums of a sample lie, and the floats to those of the next one.
struct BatchSums {
    float* first;
    std::int64_t stride;
};

// Which of the tiles of samples asks for what the next rows need: each for the weights of some
// panels, and for the numbers of its own samples.
struct NextRows {
    std::int64_t tile;
    std::int64_t tiles;
    std::int64_t distance;  // in floats, from the weights of these rows

    // Floats from the weights of a group of panels to those that are asked for beside them.
    std::int64_t ahead(std::int64_t group) const { return group % tiles == tile ? distance : 0; }
};

// Adds to outputs from `o` on, N panels of them, of S samples what some rows contribute, with the
// rows' numbers [row][sample]; weights `ahead` floats further on are asked for.
template <int S, int N>
KERNELET_INLINE void add_panels_of_batch(const BatchRows& rows, const float* numbers, float* output,
                                         std::int64_t stride, std::int64_t o, std::int64_t ahead) {
    constexpr int V = N * panel_vectors;
    const VectorCounts<V> panels(rows.outputs - o);
    Vector sums[S][V];
    KERNELET_UNROLL
    for (int s = 0; s < S; ++s) {
        KERNELET_UNROLL
        for (int v = 0; v < V; ++v) {
            const float* before = output + s * stride + o + v * Vector::width;
            sums[s][v] = rows.first ? Vector::zero() : Vector::load(before);
        }
    }
    const float* from = rows.weights + o;
    for (std::int64_t row = 0; row < rows.count; ++row, from += rows.stride, numbers += S) {
        KERNELET_UNROLL
        for (int n = 0; n < N; ++n) __builtin_prefetch(from + n * lanes + ahead);
        Vector w[V];
        KERNELET_UNROLL
        for (int v = 0; v < V; ++v) w[v] = load_some(from + v * Vector::width, panels.count[v]);
        KERNELET_UNROLL
        for (int s = 0; s < S; ++s) {
            const Vector x = Vector::broadcast_from(numbers + s);
            KERNELET_UNROLL
            for (int v = 0; v < V; ++v) sums[s][v] = fma(x, w[v], sums[s][v]);
        }
    }
    KERNELET_UNROLL
    for (int s = 0; s < S; ++s) {
        KERNELET_UNROLL
        for (int v = 0; v < V; ++v) {
            sums[s][v].store(output + s * stride + o + v * Vector::width);
        }
    }
}

// The same for all outputs.
template <int S>
inline void batch_rows_tile(const BatchRows& rows, const float* input, std::int64_t stride,
                            const BatchSums& sums, const NextRows& next) {
    // Samples lie far from each other, often in the same sets of the cache.
    float numbers[batch_rows * S];
    const std::int64_t extent = rows.extent();
    for (int s = 0; s < S; ++s) {
        const float* sample = input + s * stride;
        for (std::int64_t k = 0; k < extent; k += lanes) {
            __builtin_prefetch(sample + rows.places[0] + extent + k);
        }
        for (std::int64_t row = 0; row < rows.count; ++row) {
            numbers[row * S + s] = sample[rows.places[static_cast<std::size_t>(row)]];
        }
    }
    constexpr std::int64_t together = batch_panels * lanes;
    std::int64_t o = 0;
    // The last panel may have to be filled up.
    for (; o + together - lanes < rows.outputs; o += together) {
        add_panels_of_batch<S, batch_panels>(rows, numbers, sums.first, sums.stride, o,
                                             next.ahead(o / together));
    }
    if constexpr (batch_panels > 1) {
        if (o < rows.outputs) {
            add_panels_of_batch<S, 1>(rows, numbers, sums.first, sums.stride, o,
                                      next.ahead(o / together));
        }
    }
}

using BatchRowsTile = void (*)(const BatchRows&, const float*, std::int64_t, const BatchSums&,
                               const NextRows&);

template <int... S>
constexpr std::array<BatchRowsTile, sizeof...(S)> batch_rows_tiles(
    std::integer_sequence<int, S...>) {
    return {batch_rows_tile<S + 1>...};
}

// Sums of neighbouring outputs of some samples, for which rows of weights pass by, some at a time.
class BatchProduct {
  public:
    BatchProduct(const Call& call, const BatchDenseArguments& a, const Span& samples,
                 const Span& outputs)
        : a_(a),
          samples_(samples),
          input_(call.operands[0]),
          stride_(call.step->batch_stride),
          most_(larger(lanes, smaller(batch_rows, batch_weights / (outputs.end - outputs.begin)))) {
        rows_.weights = call.operands[1] + outputs.begin;
        rows_.stride = a.outputs;
        rows_.outputs = outputs.end - outputs.begin;
    }

    // Overwrites sums, from the first of the samples on, with those of the next `count` inputs.
    void run(std::int64_t count, const BatchSums& sums) {
        static constexpr auto tiles =
            batch_rows_tiles(std::make_integer_sequence<int, batch_samples>());
        rows_.first = true;
        for (; count > 0; count -= rows_.count) {
            take_rows(smaller(most_, count));
            NextRows next{0, (samples_.end - samples_.begin + batch_samples - 1) / batch_samples,
                          rows_.count * a_.outputs};
            for_sample_tiles(samples_, tiles, [&](BatchRowsTile tile, std::int64_t s) {
                tile(rows_, input_ + s * stride_, stride_,
                     {sums.first + (s - samples_.begin) * sums.stride, sums.stride}, next);
                ++next.tile;
            });
            rows_.weights += rows_.count * a_.outputs;
            rows_.first = false;
        }
    }

  private:
    void take_rows(std::int64_t count) {
        rows_.count = count;
        for (std::int64_t k = 0; k < count; ++k) {
            rows_.places[static_cast<std::size_t>(k)] = place_++;
            if (++channel_ == a_.channels) {
                channel_ = 0;
                place_ += a_.cell_floats - a_.channels;
            }
        }
    }

    const BatchDenseArguments& a_;
    Span samples_;
    const float* input_;
    std::int64_t stride_;
    std::int64_t most_;
    std::int64_t place_ = 0;
    std::int64_t channel_ = 0;
    BatchRows rows_{};
};

// Sums of some outputs of some samples, in parts of the inputs, none of them empty, of which each
// but the first one needs a workspace for its sums.
inline void batch_in_parts(const Call& call, const BatchDenseArguments& a, const Span& samples,
                           const Span& outputs) {
    const std::int64_t inputs = a.cells * a.channels;
    const std::int64_t count = samples.end - samples.begin;
    const std::int64_t stride = call.step->batch_stride;
    float* output = call.operands[4] + outputs.begin + samples.begin * stride;
    if (count == 1) {
        const SingleDenseProductArguments one{a.cells,      a.channels, a.cell_floats, a.outputs,
                                              a.activation, a.slope,    a.in_parts};
        dense_in_parts(
            one,
            {call.operands[0] + samples.begin * stride, call.operands[1] + outputs.begin, output},
            outputs.end - outputs.begin);
        return;
    }
    const std::int64_t width = panels_of(outputs.end - outputs.begin) * lanes;
    float* more = call.operands[5];
    BatchProduct product(call, a, samples, outputs);
    product.run(inputs_of_part(inputs, dense_parts, 0).end, {output, stride});
    for (std::int64_t p = 1; p < dense_parts; ++p) {
        const Span part = inputs_of_part(inputs, dense_parts, p);
        product.run(part.end - part.begin, {more, width});
        for (std::int64_t s = 0; s < count; ++s) {
            float* sums = output + s * stride;
            for (std::int64_t o = 0; o < width; o += Vector::width) {
                (Vector::load(sums + o) + Vector::load(more + s * width + o)).store(sums + o);
            }
        }
    }
}

// The outputs from `begin` to `end`, multiples of `lanes` but for the last, of some samples.
inline void dense_of_batch(const Call& call, const BatchDenseArguments& a, const Span& samples,
                           const Span& outputs) {
    const std::int64_t stride = call.step->batch_stride;
    if (a.in_parts) {
        batch_in_parts(call, a, samples, outputs);
    } else {
        BatchProduct(call, a, samples, outputs)
            .run(a.cells * a.channels,
                 {call.operands[4] + outputs.begin + samples.begin * stride, stride});
    }
    for (std::int64_t s = samples.begin; s < samples.end; ++s) {
        finish_outputs(call.operands[2], call.operands[3], outputs, a.activation, a.slope,
                       call.operands[4] + s * stride);
    }
}

// Operands are those of `dense_single` and, for sums in parts, a workspace of those of all samples.
// Pieces are groups of outputs, of one part of the samples after the other.
inline void dense_single_batch(const Call& call) {
    const auto& a = arguments<BatchDenseArguments>(call);
    const std::int64_t groups = panels_of(a.outputs);
    for (std::int64_t piece = call.begin; piece < call.end;) {
        const std::int64_t part = piece / groups;
        const std::int64_t first = piece % groups;
        const std::int64_t last = smaller(groups, first + call.end - piece);
        const std::int64_t batch = call.step->batch;
        dense_of_batch(call, a, {batch * part / a.parts, batch * (part + 1) / a.parts},
                       {first * lanes, smaller(last * lanes, a.outputs)});
        piece += last - first;
    }
}

inline constexpr std::int64_t gathered_samples = 64;

// The upstream gradients of some samples in panels, [panel][sample][output].
inline void gather_panels(const float* upstream, std::int64_t stride, std::int64_t samples,
                          std::int64_t outputs, float* panels) {
    for (std::int64_t o = 0; o < outputs; o += outer_width) {
        const std::int64_t width = whole_vectors(smaller(outer_width, outputs - o));
        for (std::int64_t s = 0; s < samples; ++s, panels += width) {
            for_vectors(smaller(width, outputs - o), [&](std::int64_t k, int count) {
                load_some(upstream + s * stride + o + k, count).store(panels + k);
            });
        }
    }
}

// Overwrites rows `begin` to `end` of the gradient, or adds to them, from `samples` samples.
inline void add_outer_products(const SingleDenseArguments& a, const Span& rows, const float* input,
                               std::int64_t stride, const float* panels, std::int64_t samples,
                               float* gradient, bool overwrite) {
    for (std::int64_t row = rows.begin; row < rows.end;) {
        const std::int64_t channel = row % a.channels;
        const std::int64_t together =
            smaller(smaller(outer_together, a.channels - channel), rows.end - row);
        const float* first = input + row / a.channels * a.cell_floats + channel;
        for (std::int64_t o = 0; o < a.outputs; o += outer_width) {
            const std::int64_t width = whole_vectors(smaller(outer_width, a.outputs - o));
            outer_panel<1, Additions::in_order>(first, together, panels + o * samples,
                                                a.outputs - o, {1, samples, 0, stride, 0, width},
                                                gradient + row * a.outputs + o, a.outputs,
                                                overwrite);
        }
        row += together;
    }
}

// Operands: input, upstream gradient, gradient by the weights, workspace of `gathered_samples` ×
// outputs rounded up to a multiple of `lanes`. Pieces are `outer_product_sum_piece` inputs each.
inline void outer_product_single_batch(const Call& call) {
    const auto& a = arguments<SingleDenseArguments>(call);
    const std::int64_t stride = call.step->batch_stride;
    const Span rows{call.begin * outer_product_sum_piece,
                    smaller(call.end * outer_product_sum_piece, a.cells * a.channels)};
    for (std::int64_t s = 0; s < call.step->batch; s += gathered_samples) {
        const std::int64_t samples = smaller(gathered_samples, call.step->batch - s);
        gather_panels(call.operands[1] + s * stride, stride, samples, a.outputs, call.operands[3]);
        add_outer_products(a, rows, call.operands[0] + s * stride, stride, call.operands[3],
                           samples, call.operands[2], s == 0);
    }
}

}  // namespace kernelet::KERNELET_ISA
