"""A profile as plain data: one object with everything that its table shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kernelet.profiling.profile import Profile, StepProfile


def profile_record(profile: Profile) -> dict[str, Any]:
    """Return what `kernelet bench --plan --json` prints; times in seconds, sizes in bytes."""
    plan, rates = profile.plan, profile.plan.rates
    return {
        "network": profile.name,
        "training": profile.training,
        "precision": profile.precision,
        "batch_size": plan.batch_size,
        "threads": plan.threads,
        "instruction_set": profile.machine.instruction_set,
        "storage": plan.storage,
        "memory": plan.memory,
        "scratch": plan.scratch,
        "seconds": profile.elapsed,
        "fastest": profile.fastest,
        "slowest": profile.slowest,
        "predicted": plan.predicted,
        "rounds": profile.rounds,
        "steps_a_round": profile.steps_a_round,
        "multiply_adds": plan.multiply_adds,
        "parts": profile.parts(),
        "machine": {
            "multiply_adds": dict(rates.multiply_adds),
            "bytes": {level.name: level.rate for level in rates.levels},
            "barrier": rates.barrier,
            "waking": rates.waking,
            "shared_cores": profile.machine.shared_cores,
        },
        "steps": [step_record(step) for step in profile.steps],
    }


def step_record(step: StepProfile) -> dict[str, Any]:
    """Return one kernel with its work, its predicted and its measured time."""
    described = step.description
    return {
        "phase": described.phase,
        "division": described.division,
        "once": described.once,
        "part": described.part,
        "layer": described.layer,
        "kernel": described.kernel,
        "operations": described.operations,
        "shape": described.shape,
        "multiply_adds": described.multiply_adds,
        "multiplications": described.multiplications,
        "other": described.other,
        "read": described.read,
        "written": described.written,
        "reads": described.reads,
        "writes": described.writes,
        "workspace": described.workspace,
        "limit": described.limit,
        "bound": described.bound,
        "predicted": described.predicted,
        "seconds": step.seconds,
        "share_of_limit": step.share,
    }
