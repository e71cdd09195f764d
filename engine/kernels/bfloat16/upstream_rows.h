// The rows of the upstream gradient that a bfloat16 gradient by the filters reads.
#pragma once

#include "kernels/bfloat16/filters_of_call.h"
#include "kernels/bfloat16/lane_pairs.h"
#include "kernels/bfloat16/tile_gradient_layout.h"
#include "kernels/copying.h"
#include "kernels/indexed_pooling.h"
#include "kernels/reduction.h"

namespace kernelet::KERNELET_ISA {

// Offsets in floats within the workspace: behind what kernels multiply, in registers or by tiles,
// come a row of an upstream gradient that is unpooled or rounded, its sums over cells, and a row of
// an input that is rounded.
class FilterGradientWorkspace {
  public:
    explicit FilterGradientWorkspace(const FilterGradientBfloat16Arguments& a) : a_(a) {}

    std::int64_t upstream_row() const {
        const ChannelPlanes planes(a_);
        const std::int64_t pairs =
            larger(planes.size() + planes.upstream_size() + planes.gradient_rows(),
                   GradientTileLayout(a_).size());
        return (pairs + alignment - 1) / alignment * alignment;
    }
    std::int64_t sums() const {
        return upstream_row() +
               (a_.unpools || a_.rounded_upstream ? a_.output_width * a_.filters * lanes : 0);
    }
    std::int64_t input_row() const { return sums() + a_.filters * lanes; }
    std::int64_t size() const {
        return input_row() + (a_.rounded_input ? a_.width * a_.channels * lanes : 0);
    }

  private:
    const FilterGradientBfloat16Arguments& a_;
};

// The input of a call of `convolution_filter_gradient_bfloat16`.
inline InputRows gradient_input_rows(const Call& call) {
    const auto& a = arguments<FilterGradientBfloat16Arguments>(call);
    return {IndexedPooling(a, a.height, a.width, a.channels), a.rounded_input != 0,
            call.operands[0], nullptr, call.operands[5] + FilterGradientWorkspace(a).input_row()};
}

// The upstream gradient of a call of `convolution_filter_gradient_bfloat16`. While its rows are
// packed, those of the filters of this call are added up as well, where there is a bias: each row
// must be asked for once.
class UpstreamRows {
  public:
    explicit UpstreamRows(const Call& call)
        : call_(call),
          a_(arguments<FilterGradientBfloat16Arguments>(call)),
          rows_(IndexedPooling(a_, a_.output_height, a_.output_width, a_.filters),
                a_.rounded_upstream != 0, call.operands[1], call.operands[2],
                call.operands[5] + FilterGradientWorkspace(a_).upstream_row()),
          filters_(FiltersOfCall(call).all()),
          bias_(call.operands[4]),
          sums_(call.operands[5] + FilterGradientWorkspace(a_).sums()) {
        clear_floats(a_.filters * lanes, sums_);
    }

    const InputRows& rows() const { return rows_; }

    // To be called once for every row, counted through all planes, after it has been packed:
    // packing hides some of the time that it takes to fetch it.
    void add(std::int64_t row) const {
        if (!bias_ || a_.unpools) return;
        rows_.visit(row, [&](const auto& cells) {
            add_cells(a_.output_width, [&](std::int64_t k) { return cells.cell(k); });
        });
    }

    // To be called behind all rows.
    void finish() const {
        if (!bias_) return;
        if (a_.unpools) add_windows();
        for (std::int64_t filter = filters_.begin; filter < filters_.end; ++filter) {
            float total = 0.0F;
            for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                const Vector sum = Vector::load(sums_ + filter * lanes + lane);
                total += reduce_add(zero_past_batch(call_, lane, sum));
            }
            add_to_partial(call_, bias_ + filter, total);
        }
    }

  private:
    template <class CellOf>
    void add_cells(std::int64_t count, const CellOf& cell_of) const {
        float* sums = sums_;
        const std::int64_t vectors = (filters_.end - filters_.begin) * lanes / Vector::width;
        for_channel_tiles(vectors, [&]<int C>(std::int64_t first) {
            Vector totals[C];
            const std::int64_t begin = filters_.begin * lanes + first * Vector::width;
            for (int c = 0; c < C; ++c) {
                totals[c] = Vector::load(sums + begin + c * Vector::width);
            }
            for (std::int64_t k = 0; k < count; ++k) {
                const auto cell = cell_of(k);
                for (int c = 0; c < C; ++c) {
                    totals[c] = totals[c] + cell.load(begin + c * Vector::width);
                }
            }
            for (int c = 0; c < C; ++c) totals[c].store(sums + begin + c * Vector::width);
        });
    }

    // Of a pooling, a window has what its cells have together.
    void add_windows() const {
        const std::int64_t windows = a_.output_depth * a_.pooled_height * a_.pooled_width;
        const auto* indices = reinterpret_cast<const std::uint8_t*>(call_.operands[2]);
        const auto add = [&](const auto& upstream) {
            add_cells(windows, [&](std::int64_t window) {
                const std::int64_t first = window * a_.filters * lanes;
                return KeptCell{upstream.moved(first), indices + first};
            });
        };
        a_.rounded_upstream ? add(RoundedCell{reinterpret_cast<const Pair*>(call_.operands[1])})
                            : add(StoredCell{call_.operands[1]});
    }

    const Call& call_;
    const FilterGradientBfloat16Arguments& a_;
    InputRows rows_;
    Span filters_;  // of this call, counted through all groups
    float* bias_;
    float* sums_;
};

}  // namespace kernelet::KERNELET_ISA
