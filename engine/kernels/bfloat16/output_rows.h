// The rows of output cells that a bfloat16 convolution writes, and what is done with each while it
// is still in the cache.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/activation.h"
#include "kernels/bfloat16/workspace.h"
#include "kernels/indexed_pooling.h"
#include "kernels/pointwise.h"

namespace kernelet::KERNELET_ISA {

// The rows of output cells of a call, counted through all planes, with all rows of the windows that
// begin in them: pieces are rows.
struct RowsOfCall {
    std::int64_t begin;
    std::int64_t end;

    explicit RowsOfCall(const Call& call) : begin(call.begin), end(call.end) {
        const auto& a = arguments<ConvolutionBfloat16Arguments>(call);
        if (!a.pools) return;
        begin = first_of_window(a, begin);
        end = first_of_window(a, end);
    }

  private:
    static std::int64_t first_of_window(const ConvolutionBfloat16Arguments& a, std::int64_t row) {
        const std::int64_t line = row % a.output_height;
        const std::int64_t past = line % a.window_height;
        return past ? row + smaller(a.window_height - past, a.output_height - line) : row;
    }
};

class OutputRows {
  public:
    // Of a call of `convolution_bfloat16`.
    explicit OutputRows(const Call& call)
        : a_(arguments<ConvolutionBfloat16Arguments>(call)),
          pooling_(a_, a_.output_height, a_.output_cells, a_.filters / a_.cells),
          saved_(call.operands[4]),
          output_(call.operands[6]),
          indices_(reinterpret_cast<std::uint8_t*>(call.operands[7])),
          scratch_(call.operands[8] + ConvolutionWorkspace(a_).output_rows()) {}

    // Where a row, counted through all planes, is to be written.
    float* row(std::int64_t row) const {
        if (a_.pools) return scratch_ + row_in_window(row) * pooling_.row_floats();
        return a_.rounded_output ? scratch_ : output_ + row * pooling_.row_floats();
    }

    // To be called for each row in order, when all filters of all its cells are there.
    void finish(std::int64_t row) const {
        float* cells = this->row(row);
        const std::int64_t elements = pooling_.row_floats() / lanes;
        activate_row(cells, elements, a_.activation);
        if (saved_) {
            differentiate(row, cells, elements);
        }
        if (a_.pools) {
            pool(row);
            return;
        }
        if (indices_) {
            store_signs(cells, reinterpret_cast<std::uint16_t*>(indices_) + row * elements,
                        elements);
        }
        if (a_.rounded_output) {
            store_rounded(cells, pooling_.row_floats(), row * pooling_.row_floats());
        }
    }

  private:
    // Some floats of cells, to where the output's float `first` would lie.
    void store_rounded(const float* cells, std::int64_t floats, std::int64_t first) const {
        Pair* target = reinterpret_cast<Pair*>(output_) + first / 2;
        for (std::int64_t k = 0; k < floats; k += 2 * lanes, target += lanes) {
            store_pairs(cells + k, cells + k + lanes, target);
        }
    }

    void differentiate(std::int64_t row, float* cells, std::int64_t elements) const {
        const auto kind = static_cast<Activation>(a_.derivative);
        const auto slope = static_cast<float>(a_.slope);
        if (!a_.signs) {
            activation_gradient_any(cells, saved_ + row * pooling_.row_floats(), cells, elements,
                                    kind, slope);
            return;
        }
        const auto* signs = reinterpret_cast<const std::uint16_t*>(saved_) + row * elements;
        gradient_by_signs(cells, signs, elements, kind == Activation::leaky_relu, slope);
    }

    std::int64_t row_in_window(std::int64_t row) const {
        return row % a_.output_height % a_.window_height;
    }

    // Pools a row of windows, if this is the last row of those.
    void pool(std::int64_t row) const {
        const std::int64_t line = row % a_.output_height;
        const std::int64_t window = line / a_.window_height;
        const bool last =
            row_in_window(row) + 1 == a_.window_height || line + 1 == a_.output_height;
        if (!last || window >= a_.pooled_height) return;
        const std::int64_t at = pooling_.pooled_row(row / a_.output_height, window);
        float* pooled =
            a_.rounded_output ? scratch_ + a_.window_height * pooling_.row_floats() : output_ + at;
        pool_rows(pooling_, scratch_, row_in_window(row) + 1, a_.rectified != 0, pooled,
                  indices_ ? indices_ + at : nullptr);
        if (a_.rounded_output) {
            store_rounded(pooled, a_.pooled_width * pooling_.cell_floats(), at);
        }
    }

    const ConvolutionBfloat16Arguments& a_;
    IndexedPooling pooling_;
    const float* saved_;
    float* output_;
    std::uint8_t* indices_;
    float* scratch_;
};

}  // namespace kernelet::KERNELET_ISA
