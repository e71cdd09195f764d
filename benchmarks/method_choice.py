"""How good the choice of a method and the prediction of its time are.

Every method that applies is timed on some hundred problems, taking turns. Printed are, over all
problems, how much longer the method that "auto" chooses takes than the fastest one, and how far
predicted times lie from measured ones. With ``--fit``, the built-in coefficients are fitted to the
measured times on one thread and written to src/kernelet/convolution/coefficients.py, and no more.

    python benchmarks/method_choice.py [--types float32 float64] [--rounds 15]
    OPENBLAS_NUM_THREADS=1 python benchmarks/method_choice.py --alone | --fit

On a machine that other programs use, too, ``--alone`` compares the least of one thread's processor
times, which they change less than medians of elapsed times.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import kernelet as kl
from kernelet.convolution import calibration, choice, forward
from kernelet.convolution.coefficients import COEFFICIENTS
from kernelet.convolution.costs import Cost, costs, predicted_seconds
from kernelet.convolution.layer_costs import ways
from kernelet.convolution.methods import METHODS
from kernelet.convolution.problem import Problem
from kernelet.executors.native_processor import usable_threads
from kernelet.ops.convolution import Convolution, ConvolutionInputGradient

sys.path.insert(0, str(Path(__file__).resolve().parent))

from batched_convolution import draw
from workers.convolution_problem import ConvolutionProblem

Numbers = NDArray[np.float32]

TABLE = Path(__file__).parents[1] / "src" / "kernelet" / "convolution" / "coefficients.py"

# Problems of more multiply-adds take too long to be repeated by every method.
MOST_MULTIPLY_ADDS = 1_500_000_000
# A method that takes so many times the fastest one's time is not timed again.
HOPELESS = 6.0
# Seconds that repetitions on one thread fill, for a problem and method.
ALONE = 0.01
# Seconds a round, and problem, that repetitions of short runs may fill.
TURN = 0.001

LINES = (
    (300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000),
    (3, 5, 9, 17, 33, 65, 129, 300, 1_000, 5_000, 30_000),
)
PLANES = (
    ((24, 24), (48, 64), (100, 90), (200, 200), (256, 256), (480, 640), (720, 1280), (1500, 1500)),
    ((3, 3), (5, 5), (7, 7), (11, 11), (15, 15), (31, 31), (63, 63), (1, 9), (9, 1), (3, 15)),
)
VOLUMES = (
    ((12, 12, 12), (24, 24, 24), (40, 50, 60), (64, 64, 64), (96, 96, 96), (128, 128, 128)),
    ((3, 3, 3), (5, 5, 5), (7, 7, 7), (11, 11, 11), (15, 15, 15), (3, 1, 1), (9, 1, 1)),
)
BATCHES = (
    (64, (28, 28), (5, 5)),
    (1000, (28, 28), (3, 3)),
    (100, (1000,), (31,)),
    (10_000, (64,), (9,)),
    (8, (256, 256), (3, 3)),
    (16, (128, 128), (15, 15)),
)


# Convolutions of layers that are drawn at random.
LAYERS = 700


@dataclass
class Trial:
    """A problem with the times of its methods."""

    problem: Problem
    separable: bool
    alone: bool
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def time(self, method: str) -> float:
        """Return the least time of a method: what it takes where no other program runs."""
        return min(self.seconds[method])

    @property
    def best(self) -> float:
        """Return the time of the fastest method."""
        return min(map(self.time, self.seconds))


def problem(batch: int, lengths: tuple[int, ...], taps: tuple[int, ...], dtype: str) -> Problem:
    """Return the problem of mode "same"."""
    missing = 3 - len(lengths)
    depth, height, width = (1,) * missing + lengths
    window = (1,) * missing + taps
    return Problem(
        batch=batch,
        signal=(depth, height, width),
        window=(window[0], window[1], window[2]),
        before=(window[0] // 2, window[1] // 2, window[2] // 2),
        output=(depth, height, width),
        dtype=dtype,
    )


def problems(dtype: str) -> list[Problem]:
    """Return what is tried."""
    lines = [((n,), (k,)) for n in LINES[0] for k in LINES[1]]
    planes = [(n, k) for n in PLANES[0] for k in PLANES[1]]
    volumes = [(n, k) for n in VOLUMES[0] for k in VOLUMES[1]]
    single = [
        (1, n, k)
        for n, k in [*lines, *planes, *volumes]
        if all(a >= b for a, b in zip(n, k, strict=True))
    ]
    found = [problem(*sizes, dtype) for sizes in [*single, *BATCHES]]
    return [one for one in found if one.multiply_adds <= MOST_MULTIPLY_ADDS]


def arrays(trial: Trial) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return random signal and window."""
    generator = np.random.default_rng(1)
    one = trial.problem
    signal = generator.standard_normal((one.batch, *one.signal)).astype(one.dtype)
    window = generator.standard_normal(one.window)
    if trial.separable:
        window = np.einsum("i,j,k", *(generator.standard_normal(n) for n in one.window))
    return signal, window.astype(one.dtype)


