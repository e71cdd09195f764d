// AVX-512 with AVX512-BF16 and AMX's matrix tiles. amx_emulated.h offers the same tiles in plain
// C++.
#pragma once

#include "simd/amx_tiles.h"
#include "simd/avx512_bf16.h"

#define KERNELET_HAS_TILES
