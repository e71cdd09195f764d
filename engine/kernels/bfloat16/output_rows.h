// The rows of output cells that a bfloat16 convolution writes, and what is done with each while it
// is still in the cache.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/activation.h"
#include "kernels/pointwise.h"

namespace kernelet::KERNELET_ISA {

class OutputRows {
  public:
    // `saved` is what the gradient of an activation reads, or null where there is none.
    OutputRows(const ConvolutionBfloat16Arguments& a, const float* saved, float* output)
        : a_(a), saved_(saved), output_(output) {}

    float* row(std::int64_t row) const { return output_ + row * elements() * lanes; }

    // To be called when all filters of all cells of a row are there.
    void finish(std::int64_t row) const {
        float* cells = this->row(row);
        activate_row(cells, elements(), a_.activation);
        if (saved_) {
            activation_gradient_any(cells, saved_ + row * elements() * lanes, cells, elements(),
                                    static_cast<Activation>(a_.derivative),
                                    static_cast<float>(a_.slope));
        }
    }

  private:
    std::int64_t elements() const { return a_.output_width * a_.filters; }

    const ConvolutionBfloat16Arguments& a_;
    const float* saved_;
    float* output_;
};

}  // namespace kernelet::KERNELET_ISA