def time_methods(trial: Trial, rounds: int) -> None:
    """Let all methods that apply take turns."""
    one = trial.problem
    threads = 1 if trial.alone else None
    clock = time.thread_time if trial.alone else time.perf_counter
    signal, window = arrays(trial)
    names = [name for name, method in METHODS.items() if method.applies(one, window)]
    first: dict[str, float] = {}
    for name in names:
        METHODS[name].run(one, signal, window, threads)
        first[name] = math.inf
        for _ in range(3):
            start = clock()
            METHODS[name].run(one, signal, window, threads)
            first[name] = min(first[name], clock() - start)
    limit = HOPELESS * min(first.values())
    for name in names:
        trial.seconds[name] = [first[name]]
    names = [name for name in names if first[name] < limit]
    for name in names:
        trial.seconds[name] = []
    for _ in range(rounds):
        for name in names:
            repetitions = max(1, min(20, round(TURN / first[name])))
            start = clock()
            for _ in range(repetitions):
                METHODS[name].run(one, signal, window, threads)
            trial.seconds[name].append((clock() - start) / repetitions)


def time_alone(name: str, trial: Trial) -> float:
    """Return the processor time of a method on one thread, which other programs hardly change."""
    one = trial.problem
    signal, window = arrays(trial)
    times: list[float] = []
    while len(times) < 4 or (sum(times) < ALONE and len(times) < 50):
        start = time.thread_time()
        METHODS[name].run(one, signal, window, threads=1)
        times.append(time.thread_time() - start)
        if sum(times) > 10 * ALONE and len(times) > 1:
            break
    return min(times)


def alone() -> list[tuple[str, Problem, float]]:
    """Return methods, problems and times that coefficients are fitted to."""
    found = []
    for dtype in ("float32", "float64", "int8", "int16", "int32", "int64"):
        real = dtype.startswith("float")
        for one in problems(dtype):
            if one.multiply_adds > MOST_MULTIPLY_ADDS / (1 if real else 30):
                continue
            for name, method in METHODS.items():
                slow = name in ("matmul", "winograd") and one.multiply_adds > 2e8
                if slow or not method.applies(one) or not (real or name in ("direct", "matmul")):
                    continue
                found.append(
                    (name, one, time_alone(name, Trial(one, name == "separable", alone=True)))
                )
    return found


def layers() -> dict[str, list[tuple[Cost, float]]]:
    """Return, by group, costs and times of convolutions drawn at random, on one thread."""
    os.environ["KERNELET_THREADS"] = "1"
    generator = np.random.default_rng(1)
    found: dict[str, list[tuple[Cost, float]]] = {}
    for _ in range(LAYERS):
        drawn = draw(generator)
        x, filters = drawn.arrays()
        expression = forward.Expression(operation(drawn))
        solvers = (
            forward.OneByOne(expression, drawn.batch, 1),
            forward.SideBySide(expression, 1),
        )
        for cost, solver in zip(ways(expression.op, drawn.batch), solvers, strict=False):
            found.setdefault(cost.group, []).append((cost, time_layer(solver, x, filters)))
        forward.plans.clear()
    return found


def operation(drawn: ConvolutionProblem) -> Convolution | ConvolutionInputGradient:
    """Return the operation of a problem."""
    axes = len(drawn.sizes) - 1
    options = {"strides": drawn.stride, "padding": drawn.padding, "dilation_rate": drawn.dilation}
    if drawn.transposed:
        transposed = (kl.Conv1DTranspose, kl.Conv2DTranspose, kl.Conv3DTranspose)[axes]
        return transposed(drawn.filters, drawn.kernel, **options).operation(
            (*drawn.sizes, drawn.channels)
        )
    kind = (kl.Conv1D, kl.Conv2D, kl.Conv3D)[axes]
    return kind(drawn.filters, drawn.kernel, groups=drawn.groups, **options).operation(
        (*drawn.sizes, drawn.channels)
    )


def time_layer(solver: forward.Solver, x: Numbers, filters: Numbers) -> float:
    """Return the least processor time of a convolution, once its plan is made."""
    bias = np.zeros(0, np.float32)
    solver(x, filters, bias)
    times: list[float] = []
    while len(times) < 4 or (sum(times) < ALONE and len(times) < 30):
        start = time.thread_time()
        solver(x, filters, bias)
        times.append(time.thread_time() - start)
    return min(times)


