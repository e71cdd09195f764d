"""Instruction sets to test kernels under."""

from __future__ import annotations

import pytest

from kernelet import _engine

# They have bfloat16 kernels of their own and share all others with one that is listed before them.
_FAMILIES = ("avx512_bf16", "amx")

# Every instruction set of the processor that has kernels of its own, besides those for bfloat16.
LEVEL_NAMES = tuple(level for level in _engine.processor().levels if level not in _FAMILIES)
# Every one that has bfloat16 kernels of its own, with the matrix tiles that any processor emulates.
BFLOAT16_NAMES = (*_engine.processor().levels, "amx_emulated")

LEVELS = pytest.mark.parametrize("isa", LEVEL_NAMES)
BFLOAT16_LEVELS = pytest.mark.parametrize("isa", BFLOAT16_NAMES)
