// The rows of the upstream gradient that a bfloat16 gradient by the filters reads.
#pragma once

#include "kernels/bfloat16/lane_pairs.h"
#include "kernels/bfloat16/tile_gradient_layout.h"
#include "kernels/indexed_pooling.h"
#include "kernels/reduction.h"

namespace kernelet::KERNELET_ISA {

// Offsets in floats within the workspace: behind what kernels multiply, in registers or by tiles,
// come a row of an upstream gradient that is unpooled, and its sums over cells.
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
        return upstream_row() + (a_.unpools ? a_.output_width * a_.filters * lanes : 0);
    }
    std::int64_t size() const { return sums() + a_.filters * lanes; }

  private:
    const FilterGradientBfloat16Arguments& a_;
};

// The upstream gradient of a call of `convolution_filter_gradient_bfloat16`. While its rows are
// packed they are added up as well, where there is a bias: each must be asked for once.
class UpstreamRows {
  public:
    explicit UpstreamRows(const Call& call)
        : call_(call),
          a_(arguments<FilterGradientBfloat16Arguments>(call)),
          rows_(IndexedPooling(a_, a_.output_height, a_.output_width, a_.filters), call.operands[1],
                call.operands[2], call.operands[5] + FilterGradientWorkspace(a_).upstream_row()),
          bias_(call.operands[4]),
          sums_(call.operands[5] + FilterGradientWorkspace(a_).sums()) {
        clear_floats(a_.filters * lanes, sums_);
    }

    // A row, counted through all planes; valid until the next one is asked for.
    const float* row(std::int64_t row) const {
        const float* cells = rows_.row(row);
        if (bias_) add(cells);
        return cells;
    }

    // To be called behind all rows.
    void finish() const {
        if (!bias_) return;
        for (std::int64_t filter = 0; filter < a_.filters; ++filter) {
            float total = 0.0F;
            for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                const Vector sum = Vector::load(sums_ + filter * lanes + lane);
                total += reduce_add(zero_past_batch(call_, lane, sum));
            }
            add_to_partial(call_, bias_ + filter, total);
        }
    }

  private:
    void add(const float* cells) const {
        const std::int64_t floats = a_.filters * lanes;
        for (std::int64_t cell = 0; cell < a_.output_width; ++cell, cells += floats) {
            for (std::int64_t k = 0; k < floats; k += Vector::width) {
                (Vector::load(sums_ + k) + Vector::load(cells + k)).store(sums_ + k);
            }
        }
    }

    const Call& call_;
    const FilterGradientBfloat16Arguments& a_;
    InputRows rows_;
    float* bias_;
    float* sums_;
};

}  // namespace kernelet::KERNELET_ISA
