#define KERNELET_ISA avx512_bf16
#include "simd/avx512_bf16.h"

#include "isa/bfloat16_table.h"
