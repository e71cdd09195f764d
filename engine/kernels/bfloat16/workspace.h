// What the last operand of a bfloat16 convolution holds.
#pragma once

#include "kernels/bfloat16/tile_workspace.h"
#include "kernels/indexed_pooling.h"

namespace kernelet::KERNELET_ISA {

// Offsets in floats: behind what kernels multiply, in registers or by tiles, come a row of the
// input where that is unpooled or rounded, and the rows of a window where the output is pooled, and
// one row where it is rounded.
class ConvolutionWorkspace {
  public:
    explicit ConvolutionWorkspace(const ConvolutionBfloat16Arguments& a) : a_(a) {}

    std::int64_t input_row() const {
        const std::int64_t pairs =
            larger(PairedInput(a_, nullptr).size(), TileWorkspace(a_).size());
        return (pairs + alignment - 1) / alignment * alignment;
    }
    std::int64_t output_rows() const {
        return input_row() + (a_.unpools || a_.rounded_input ? a_.width * a_.channels * lanes : 0);
    }
    std::int64_t size() const {
        const std::int64_t rows = (a_.pools ? a_.window_height : 0) + a_.rounded_output;
        return output_rows() + rows * a_.output_cells * (a_.filters / a_.cells) * lanes;
    }

  private:
    const ConvolutionBfloat16Arguments& a_;
};

// The input of a call of `convolution_bfloat16`.
inline InputRows input_rows(const Call& call) {
    const auto& a = arguments<ConvolutionBfloat16Arguments>(call);
    return {IndexedPooling(a, a.height, a.width, a.channels), a.rounded_input != 0,
            call.operands[0], call.operands[5],
            call.operands[8] + ConvolutionWorkspace(a).input_row()};
}

}  // namespace kernelet::KERNELET_ISA
