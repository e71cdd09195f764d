"""SciPy's ways to convolve, and ours, for float32 arrays of any dimension."""

from __future__ import annotations

import argparse
import math
import statistics
from typing import Any

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

import kernelet as kl
from contenders.turns import Contender, check, median_ratio, take_turns

# SciPy's direct method takes about a nanosecond a multiply-add, and more in several dimensions:
# with more than these it cannot win.
SCIPY_DIRECT_LIMIT = 2 * 10**8
OUR_DIRECT_LIMIT = 2 * 10**9


def contenders(a: NDArray[Any], w: NDArray[Any], mode: Any) -> dict[str, Contender]:
    """Return all that may be the fastest; kernelet's first."""

    def fftconvolve_with_workers() -> NDArray[Any]:
        with scipy.fft.set_workers(2):
            return scipy.signal.fftconvolve(a, w, mode)

    found: dict[str, Contender] = {
        "kernelet": lambda: kl.convolve(a, w, mode),
        "kernelet fft": lambda: kl.convolve(a, w, mode, "fft"),
        "scipy fftconvolve": lambda: scipy.signal.fftconvolve(a, w, mode),
        "scipy fftconvolve, 2 workers": fftconvolve_with_workers,
        "scipy oaconvolve": lambda: scipy.signal.oaconvolve(a, w, mode),
    }
    multiply_adds = a.size * w.size
    if multiply_adds <= OUR_DIRECT_LIMIT:
        found["kernelet direct"] = lambda: kl.convolve(a, w, mode, "direct")
    if multiply_adds <= SCIPY_DIRECT_LIMIT:
        found["scipy direct"] = lambda: scipy.signal.convolve(a, w, mode, "direct")
    return found


def compare(a_shape: tuple[int, ...], w_shape: tuple[int, ...], mode: Any, rounds: int) -> float:
    """Time one size, print it, and return how far kernelet is ahead of SciPy's best."""
    generator = np.random.default_rng(0)
    a = generator.standard_normal(a_shape, np.float32)
    w = generator.standard_normal(w_shape, np.float32)
    expected = scipy.signal.fftconvolve(a.astype(np.float64), w.astype(np.float64), mode)
    all_of_them = contenders(a, w, mode)
    check(all_of_them, expected, 1e-5)
    seconds = take_turns(all_of_them, rounds)
    median = {name: statistics.median(times) for name, times in seconds.items()}
    best = min((name for name in median if name.startswith("scipy")), key=median.__getitem__)
    ahead = median_ratio(seconds[best], seconds["kernelet"])
    direct = median.get("kernelet direct", math.nan)
    print(
        f"{'×'.join(map(str, a_shape)):>12s} {'×'.join(map(str, w_shape)):>9s}"
        f"  kernelet {median['kernelet'] * 1e3:9.3f} ms"
        f"  (direct {direct * 1e3:9.3f}, fft {median['kernelet fft'] * 1e3:9.3f})"
        f"  {best} {median[best] * 1e3:9.3f} ms  × kernelet {ahead:6.2f}",
        flush=True,
    )
    return ahead


def compare_all(
    description: str | None, sizes: list[tuple[tuple[int, ...], tuple[int, ...]]], mode: Any
) -> None:
    """Time all sizes, and print where kernelet is least ahead."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    ahead = {size: compare(*size, mode, options.rounds) for size in sizes}
    least = min(ahead, key=ahead.__getitem__)
    print(f"least ahead, × {ahead[least]:.2f}: signal {least[0]}, filter {least[1]}")
    print(f"behind at {sum(ratio < 1 for ratio in ahead.values())} of {len(ahead)} sizes")
