// The loop that shows how fast products of pairs of bfloat16 are added up in vectors.
#pragma once

#include <cstdint>

namespace kernelet {

// Whether the processor has the instruction, and this build a loop for it.
bool has_bfloat16_dot();

// Multiply-adds of a turn.
inline constexpr std::int64_t bfloat16_dot_products = 12 * 32;

float bfloat16_dot(std::int64_t turns);

}  // namespace kernelet
