"""Memory of results: whoever holds one keeps it, and what nobody holds is used again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import kernelet as kl
from kernelet.executors import aligned

SIZE = 300_000


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    aligned._spares.clear()
    yield
    aligned._spares.clear()


@pytest.mark.parametrize("size", [1, 15, 16, 1000, 9000, SIZE])
def test_arrays_begin_at_a_cache_line(size: int) -> None:
    for found in (aligned.aligned(size), aligned.result_array((size,))):
        assert found.shape == (size,)
        assert found.ctypes.data % 64 == 0 or 4 * size < aligned.LEAST_ALIGNED


def test_what_nobody_holds_is_used_again() -> None:
    addresses = set()
    result = aligned.result_array((SIZE,))
    for _ in range(10):
        result = aligned.result_array((SIZE,))
        addresses.add(result.ctypes.data)
    assert len(addresses) <= 3
    assert len(aligned._spares) <= 2


@pytest.mark.parametrize(
    "part",
    [
        lambda result: result,
        lambda result: result[5:6],
        lambda result: result.reshape(3, -1)[1].T,
        memoryview,
        lambda result: np.frombuffer(result, np.uint8),
    ],
)
def test_who_holds_a_part_keeps_it_all(part: object) -> None:
    assert callable(part)
    result = aligned.result_array((SIZE,))
    result[:] = 7
    held = part(result)
    copied = np.array(held)
    del result
    for _ in range(4):
        aligned.result_array((SIZE,))[:] = -1
    np.testing.assert_array_equal(np.array(held), copied)


def test_other_sizes_take_other_memory() -> None:
    first = aligned.result_array((SIZE,))
    address = first.ctypes.data
    del first
    other = aligned.result_array((SIZE + 16,))
    assert other.ctypes.data != address
    assert aligned.result_array((SIZE,)).ctypes.data == address


@pytest.mark.parametrize("size", [aligned.LEAST_KEPT // 4 - 1, aligned.MOST_KEPT // 4 + 1])
def test_small_and_huge_results_are_not_kept(size: int) -> None:
    aligned.result_array((size,))
    assert not aligned._spares


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_filtered_images_lie_in_the_memory_of_earlier_ones(dtype: str) -> None:
    image = np.random.default_rng(1).integers(0, 5, (1200, 1100)).astype(dtype)
    window = np.ones((3, 3), dtype)
    first = kl.convolve(image, window, "same")
    address, copied = first.ctypes.data, first.copy()
    del first
    again = kl.convolve(image, window, "same")
    assert again.ctypes.data == address
    np.testing.assert_array_equal(again, copied)


def test_convolutions_at_the_same_time_do_not_mix() -> None:
    w = np.ones((1, 1, 1, 8), np.float32)

    def convolve(value: int) -> bool:
        x = np.full((1, 200, 200, 1), value, np.float32)
        return all(bool((kl.conv2d(x, w) == value).all()) for _ in range(20))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(convolve, range(8)))


def test_an_earlier_result_stays_what_it_was() -> None:
    w = np.ones((1, 1, 1, 8), np.float32)
    results = [kl.conv2d(np.full((1, 200, 200, 1), k, np.float32), w) for k in range(5)]
    for k, result in enumerate(results):
        assert (result == k).all()
