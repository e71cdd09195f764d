// What every instruction set of the vector vocabulary shares. See README.md in this folder.
#pragma once

#include <cstdint>

#ifndef KERNELET_ISA
#error "define KERNELET_ISA (scalar, avx2, avx512 or neon) before including a simd/ header"
#endif

// The whole vocabulary is forced inline: a call left standing in one kernel would cost more than
// the instruction it stands for, and no out-of-line copy may exist that the linker could share.
#define KERNELET_INLINE [[gnu::always_inline]] inline

// Before a loop over the registers of a tile. Unless such loops are unrolled early, the compiler
// keeps the tile in memory and stores every sum after every multiply-add: half the speed on AVX2.
// Under a sanitizer, whose checks multiply with the code, and where registers are emulated, the
// speed does not matter.
#if defined(__SANITIZE_ADDRESS__) || defined(KERNELET_EMULATE_AVX512)
#define KERNELET_UNROLL
#else
#define KERNELET_UNROLL _Pragma("GCC unroll 16")
#endif
