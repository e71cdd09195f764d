// The rows of the upstream gradient that a bfloat16 gradient by the filters reads.
#pragma once

#include "kernels/bfloat16/lane_pairs.h"
#include "kernels/bfloat16/tile_gradient_layout.h"
#include "kernels/indexed_pooling.h"

namespace kernelet::KERNELET_ISA {

// Offsets in floats within the workspace: behind what kernels multiply, in registers or by tiles,
// comes a row of an upstream gradient that is unpooled.
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
    std::int64_t size() const {
        return upstream_row() + (a_.unpools ? a_.output_width * a_.filters * lanes : 0);
    }

  private:
    const FilterGradientBfloat16Arguments& a_;
};

// The upstream gradient of a call of `convolution_filter_gradient_bfloat16`.
inline InputRows upstream_rows(const Call& call) {
    const auto& a = arguments<FilterGradientBfloat16Arguments>(call);
    return {IndexedPooling(a, a.output_height, a.output_width, a.filters), call.operands[1],
            call.operands[2], call.operands[4] + FilterGradientWorkspace(a).upstream_row()};
}

}  // namespace kernelet::KERNELET_ISA
