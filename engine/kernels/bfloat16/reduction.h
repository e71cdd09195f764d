// The order of a bfloat16 convolution's products: sixteen pairs of them make a chunk, which is what
// a matrix tile multiplies at once.
#pragma once

#include "kernelet/kernel_list.h"
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
    const std::int64_t rows = a.rows_together ? a.kernel_height : 1;
    return {a.run_taps * (a.channels / a.groups),
            a.kernel_depth * a.kernel_height * a.kernel_width / (a.run_taps * rows), a.run_slots};
}

}  // namespace kernelet::KERNELET_ISA
