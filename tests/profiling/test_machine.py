"""The machine at its best: what is measured, and the rates that follow."""

from __future__ import annotations

import math

import pytest

from kernelet.errors import ConfigurationError
from kernelet.executors.native_machine import base_isa
from kernelet.executors.native_processor import processor, resolve_isa
from kernelet.profiling import MachineProfile, measure_machine


@pytest.fixture(scope="module")
def machine() -> MachineProfile:
    return measure_machine([1, 2])


def test_every_instruction_set_up_to_the_one_in_use_is_measured(machine: MachineProfile) -> None:
    levels = processor().levels
    used = dict.fromkeys(map(base_isa, levels[: levels.index(resolve_isa()) + 1]))
    measured = [
        (a.instruction_set, a.threads) for a in machine.arithmetic if a.numbers == "float32"
    ]
    assert measured == [(name, threads) for name in used for threads in (1, 2)]
    assert all(math.isfinite(a.rate) and a.rate > 1e6 for a in machine.arithmetic)
    special = {"avx512_bf16", "amx"}.intersection(levels)
    assert {a.instruction_set for a in machine.arithmetic if a.numbers == "bfloat16"} == special
    assert set(machine.multiply_adds(2)) == {"float32"} | ({"bfloat16"} if special else set())
    assert bool(machine.tile_loads) == ("amx" in levels)


def test_memory_is_measured_beyond_the_caches(machine: MachineProfile) -> None:
    for threads in (1, 2):
        moved = [one for one in machine.movements if one.threads == threads]
        assert [one.level for one in moved][:2] == ["L1", "L2"]
        assert moved[-1].level == "memory"
        sizes = [one.size for one in moved]
        assert sizes == sorted(set(sizes))
        assert threads * sizes[-1] >= 2 * processor().caches.l3
        assert all(min(one.read, one.write, one.copy) > 0 for one in moved)


def test_rates_are_those_of_a_number_of_threads(machine: MachineProfile) -> None:
    rates = machine.rates(2)
    assert rates.threads == 2
    assert rates.measured
    assert rates.multiply_adds == machine.multiply_adds(2)
    assert (rates.barrier, rates.waking) == (machine.barrier, machine.waking)
    assert rates.barrier > 0
    assert rates.level(1000).name == "L1"
    assert rates.level(10**12).name == "memory"
    assert machine.rates(1).barrier == 0
    with pytest.raises(KeyError, match="3 threads"):
        machine.rates(3)


def test_an_instruction_set_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="isa: 'sse9' is not the name"):
        measure_machine([1], ["sse9"])


@pytest.mark.parametrize("isa", ["scalar", "amx_emulated"])
def test_a_forced_instruction_set_is_what_is_measured(
    monkeypatch: pytest.MonkeyPatch, isa: str
) -> None:
    monkeypatch.setenv("KERNELET_ISA", isa)
    machine = measure_machine([1])
    assert machine.instruction_set == isa
    assert [a.instruction_set for a in machine.arithmetic] == ["scalar"]
    assert set(machine.rates(1).multiply_adds) == {"float32"}