def coefficients_of(pairs: list[tuple[tuple[float, ...], float]]) -> tuple[float, ...]:
    """Return coefficients, none negative, that leave the smallest relative errors."""
    from scipy.optimize import nnls

    times = np.array([seconds for _, seconds in pairs])
    terms = np.array([terms for terms, _ in pairs]) / times[:, np.newaxis]
    scale = np.maximum(terms.max(0), 1e-300)
    found, _ = nnls(terms / scale, np.ones(len(pairs)))
    return tuple(float(f"{c:.2g}") for c in found / scale)


def layer_coefficients(pairs: list[tuple[tuple[float, ...], float]]) -> tuple[float, ...]:
    """Return coefficients, all positive, that leave the smallest ratios of times, either way."""
    from scipy.optimize import least_squares

    times = np.array([seconds for _, seconds in pairs])
    terms = np.array([terms for terms, _ in pairs])
    first = np.log(np.maximum(coefficients_of(pairs), 1e-13))
    found = least_squares(
        lambda c: np.log(terms @ np.exp(c) / times), first, loss="soft_l1", f_scale=0.3
    )
    return tuple(float(f"{c:.2g}") for c in np.exp(found.x))


def fit(measured: list[tuple[str, Problem, float]]) -> dict[str, tuple[float, ...]]:
    """Return the coefficients of all methods."""
    fitted: dict[str, tuple[float, ...]] = {}
    # What has other costs beside its own comes when those are known.
    for name in ("direct", *(name for name in METHODS if name != "direct")):
        samples: dict[str, list[tuple[tuple[float, ...], float]]] = {}
        for method, one, seconds in measured:
            if method == name:
                first, *others = costs(method, one)
                rest = sum(other.seconds(fitted, 1) for other in others)
                if seconds > 2 * rest:
                    samples.setdefault(first.group, []).append((first.terms, seconds - rest))
        for group, pairs in samples.items():
            fitted[group] = coefficients_of(pairs)
    return fitted


def write(fitted: dict[str, tuple[float, ...]]) -> None:
    """Replace the table in coefficients.py, but for what is not fitted here."""
    fitted = {**COEFFICIENTS, **fitted}
    text = TABLE.read_text()
    head = text[: text.index("COEFFICIENTS")]
    rows = [f"    {group!r}: {terms!r},\n" for group, terms in sorted(fitted.items())]
    body = "".join(rows).replace("'", '"')
    TABLE.write_text(f"{head}COEFFICIENTS: dict[str, tuple[float, ...]] = {{\n{body}}}\n")


def distribution(name: str, values: list[float], limit: float) -> None:
    """Print quantiles, and the share within a limit."""
    quantiles = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95, 1.0])
    within = np.mean([1 / limit <= value <= limit for value in values])
    print(
        f"{name:34s}{len(values):5d}  "
        + "  ".join(f"{q:6.2f}" for q in quantiles)
        + f"   within {limit:.2f}: {within:4.0%}"
    )


def report(trials: list[Trial], coefficients: dict[str, tuple[float, ...]], worst: int) -> None:
    """Print how good choices and predictions are."""
    print(f"{'':34s}  n      5 %     25 %     50 %     75 %     95 %    worst")
    ratios = []
    threads = usable_threads()
    for trial in trials:
        _, window = arrays(trial)
        chosen = choice.fastest(trial.problem, window)
        ratios.append(trial.time(chosen) / trial.best)
    distribution("auto / fastest", ratios, 1.1)
    for name in METHODS:
        ratios_of_times = [
            predicted_seconds(name, trial.problem, coefficients, threads) / trial.time(name)
            for trial in trials
            if name in trial.seconds and len(trial.seconds[name]) > 1
        ]
        if ratios_of_times:
            distribution(f"{name}: predicted / measured", ratios_of_times, 1.3)
    order = sorted(range(len(trials)), key=lambda k: -ratios[k])
    for k in order[:worst]:
        trial = trials[k]
        times = {name: f"{trial.time(name) * 1e3:.3f}" for name in trial.seconds}
        print(f"  {ratios[k]:.2f}  {trial.problem.signal} {trial.problem.window} {times}")


def main() -> None:
    """Run the comparison named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--types", nargs="+", default=["float32", "float64"])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--worst", type=int, default=10, help="choices to list")
    parser.add_argument("--alone", action="store_true", help="one thread, processor time")
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    if options.fit:
        timed = layers()
        fitted = fit(alone())
        for group, pairs in timed.items():
            fitted[group] = layer_coefficients([(one.terms, seconds) for one, seconds in pairs])
        write(fitted)
        return
    if options.alone:
        os.environ["KERNELET_THREADS"] = "1"
    trials = []
    for dtype in options.types:
        for one in problems(dtype):
            for separable in (False, True):
                if separable and not METHODS["separable"].applies(one):
                    continue
                trial = Trial(one, separable, options.alone)
                time_methods(trial, options.rounds)
                trials.append(trial)
    report(trials, calibration.coefficients(), options.worst)


if __name__ == "__main__":
    main()
