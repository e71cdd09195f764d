#define KERNELET_ISA scalar
#include "simd/scalar.h"
#include "simd_operations.inl"
