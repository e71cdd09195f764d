"""How time grows with threads and with pictures.

The cost of a picture shall be the same from a thousand to a million of them, and two threads shall
take half the time of one.

    python benchmarks/scaling.py [--most 1000000] [--threads 1 2]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from kernelet.networks import lenet5
from training_step import problem
from workers import kernelet_worker
from workers.networks import KNOWN
from workers.protocol import peak_memory

# An epoch of few pictures is repeated, so that each count takes about as long.
PICTURES_A_COUNT = 200_000
SECONDS_A_TURN = 0.5
ROUNDS = 5


def microseconds_a_picture(count: int) -> float:
    """Return what `fit` with LeNet-5 takes for a picture, of so many pictures of 28×28."""
    generator = np.random.default_rng(1)
    x = generator.integers(0, 256, (count, 28, 28, 1), np.uint8)
    y = generator.integers(0, 10, count)
    model = lenet5(seed=1)
    model.compile("adam")
    model.fit(x[:1000], y[:1000], 128, epochs=1, verbose=0)
    epochs = max(1, PICTURES_A_COUNT // count)
    began = time.perf_counter()
    model.fit(x, y, 128, epochs=epochs, verbose=0)
    return (time.perf_counter() - began) / (epochs * count) * 1e6


def milliseconds_a_step(name: str, threads: list[int]) -> dict[int, float]:
    """Return the milliseconds of an Adam step of 128 pictures on each number of threads."""
    network = KNOWN[name]
    x, y = problem(network, 8 * 128)
    weights = kernelet_worker.initial_weights(network)
    contenders = {n: kernelet_worker.Native(network, weights, x, y, 128, n) for n in threads}
    times: dict[int, list[float]] = {n: [] for n in threads}
    for turn in range(ROUNDS + 1):
        for number, contender in contenders.items():
            contender.restart()
            seconds, _ = contender.run(4)
            steps = max(1, round(SECONDS_A_TURN / seconds * 4))
            contender.restart()
            seconds, _ = contender.run(steps)
            if turn:
                times[number].append(seconds / steps * 1e3)
    return {number: statistics.median(turns) for number, turns in times.items()}


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=int, default=1_000_000, help="pictures")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    for name in KNOWN:
        for number, milliseconds in milliseconds_a_step(name, options.threads).items():
            print(f"  {name}, {number} threads: {milliseconds:.3f} ms a step", flush=True)
    count = 1000
    while count <= options.most:
        cost = microseconds_a_picture(count)
        print(
            f"  {count:9,d} pictures: {cost:.2f} µs each, peak {peak_memory() / 1e6:.0f} MB",
            flush=True,
        )
        count *= 10


if __name__ == "__main__":
    main()
