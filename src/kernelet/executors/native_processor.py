"""What the engine knows about the machine, for those who show it."""

from kernelet._engine import cgroup_limit, processor, resolve_isa, usable_threads

__all__ = ["cgroup_limit", "processor", "resolve_isa", "usable_threads"]
