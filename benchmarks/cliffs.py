"""Looks for networks that train or predict slower than with PyTorch.

Draws networks on pictures, signals and batches of any size: a few convolutions, ordinary ones and
ones with any channels, filter, stride, dilation and groups; deep and narrow ones; depthwise ones;
large pictures with few channels. Times a training step or a prediction beside PyTorch in both of
its layouts, and in both precisions where bfloat16 is asked for. The list is sorted: whatever stands
below 1.00 is slower with kernelet.

    python benchmarks/cliffs.py [--count 60] [--seed 0] [--what training prediction] [--threads 2]
        [--precision float32]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from contenders.processes import (
    ISAS,
    SHORT_TURN,
    TOLERANCES,
    Conditions,
    Runner,
    load_all,
    ratio,
    start_all,
    take_turns,
)
from training_step import problem
from workers import kernelet_worker
from workers.networks import Convolution, Network

Contenders = Mapping[str, tuple[str, str]]

_TRAINING: Contenders = {
    "channels last": ("torch_worker.py", "float32"),
    "channels first": ("torch_worker.py", "float32-channels-first"),
}
_PREDICTION: Contenders = {
    "plain": ("prediction_worker.py", "torch"),
    "frozen": ("prediction_worker.py", "torch-frozen"),
}
# PyTorch is free to stay with float32 where that is faster.
CONTENDERS: Mapping[str, Mapping[str, Contenders]] = {
    "float32": {
        "training": {"kernelet": ("kernelet_worker.py", "float32"), **_TRAINING},
        "prediction": {"kernelet": ("prediction_worker.py", "kernelet"), **_PREDICTION},
    },
    "bfloat16": {
        "training": {
            "kernelet": ("kernelet_worker.py", "bfloat16"),
            "autocast": ("torch_worker.py", "autocast"),
            "fp32_precision": ("torch_worker.py", "fp32-precision"),
            **_TRAINING,
        },
        "prediction": {
            "kernelet": ("prediction_worker.py", "kernelet-bfloat16"),
            "autocast": ("prediction_worker.py", "torch-autocast"),
            "all bfloat16": ("prediction_worker.py", "torch-bfloat16"),
            **_PREDICTION,
        },
    },
}
# So that a step takes a tenth of a second, and all of its values a few hundred megabytes.
MOST_MULTIPLY_ADDS = 1.5e9
MOST_NUMBERS = 3e7


def _ordinary(generator: np.random.Generator) -> Convolution:
    """Draw a convolution as most networks have it."""
    kernel = int(generator.choice([1, 3, 3, 3, 5, 7]))
    return Convolution(
        int(generator.choice([8, 16, 20, 24, 32, 48, 64, 96, 128, 256, 512])),
        kernel,
        padding=int(generator.choice([0, kernel // 2, kernel // 2])),
        pool=int(generator.choice([1, 2])),
        strides=int(generator.choice([1, 1, 1, 2])),
        normalized=bool(generator.random() < 0.3),
    )


def _unusual(generator: np.random.Generator, channels: int) -> Convolution:
    """Draw a convolution with anything that its input allows."""
    filters = round(float(np.exp(generator.uniform(0, np.log(512)))))
    kernel = int(generator.integers(1, 8))
    divisors = [g for g in range(2, channels + 1) if channels % g == 0]
    groups = 1
    if divisors and generator.random() < 0.4:
        groups = int(generator.choice([channels, int(generator.choice(divisors))]))
        filters = groups * max(1, filters // groups)
    return Convolution(
        filters,
        kernel,
        padding=int(generator.integers(0, kernel)),
        pool=int(generator.choice([1, 2])),
        strides=int(generator.choice([1, 1, 2, 3])),
        dilation=int(generator.choice([1, 1, 1, 2])),
        groups=groups,
        normalized=bool(generator.random() < 0.2),
    )


Drawing = Iterator[Convolution]


def _mixed(generator: np.random.Generator, channels: int) -> Drawing:
    """Draw up to three convolutions, ordinary ones and others."""
    for _ in range(generator.integers(1, 4)):
        usual = generator.random() < 0.6
        c = _ordinary(generator) if usual else _unusual(generator, channels)
        yield c
        channels = c.filters


def _deep(generator: np.random.Generator, channels: int) -> Drawing:
    """Draw many convolutions by few filters."""
    filters, normalized = int(generator.choice([4, 8, 12, 16, 24, 32])), generator.random() < 0.5
    for _ in range(generator.integers(4, 11)):
        pool = int(generator.choice([1, 1, 1, 2]))
        kernel = int(generator.choice([1, 3, 3, 3]))
        yield Convolution(filters, kernel, kernel // 2, pool, normalized=bool(normalized))


def _separable(generator: np.random.Generator, channels: int) -> Drawing:
    """Draw a convolution, then pairs of a depthwise one and one of 1×1."""
    filters = int(generator.choice([8, 16, 24, 32]))
    yield Convolution(filters, 3, 1, strides=2, normalized=True)
    for _ in range(generator.integers(1, 5)):
        kernel, strides = int(generator.choice([3, 3, 5])), int(generator.choice([1, 1, 2]))
        yield Convolution(
            filters, kernel, kernel // 2, strides=strides, groups=filters, normalized=True
        )
        filters *= int(generator.choice([1, 2]))
        yield Convolution(filters, 1, normalized=True)


def _signal(generator: np.random.Generator, channels: int) -> Drawing:
    """Draw convolutions of signals."""
    for _ in range(generator.integers(1, 5)):
        kernel = int(generator.choice([3, 5, 7, 9, 16]))
        yield Convolution(
            int(generator.choice([4, 8, 16, 32, 64, 100, 128])),
            kernel,
            padding=int(generator.choice([0, kernel // 2])),
            pool=int(generator.choice([1, 2, 3])),
            strides=int(generator.choice([1, 1, 2])),
            dilation=int(generator.choice([1, 1, 2])),
            normalized=bool(generator.random() < 0.3),
            flat=True,
        )


def _large(generator: np.random.Generator, channels: int) -> Drawing:
    """Draw convolutions of large pictures by few filters."""
    for _ in range(generator.integers(1, 4)):
        kernel = int(generator.choice([1, 3, 3, 5, 7]))
        yield Convolution(
            round(float(np.exp(generator.uniform(0, np.log(16))))),
            kernel,
            padding=int(generator.choice([0, kernel // 2])),
            pool=int(generator.choice([1, 2])),
            strides=int(generator.choice([1, 2])),
            normalized=bool(generator.random() < 0.2),
        )


# Each kind of network with heights and channels of its input.
_SIDES = (8, 14, 28, 32, 33, 45, 56, 64, 97, 128)
_KINDS = (
    (_mixed, _SIDES, (1, 3, 3, 4, 16, 64)),
    (_mixed, _SIDES, (1, 3, 3, 4, 16, 64)),
    (_deep, _SIDES, (1, 3, 3, 8)),
    (_separable, _SIDES, (1, 3, 3)),
    (_signal, (1,), (1, 1, 2, 6, 12, 40)),
    (_large, (160, 200, 224, 255, 320), (1, 1, 3)),
)


def draw(generator: np.random.Generator) -> tuple[Network, int]:
    """Draw a network and a batch size within the limits."""
    while True:
        kind, heights, depths = _KINDS[generator.integers(len(_KINDS))]
        height = int(generator.choice(heights))
        width = int(generator.choice([height, height, max(8, height - 3), height + 5]))
        if kind is _signal:
            width = int(generator.choice([64, 100, 187, 256, 1000]))
        channels = int(generator.choice(depths))
        shape, convolutions = (height, width, channels), []
        for c in kind(generator, channels):
            if shape[2] % c.groups == 0 and min(c.output(*shape[:2])) > 0:
                convolutions.append(c)
                shape = (*c.output(*shape[:2]), c.filters)
        dense = (int(generator.choice([10, 100, 300])),) if generator.random() < 0.3 else ()
        network = Network(
            height,
            width,
            channels,
            tuple(convolutions),
            dense,
            averaged=bool(generator.random() < 0.25),
        )
        batch_size = int(generator.choice([1, 2, 4, 7, 10, 16, 20, 32, 50, 64, 100, 128, 256, 300]))
        work, numbers = batch_size * network.multiply_adds, batch_size * network.numbers
        if convolutions and 1e6 < work < MOST_MULTIPLY_ADDS and numbers < MOST_NUMBERS:
            return network, batch_size


def describe(network: Network, batch_size: int) -> str:
    """Return a network as a line."""
    parts = [f"{batch_size}×{network.height}×{network.width}×{network.channels}"]
    for c in network.convolutions:
        text = f"{c.kernel}×{c.kernel}→{c.filters}"
        for name, value, usual in (
            ("pad", c.padding, 0),
            ("stride", c.strides, 1),
            ("dilation", c.dilation, 1),
            ("groups", c.groups, 1),
            ("pool", c.pool, 1),
        ):
            text += f" {name} {value}" if value != usual else ""
        parts.append(text + (" norm" if c.normalized else "") + (" flat" if c.flat else ""))
    parts += ["average"] if network.averaged else []
    return ", ".join([*parts, *map(str, network.dense), str(network.classes)])


def time_network(
    runners: list[Runner], network: Network, batch_size: int, options: argparse.Namespace
) -> tuple[float, float]:
    """Return the ratio of PyTorch's better time to ours, and our milliseconds."""
    conditions = Conditions(batch_size, options.threads)
    x, y = problem(network, max(2, 64 // batch_size) * batch_size)
    weights = kernelet_worker.initial_weights(network)
    load_all(runners, network, conditions, weights, {"x": x, "y": y})
    numbers = [runner.run(1)[1] for runner in runners]
    relative, absolute = TOLERANCES[options.precision]
    if not np.allclose(numbers[0], numbers[-1], rtol=relative, atol=absolute):
        raise SystemExit(f"{describe(network, batch_size)}: {numbers[0]} against {numbers[-1]}")
    take_turns(runners, options.rounds, SHORT_TURN)
    best = min(ratio(theirs, runners[0]) for theirs in runners[1:])
    return best, float(np.median(runners[0].milliseconds))


def hunt(what: str, options: argparse.Namespace) -> None:
    """Print the drawn networks, those that are slowest beside PyTorch first."""
    generator = np.random.default_rng(options.seed)
    lines = []
    contenders = CONTENDERS[options.precision][what]
    with start_all(contenders, Conditions(1, options.threads, isa=options.isa)) as runners:
        for _ in range(options.count):
            network, batch_size = draw(generator)
            try:
                best, ours = time_network(runners, network, batch_size, options)
            except RuntimeError as error:  # a contender crashed; what was timed still counts
                print(f"{describe(network, batch_size)}: {error}", file=sys.stderr)
                break
            lines.append((best, ours, describe(network, batch_size)))
    lines.sort()
    slower = sum(best < 1 for best, _, _ in lines)
    print(f"\n{what}, {options.precision}, {options.isa}")
    print(f"{slower} of {len(lines)} slower than PyTorch's better way")
    print("PyTorch / kernelet | kernelet, ms | network")
    for best, ours, network_text in lines:
        print(f"{best:8.2f} | {ours:9.3f} | {network_text}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = list(CONTENDERS["float32"])
    parser.add_argument("--what", nargs="+", default=kinds, choices=kinds)
    parser.add_argument("--precision", default="float32", choices=list(CONTENDERS))
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--isa", default="native", choices=list(ISAS))
    chosen = parser.parse_args()
    for kind in chosen.what:
        hunt(kind, chosen)
