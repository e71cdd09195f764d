// The bfloat16 kernels of the including file, which take the place of those that every instruction
// set has.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#ifdef KERNELET_HAS_TILES
#include "kernels/bfloat16/by_tiles.h"
#else
#include "kernels/bfloat16/in_registers.h"
#endif

namespace kernelet::KERNELET_ISA {

#define KERNELET_TABLE_ENTRY(name, Type, operands) &name,
extern const Kernel bfloat16_table[];
const Kernel bfloat16_table[] = {KERNELET_BFLOAT16_KERNELS(KERNELET_TABLE_ENTRY)};

}  // namespace kernelet::KERNELET_ISA
