// Sums over the batch: adding up what the groups of blocks have summed apart.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

// Operands: partial sums of the first group, total. The groups are added in their order, so the
// total has the same bits whichever thread made which partial sum.
inline void sum_partials(const Call& call) {
    const float* partials = call.operands[0];
    float* total = call.operands[1];
    for (std::int64_t k = call.begin; k < call.end; k += Vector::width) {
        Vector sum = Vector::load(partials + k);
        for (std::int64_t group = 1; group < call.step->groups; ++group) {
            sum = sum + Vector::load(partials + group * call.step->partial_stride + k);
        }
        sum.store(total + k);
    }
}

}  // namespace kernelet::KERNELET_ISA
