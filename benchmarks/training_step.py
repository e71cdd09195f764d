"""One Adam training step, side by side with PyTorch, Keras on TensorFlow and JAX.

Every contender runs in a process of its own with the same initial weights, data and optimizer, and
they take turns, so that a change of the machine's speed meets all of them. Before any time counts,
the losses of the first steps and the weights behind them are compared with the float64 reference.
Strict float32 and bfloat16 are classes of their own and never compared.

    python benchmarks/training_step.py [--networks lenet5 small-vgg] [--batch-sizes 32 128 1024]
        [--precision float32] [--contenders kernelet PyTorch] [--threads 2] [--isa avx2]
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent))

from contenders.options import compare_all, parser_of
from contenders.processes import Conditions, Runner, installed, load_all, start_all, take_turns
from workers import kernelet_worker
from workers.kernelet_worker import Expected
from workers.networks import NETWORKS, Network

Contenders = Mapping[str, tuple[str, str]]

CONTENDERS: Mapping[str, Contenders] = {
    "float32": {
        "kernelet": ("kernelet_worker.py", "float32"),
        "PyTorch": ("torch_worker.py", "float32"),
        "PyTorch compiled": ("torch_worker.py", "float32-compiled"),
        "Keras": ("keras_worker.py", "float32"),
        "Keras jit": ("keras_worker.py", "float32-jit"),
        "JAX": ("jax_worker.py", "float32"),
    },
    "bfloat16": {
        "kernelet": ("kernelet_worker.py", "bfloat16"),
        "PyTorch autocast": ("torch_worker.py", "autocast"),
        "PyTorch autocast compiled": ("torch_worker.py", "autocast-compiled"),
        "PyTorch fp32_precision": ("torch_worker.py", "fp32-precision"),
        "PyTorch fp32_pr. compiled": ("torch_worker.py", "fp32-precision-compiled"),
        "Keras mixed": ("keras_worker.py", "bfloat16"),
        "Keras mixed jit": ("keras_worker.py", "bfloat16-jit"),
        "JAX": ("jax_worker.py", "bfloat16"),
    },
}
CHECKED_STEPS = 3


@dataclass(frozen=True)
class Tolerance:
    """How far a contender may be from float64.

    Attributes
    ----------
    first_loss : float
        Relative, of the first loss: it shows the forward pass.
    losses : float
        Relative, of all. Later ones have been through Adam, which divides gradients near zero by
        themselves and so enlarges rounding.
    moved : float
        Of the weights: the norm of the error by the norm of how far they have moved.
    """

    first_loss: float
    losses: float
    moved: float


TOLERANCES = {
    "float32": Tolerance(1e-5, 5e-3, 0.05),
    # bfloat16 keeps 8 bits, so that a sum of products is within 2⁻⁸ of its terms' norm.
    "bfloat16": Tolerance(2e-2, 1e-1, 0.6),
}


def problem(shape: Network, count: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return pictures and labels."""
    generator = np.random.default_rng(1)
    pictures = (count, shape.height, shape.width, shape.channels)
    x = generator.standard_normal(pictures, np.float32)
    return x, generator.integers(0, shape.classes, count, np.int32)


def check(
    runner: Runner,
    first: list[NDArray[np.float32]],
    expected: Expected,
    tolerance: Tolerance,
    steps: int,
) -> None:
    """Stop where a contender's losses or weights are not those of float64."""
    _, losses = runner.run(steps)
    error = np.abs(np.array(losses) / np.array(expected.losses) - 1)
    off = moved = 0.0
    for got, wanted, before in zip(runner.weights(), expected.weights, first, strict=True):
        off += float(np.sum((got - wanted) ** 2.0))
        moved += float(np.sum((wanted - before) ** 2.0))
    drift = (off / moved) ** 0.5
    print(
        f"  {runner.name}: losses within {error.max():.1e}, weights within {drift:.1e} of float64",
        flush=True,
    )
    right = error[0] <= tolerance.first_loss and error.max() <= tolerance.losses
    if not (right and drift <= tolerance.moved):
        raise SystemExit(f"{runner.name} computes something else")


def time_steps(
    runners: list[Runner], shape: Network, conditions: Conditions, tolerance: Tolerance
) -> None:
    """Give contenders a network, hold their first steps to float64, and let them take turns."""
    batch_size = conditions.batch_size
    x, y = problem(shape, max(2, 1024 // batch_size) * batch_size)
    weights = kernelet_worker.initial_weights(shape)
    steps = CHECKED_STEPS if batch_size <= 128 else 1
    expected = kernelet_worker.reference(shape, weights, x, y, batch_size, steps)
    load_all(runners, shape, conditions, weights, {"x": x, "y": y})
    for runner in runners:
        check(runner, weights, expected, tolerance, steps)
    take_turns(runners, conditions.rounds)


def compare(
    network: str, conditions: Conditions, *, contenders: Contenders, precision: str
) -> list[Runner]:
    """Time one of the named networks; return the contenders with their times."""
    with start_all(contenders, conditions) as runners:
        time_steps(runners, NETWORKS[network], conditions, TOLERANCES[precision])
    return runners


if __name__ == "__main__":
    parser = parser_of(__doc__, [32, 128, 1024], 9)
    parser.add_argument("--precision", default="float32", choices=list(CONTENDERS))
    parser.add_argument("--contenders", nargs="+", help="by default, all of the precision")
    options = parser.parse_args()
    chosen = installed(CONTENDERS[options.precision])
    if options.contenders:
        chosen = {name: chosen[name] for name in options.contenders}
    compare_all(
        options,
        partial(compare, contenders=chosen, precision=options.precision),
        f"{options.precision}, ms a step",
    )
