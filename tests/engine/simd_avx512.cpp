#define KERNELET_ISA avx512
#include "simd/avx512.h"
#include "simd_operations.inl"
