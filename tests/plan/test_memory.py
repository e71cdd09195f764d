"""Placing values in an arena."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kernelet.plan.memory import Lifetime, Stack, pack

LIFETIMES = st.lists(
    st.tuples(st.integers(1, 100), st.integers(0, 9), st.integers(0, 9)), max_size=20
).map(
    lambda items: [Lifetime(k, size, min(a, b), max(a, b)) for k, (size, a, b) in enumerate(items)]
)


@given(LIFETIMES)
def test_values_alive_together_never_overlap(lifetimes: list[Lifetime]) -> None:
    layout = pack(lifetimes, alignment=16)
    for k, a in enumerate(lifetimes):
        begin = layout.offsets[a.key]
        assert begin % 16 == 0
        assert begin + a.size <= layout.size
        for b in lifetimes[k + 1 :]:
            if a.first <= b.last and b.first <= a.last:
                other = layout.offsets[b.key]
                assert begin + a.size <= other or other + b.size <= begin


def test_memory_of_a_dead_value_is_used_again() -> None:
    chain = [Lifetime(k, 100, k, k + 1) for k in range(50)]
    assert pack(chain, alignment=16).size == 2 * 112


def test_stack_keeps_the_first_place() -> None:
    stack = Stack(16)
    assert [stack.place("a", 3), stack.place("b", 17), stack.place("a", 3)] == [0, 16, 0]
    assert stack.size == 48
