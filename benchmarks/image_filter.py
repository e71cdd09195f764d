"""One float32 picture of 1280×720, K×K filters, `same`: against OpenCV and SciPy.

Every result is compared with the float64 one before any time counts; then all take turns, once
with OpenCV on one thread and once on two, and the better of the two counts. SciPy, which takes many
times as long, has turns of its own.

    python benchmarks/image_filter.py [--sizes 3 5 7 11 15 31] [--rounds 15]
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import scipy.signal
from numpy.typing import NDArray

from contenders.image_filters import plain_filters, scipy_filters, separable_filters
from contenders.turns import Contender, check, median_ratio, take_turns

HEIGHT, WIDTH = 720, 1280
THREADS = (1, 2)


def expected(image: NDArray[Any], window: NDArray[Any]) -> NDArray[np.float64]:
    """Return the correlation in float64."""
    wide, flipped = image.astype(np.float64), window[::-1, ::-1].astype(np.float64)
    result: NDArray[np.float64] = scipy.signal.fftconvolve(wide, flipped, "same")
    return result


def against_opencv(contenders: Mapping[str, Contender], opencv: str, rounds: int) -> str:
    """Return medians beside the better of OpenCV's numbers of threads, and the ratio."""
    turns: dict[int, dict[str, list[float]]] = {}
    for threads in THREADS:
        cv2.setNumThreads(threads)
        take_turns(contenders, 2)
        turns[threads] = take_turns(contenders, rounds)
    best = min(THREADS, key=lambda threads: statistics.median(turns[threads][opencv]))
    seconds = turns[best]
    texts = [f"{name} {milliseconds(times)}" for name, times in seconds.items()]
    ahead = median_ratio(seconds[opencv], seconds["kernelet"])
    return f"{'  '.join(texts)} ({best} threads)  × kernelet {ahead:5.2f}"


def against_scipy(contenders: Mapping[str, Contender], rounds: int) -> str:
    """Return medians of kernelet and of SciPy's best, and the ratio."""
    seconds = take_turns(contenders, rounds)
    others = (name for name in seconds if name != "kernelet")
    best = min(others, key=lambda name: statistics.median(seconds[name]))
    ahead = median_ratio(seconds[best], seconds["kernelet"])
    ours, theirs = milliseconds(seconds["kernelet"]), milliseconds(seconds[best])
    return f"kernelet {ours}  SciPy {best} {theirs}  × kernelet {ahead:5.1f}"


def milliseconds(seconds: list[float]) -> str:
    """Return the median as text."""
    return f"{statistics.median(seconds) * 1e3:6.2f} ms"


def compare(size: int, rounds: int) -> None:
    """Time one size of filter, and print it."""
    generator = np.random.default_rng(0)
    image = generator.standard_normal((HEIGHT, WIDTH), np.float32)
    window = generator.standard_normal((size, size), np.float32)
    plain, scipys = plain_filters(image, window), scipy_filters(image, window)
    check({**plain, **scipys}, expected(image, window), 1e-5)
    print(f"{size:2d}×{size:<2d}  {against_opencv(plain, 'filter2D', rounds)}", flush=True)
    print(f"       {against_scipy(scipys, rounds // 3 + 1)}", flush=True)

    column, row = generator.standard_normal((2, size), np.float32)
    products = separable_filters(image, column, row)
    check(products, expected(image, np.outer(column, row)), 1e-5)
    print(f"       a column times a row: {against_opencv(products, 'sepFilter2D', rounds)}")


def main() -> None:
    """Run the comparison named on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", type=int, default=[3, 5, 7, 11, 15, 31])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    for size in options.sizes:
        compare(size, options.rounds)


if __name__ == "__main__":
    main()
