#define KERNELET_ISA amx_emulated
#include "simd/amx_emulated.h"

#include "isa/bfloat16_table.h"
