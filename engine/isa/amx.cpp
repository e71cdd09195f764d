#define KERNELET_ISA amx
#include "simd/amx.h"

#include "isa/bfloat16_table.h"
