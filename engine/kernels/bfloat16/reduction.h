// The order of a bfloat16 convolution's products: sixteen pairs of them make a chunk, which is what
// a matrix tile multiplies at once.
#pragma once

#include "kernels/bfloat16/paired_input.h"

namespace kernelet::KERNELET_ISA {

inline constexpr std::int64_t chunk_pairs = 16;
// Filters are packed in blocks of this many, the last filled up with zeros.
inline constexpr std::int64_t bfloat16_filters = 16;
// A chunk of the weights of a block of filters, [filter][pair].
inline constexpr std::int64_t weight_chunk = bfloat16_filters * chunk_pairs;

// How weights are grouped: `runs` runs of consecutive channels, in pairs, of which each takes
// `slots` places in the order of products.
struct RunShape {
    std::int64_t elements;  // of a run
    std::int64_t runs;
    std::int64_t slots;

    std::int64_t pairs() const { return (elements + 1) / 2; }
    std::int64_t chunks() const { return (runs * slots + chunk_pairs - 1) / chunk_pairs; }
    // Pairs of the packed weights of a block of filters, and of all filters of a group.
    std::int64_t block_size() const { return chunks() * weight_chunk; }
    std::int64_t size(std::int64_t filters) const {
        return (filters + bfloat16_filters - 1) / bfloat16_filters * block_size();
    }
};

inline RunShape run_shape(const ConvolutionBfloat16Arguments& a) {
    return {a.run_taps * (a.channels / a.groups),
            a.kernel_depth * a.kernel_height * a.kernel_width / a.run_taps, a.run_slots};
}

// Where the pairs of each chunk lie, relative to the first tap of a cell.
class Reduction {
  public:
    Reduction(const ConvolutionBfloat16Arguments& a, const PairedInput& input, Pair* workspace)
        : shape_(run_shape(a)),
          step_(2 * input.element),
          counts_(workspace),
          offsets_(workspace + shape_.chunks()) {
        std::int64_t slot = 0;
        const std::int64_t columns = a.kernel_width / a.run_taps;
        for (std::int64_t run = 0; run < shape_.runs; ++run) {
            const std::int64_t row = run / columns;
            const std::int64_t offset =
                row / a.kernel_height * a.dilation_depth * input.plane_size() +
                row % a.kernel_height * a.dilation_height * input.row_size() +
                run % columns * a.dilation_width * input.cell_size();
            for (std::int64_t k = 0; k < shape_.slots; ++k, ++slot) {
                place(slot, offset + k * step_, k < shape_.pairs());
            }
        }
    }

    // Pairs that the workspace holds.
    static std::int64_t size(const ConvolutionBfloat16Arguments& a) {
        return run_shape(a).chunks() * (1 + chunk_pairs);
    }

    const RunShape& shape() const { return shape_; }
    std::int64_t chunks() const { return shape_.chunks(); }
    // From a pair of a run to the next.
    std::int64_t step() const { return step_; }
    // Pairs of a chunk up to the last one that holds weights.
    std::int64_t count(std::int64_t chunk) const { return counts_[chunk]; }
    const Pair* offsets(std::int64_t chunk) const { return offsets_ + chunk * chunk_pairs; }

  private:
    void place(std::int64_t slot, std::int64_t offset, bool used) {
        const std::int64_t k = slot % chunk_pairs;
        if (k == 0) {
            counts_[slot / chunk_pairs] = 0;
        }
        offsets_[slot] = static_cast<Pair>(offset);
        if (used) {
            counts_[slot / chunk_pairs] = static_cast<Pair>(k + 1);
        }
    }

    RunShape shape_;
    std::int64_t step_;
    Pair* counts_;
    Pair* offsets_;
};

}  // namespace kernelet::KERNELET_ISA
