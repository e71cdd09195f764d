"""What the engine knows about the machine, for those who show it."""

from kernelet._engine import cgroup_limit, processor, resolve_isa, usable_threads

__all__ = ["BFLOAT16_INSTRUCTIONS", "cgroup_limit", "processor", "resolve_isa", "usable_threads"]

#: Instruction sets that multiply bfloat16 faster than float32, with what does it; all others come
#: to the same by float32 instructions, slowly.
BFLOAT16_INSTRUCTIONS = {
    "avx512_bf16": "AVX512-BF16",
    "amx": "AMX",
    "amx_emulated": "AMX, emulated",
}
