// Sums of single samples where several narrow groups share a panel of filters: each lane takes the
// channels of its own group.
#pragma once

#include "kernelet/kernel.h"
#include "kernels/single_tile.h"
#include "kernels/tile.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

// The groups that a vector of outputs of a merged panel, from `lane` on, has filters of.
struct LaneGroups {
    std::int64_t first;
    std::int64_t end;
    std::int64_t channels;  // of all of them
    IntVector places;       // of the first channel of each lane's group among these

    LaneGroups(const Panels& panels, std::int64_t lane) {
        const auto [inputs, outputs] = panels.merged;
        const std::int64_t last = smaller(lane + Vector::width, panels.filters) - 1;
        first = lane / outputs;
        end = last / outputs + 1;
        channels = (end - first) * inputs;
        std::int32_t place[Vector::width];
        for (std::int64_t k = 0; k < Vector::width; ++k) {
            const std::int64_t group = smaller(lane + k, last) / outputs - first;
            place[k] = static_cast<std::int32_t>(group * inputs);
        }
        places = IntVector::load(place);
    }
};

// Adds the products of a tap where a vector holds, or is `Whole` of, the channels of all its lanes'
// groups.
template <int P, bool Whole>
KERNELET_INLINE void add_permuted(Vector (&sums)[P], const float* const (&x)[P],
                                  std::int64_t offset, const float* w, const LaneGroups& groups,
                                  const MergedGroups& merged) {
    offset += groups.first * merged.inputs;
    const int count = static_cast<int>(groups.channels);
    for (std::int64_t c = 0; c < merged.inputs; ++c) {
        const Vector weights = Vector::load(w + c * lanes);
        const IntVector places = groups.places + IntVector::broadcast(static_cast<std::int32_t>(c));
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) {
            const float* from = x[p] + offset;
            const Vector cell = Whole ? Vector::load(from) : Vector::load_partial(from, count);
            sums[p] = fma(permute(cell, places), weights, sums[p]);
        }
    }
}

// The same for one group after the other, in the lanes of its own filters only.
template <int P>
KERNELET_INLINE void add_masked(Vector (&sums)[P], const float* const (&x)[P], std::int64_t offset,
                                const float* w, std::int64_t lane, const LaneGroups& groups,
                                const MergedGroups& merged) {
    const auto [inputs, outputs] = merged;
    for (std::int64_t group = groups.first; group < groups.end; ++group) {
        const std::int64_t first = larger(group * outputs - lane, 0);
        const std::int64_t last = smaller((group + 1) * outputs - lane, Vector::width);
        const Mask mask = mask_of_bits((1U << last) - (1U << first));
        for (std::int64_t c = 0; c < inputs; ++c) {
            const Vector weights = Vector::load(w + c * lanes);
            KERNELET_UNROLL
            for (int p = 0; p < P; ++p) {
                const Vector cell = Vector::broadcast_from(x[p] + offset + group * inputs + c);
                sums[p] = select(mask, fma(cell, weights, sums[p]), sums[p]);
            }
        }
    }
}

// P cells × a panel of merged groups, a vector of outputs after the other.
template <int P>
inline void merged_tile(const TileCells& cells, const TapGrid& grid, const Span& rows,
                        const Panels& panels) {
    const float* x[P];
    KERNELET_UNROLL
    for (int p = 0; p < P; ++p) x[p] = cells.inputs[static_cast<std::size_t>(p)];
    for (std::int64_t lane = 0; lane < panels.filters; lane += Vector::width) {
        const LaneGroups groups(panels, lane);
        Vector sums[P];
        KERNELET_UNROLL
        for (int p = 0; p < P; ++p) sums[p] = Vector::zero();
        for (std::int64_t plane = 0; plane < grid.planes; ++plane) {
            for (std::int64_t row = rows.begin; row < rows.end; ++row) {
                std::int64_t offset = plane * grid.input_plane_stride + row * grid.input_row_stride;
                const float* w =
                    panels.first + lane +
                    lanes * (plane * grid.weight_plane_stride + row * grid.weight_row_stride);
                for (std::int64_t column = 0; column < grid.columns; ++column) {
                    if (groups.channels == Vector::width) {
                        add_permuted<P, true>(sums, x, offset, w, groups, panels.merged);
                    } else if (groups.channels < Vector::width) {
                        add_permuted<P, false>(sums, x, offset, w, groups, panels.merged);
                    } else {
                        add_masked<P>(sums, x, offset, w, lane, groups, panels.merged);
                    }
                    offset += grid.input_column_stride;
                    w += lanes * grid.weight_column_stride;
                }
            }
        }
        store_channels(sums, lane, cells, panels);
    }
}

}  // namespace kernelet::KERNELET_ISA
