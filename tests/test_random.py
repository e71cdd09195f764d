from __future__ import annotations

import numpy as np
import pytest

from kernelet import random


# The known answers that Random123, the library of the method's authors, is tested with.
@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ([0, 0, 0, 0], (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([0xFFFFFFFF] * 4, (0xFFFFFFFF, 0xFFFFFFFF), "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_published_answers(counter: list[int], key: tuple[int, int], expected: str) -> None:
    words = random.philox(np.array(counter, np.uint32), key)
    assert " ".join(f"{word:08x}" for word in words) == expected


def test_words_are_keyed_as_documented() -> None:
    counter = np.array([1, 5, 6, 7], np.uint32)
    expected = random.philox(counter, (0x89ABCDEF, 0x01234567))
    words = random.words(0x0123456789ABCDEF, stream=7, epoch=6, samples=np.array([4, 5]), count=8)
    assert np.array_equal(words[1, 4:], expected)


def test_words_do_not_depend_on_what_else_is_asked_for() -> None:
    samples = np.array([9, 2, 2**31, 40])
    words = random.words(1, 2, 3, samples, 11)
    assert words.shape == (4, 11)
    for row, sample in enumerate(samples):
        assert np.array_equal(words[row, :6], random.words(1, 2, 3, np.array([sample]), 6)[0])


@pytest.mark.parametrize("changed", ["seed", "stream", "epoch"])
def test_every_key_matters(changed: str) -> None:
    keys = {"seed": 0, "stream": 0, "epoch": 0}
    samples = np.arange(10)
    before = random.words(**keys, samples=samples, count=4)
    after = random.words(**(keys | {changed: 1}), samples=samples, count=4)
    assert not (before == after).any()


def test_fractions_are_the_upper_bits() -> None:
    words = np.array([0, 255, 256, 0xFFFFFFFF], np.uint32)
    assert random.fractions(words).tolist() == [0, 0, 2**-24, 1 - 2**-24]


def test_uniform_fills_its_interval_evenly() -> None:
    values = random.uniform(seed=3, index=1, shape=(100, 1000), low=-2, high=6)
    counts, _ = np.histogram(values, bins=16, range=(-2, 6))
    # Each count is binomial with a deviation of 77 about 6250.
    assert counts.sum() == 100_000
    assert np.abs(counts - 6250).max() < 5 * 77


def test_normal_has_the_moments_asked_for() -> None:
    values = random.normal(seed=3, index=1, shape=(100_001,), mean=1, deviation=2)
    assert abs(values.mean() - 1) < 5 * 2 / 100_001**0.5
    assert abs(values.std() - 2) < 5 * 2 / (2 * 100_001) ** 0.5
    assert abs(np.mean(np.abs(values - 1) < 2) - 0.6827) < 0.008


def test_truncated_normal_ends_after_two_deviations() -> None:
    values = random.truncated_normal(seed=3, index=1, shape=(100_000,), mean=1, deviation=2)
    assert np.abs(values - 1).max() <= 4
    assert abs(values.std() / 2 - 0.87962566) < 0.008
    untouched = random.normal(seed=3, index=1, shape=(100_000,), mean=1, deviation=2)
    inside = np.abs(untouched - 1) <= 4
    assert np.array_equal(values[inside], untouched[inside])


@pytest.mark.parametrize("draw", [random.uniform, random.normal, random.truncated_normal])
def test_initial_values_differ_between_parameters_and_seeds(draw: object) -> None:
    assert callable(draw)
    first = draw(0, 0, (3, 5))
    assert np.array_equal(first, draw(0, 0, (3, 5)))
    assert not (first == draw(0, 1, (3, 5))).any()
    assert not (first == draw(1, 0, (3, 5))).any()


def test_permutation_is_a_new_one_every_epoch() -> None:
    orders = [random.permutation(seed=5, epoch=epoch, count=1000) for epoch in range(3)]
    for order in orders:
        assert np.array_equal(np.sort(order), np.arange(1000))
    assert np.array_equal(orders[1], random.permutation(seed=5, epoch=1, count=1000))
    # Two random orders agree in one place on average.
    assert (orders[0] == orders[1]).sum() < 10
    assert (orders[1] == orders[2]).sum() < 10


@pytest.mark.parametrize("count", [0, 1])
def test_permutation_of_almost_nothing(count: int) -> None:
    assert random.permutation(seed=0, epoch=0, count=count).tolist() == list(range(count))
