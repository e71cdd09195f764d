#define KERNELET_ISA neon
#include "simd/neon.h"

#include "isa/table.h"
