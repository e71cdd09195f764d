#define KERNELET_ISA scalar
#include "simd/scalar.h"

#include "isa/table.h"
