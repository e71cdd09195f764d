#include "machine_bfloat16.h"

#include "kernelet/cpu.h"

#if defined(__x86_64__)

#include <immintrin.h>

// Alone in this file, so that no other function is compiled for processors that have this.
#define KERNELET_BFLOAT16 [[gnu::target("avx512f,avx512bf16")]]

namespace kernelet {

bool has_bfloat16_dot() { return processor().has("avx512f") && processor().has("avx512_bf16"); }

KERNELET_BFLOAT16 float bfloat16_dot(std::int64_t turns) {
    constexpr int sums_count = bfloat16_dot_products / 32;
    const __m512 ones = _mm512_set1_ps(1e-3F);
    const __m512bh pairs = _mm512_cvtne2ps_pbh(ones, ones);
    __m512 sums[sums_count];
#pragma GCC unroll 16
    for (int k = 0; k < sums_count; ++k) sums[k] = _mm512_set1_ps(static_cast<float>(k));
    for (std::int64_t turn = 0; turn < turns; ++turn) {
#pragma GCC unroll 16
        for (int k = 0; k < sums_count; ++k) sums[k] = _mm512_dpbf16_ps(sums[k], pairs, pairs);
    }
    __m512 total = sums[0];
#pragma GCC unroll 16
    for (int k = 1; k < sums_count; ++k) total = _mm512_add_ps(total, sums[k]);
    return _mm512_cvtss_f32(total);
}

}  // namespace kernelet

#else

namespace kernelet {

bool has_bfloat16_dot() { return false; }
float bfloat16_dot(std::int64_t) { return 0; }

}  // namespace kernelet

#endif
