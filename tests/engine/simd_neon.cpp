#define KERNELET_ISA neon
#include "simd/neon.h"
#include "simd_operations.inl"
