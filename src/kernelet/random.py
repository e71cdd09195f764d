"""Random numbers as a pure function of what they are for, never of what was drawn before.

Every number is computed from a counter by Philox4x32-10 (J. K. Salmon et al., *Parallel random
numbers: as easy as 1, 2, 3*, SC11). The key is the seed; the counter names the purpose:

======== =====================================================================================
word 0   block: element ``e`` of a sample takes word ``e mod 4`` of block ``e // 4``
word 1   row of the sample in its data set
word 2   epoch
word 3   stream: which operation of the network, or one of the streams named in this module
======== =====================================================================================

So a picture is augmented in the same way whichever batch, thread or machine it falls to, and a
resumed run goes on with the numbers it would have had. The engine computes the same words.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Reals = NDArray[np.float64]

# Layers number the streams of their operations from 0; these are out of their reach.
INITIALIZER_STREAM = 0xFFFF_FFFF
SHUFFLE_STREAM = 0xFFFF_FFFE

_ROUNDS = 10
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_KEY_INCREMENTS = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFF_FFFF)
_HALF = np.uint64(32)


def philox(counters: Words, key: tuple[int, int]) -> Words:
    """Apply the Philox4x32-10 bijection.

    Parameters
    ----------
    counters : ndarray of uint32, shape (..., 4)
    key : pair of int
        Two 32-bit words.

    Returns
    -------
    ndarray of uint32, shape (..., 4)

    Examples
    --------
    >>> [f"{word:08x}" for word in philox(np.zeros(4, np.uint32), (0, 0))]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    c0, c1, c2, c3 = (counters[..., word].astype(np.uint64) for word in range(4))
    for step in range(_ROUNDS):
        k0, k1 = (
            np.uint64((word + step * increment) & 0xFFFF_FFFF)
            for word, increment in zip(key, _KEY_INCREMENTS, strict=True)
        )
        left, right = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (right >> _HALF) ^ c1 ^ k0,
            right & _LOW,
            (left >> _HALF) ^ c3 ^ k1,
            left & _LOW,
        )
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


def words(seed: int, stream: int, epoch: int, samples: NDArray[np.int64], count: int) -> Words:
    """Return the random words of some samples.

    Parameters
    ----------
    seed : int
        Taken modulo 2⁶⁴.
    stream, epoch : int
        Taken modulo 2³².
    samples : ndarray of int64, shape (n,)
        Rows in the data set, taken modulo 2³².
    count : int
        Words a sample.

    Returns
    -------
    ndarray of uint32, shape (n, count)

    Examples
    --------
    >>> first = words(seed=7, stream=0, epoch=0, samples=np.array([3, 8]), count=5)
    >>> again = words(seed=7, stream=0, epoch=0, samples=np.array([8]), count=2)
    >>> bool((first[1, :2] == again[0]).all())
    True
    """
    samples = np.asarray(samples)
    blocks = -(-count // 4)
    counters = np.empty((len(samples), blocks, 4), np.uint32)
    counters[..., 0] = np.arange(blocks, dtype=np.uint32)
    counters[..., 1] = samples.astype(np.uint32)[:, None]
    counters[..., 2] = epoch & 0xFFFF_FFFF
    counters[..., 3] = stream & 0xFFFF_FFFF
    key = (seed & 0xFFFF_FFFF, (seed >> 32) & 0xFFFF_FFFF)
    return philox(counters, key).reshape(len(samples), 4 * blocks)[:, :count]


def fractions(random_words: Words) -> Reals:
    """Map words to multiples of 2⁻²⁴ in [0, 1), all of them float32 numbers.

    Examples
    --------
    >>> fractions(np.array([0, 0x8000_0000], np.uint32)).tolist()
    [0.0, 0.5]
    """
    return (random_words >> np.uint32(8)).astype(np.float64) * 2.0**-24


def _initial_words(seed: int, index: int, attempt: int, count: int) -> Words:
    """Return words for the initial value of a parameter: its index stands for the sample."""
    return words(seed, INITIALIZER_STREAM, attempt, np.array([index]), count).reshape(count)


def _standard_normal(seed: int, index: int, attempt: int, count: int) -> Reals:
    """Return normal numbers by the method of Box and Muller, two from two words."""
    pairs = (count + 1) // 2
    random_words = _initial_words(seed, index, attempt, 2 * pairs).reshape(pairs, 2)
    # Centred in its interval, a word never becomes 0, whose logarithm does not exist.
    radii = np.sqrt(-2 * np.log((random_words[:, 0] + 0.5) * 2.0**-32))
    angles = 2 * math.pi * (random_words[:, 1] * 2.0**-32)
    normals = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=-1)
    return normals.reshape(-1)[:count]


def uniform(
    seed: int, index: int, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0
) -> Reals:
    """Return the initial value of a parameter, uniform in [low, high).

    Parameters
    ----------
    seed : int
        Of the model.
    index : int
        Number of the parameter in its model: parameters differ in it.
    shape : tuple of int
    low, high : float

    Returns
    -------
    ndarray of float64

    Examples
    --------
    >>> uniform(seed=0, index=0, shape=(2, 3), low=-1, high=1).shape
    (2, 3)
    """
    values = fractions(_initial_words(seed, index, 0, math.prod(shape)))
    return low + (high - low) * values.reshape(shape)


def normal(
    seed: int, index: int, shape: tuple[int, ...], mean: float = 0.0, deviation: float = 1.0
) -> Reals:
    """Return the initial value of a parameter, normally distributed.

    Parameters
    ----------
    seed, index, shape
        As for `uniform`.
    mean, deviation : float

    Returns
    -------
    ndarray of float64

    Examples
    --------
    >>> normal(seed=0, index=0, shape=(4,)).shape
    (4,)
    """
    values = _standard_normal(seed, index, 0, math.prod(shape))
    return mean + deviation * values.reshape(shape)


def truncated_normal(
    seed: int, index: int, shape: tuple[int, ...], mean: float = 0.0, deviation: float = 1.0
) -> Reals:
    """Return the initial value of a parameter, normal without what lies 2 deviations off.

    Numbers further than two deviations from the mean are drawn again, as Keras does; what remains
    has 0.8796 times the deviation asked for.

    Parameters
    ----------
    seed, index, shape
        As for `uniform`.
    mean, deviation : float
        Before truncation.

    Returns
    -------
    ndarray of float64

    Examples
    --------
    >>> bool(np.abs(truncated_normal(seed=0, index=0, shape=(1000,))).max() <= 2)
    True
    """
    count = math.prod(shape)
    values = _standard_normal(seed, index, 0, count)
    attempt = 0
    while (outside := np.abs(values) > 2).any():
        attempt += 1
        values = np.where(outside, _standard_normal(seed, index, attempt, count), values)
    return mean + deviation * values.reshape(shape)


def permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """Return a random order of ``count`` samples for an epoch.

    Samples are sorted by 64 random bits each, so the order depends on nothing but the arguments.

    Parameters
    ----------
    seed, epoch : int
    count : int
        Number of samples.

    Returns
    -------
    ndarray of int64, shape (count,)

    Examples
    --------
    >>> sorted(permutation(seed=0, epoch=0, count=4).tolist())
    [0, 1, 2, 3]
    """
    pairs = words(seed, SHUFFLE_STREAM, epoch, np.arange(count), 2).astype(np.uint64)
    return np.argsort(pairs[:, 0] << _HALF | pairs[:, 1], kind="stable").astype(np.int64)
