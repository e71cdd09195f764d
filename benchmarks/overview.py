"""Every comparison with other libraries that the README shows, in one run of some ten minutes.

Writes results/results.json, results/results.md and results/ratios.svg beside this file, and the
table between the markers of README.md. Contenders whose library is not installed are left out.

    python benchmarks/overview.py [--rounds 3] [--only steps predictions commands start-up]
        [--no-readme]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import prediction
import start_up
import training_step
import whole_command
from contenders import tables
from contenders.processes import Conditions, installed, start_all
from contenders.results import Measurement, machine, of_runners, of_seconds, to_document
from workers.networks import KNOWN

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
TITLES = {"lenet5": "LeNet-5", "small-vgg": "small VGG"}
THREADS = 2
STEP_SIZES = {"lenet5": (32, 128, 1024), "small-vgg": (32, 128)}
PREDICTION_SIZES = (1, 32, 256)
# Settings that were slower than the others of their library at every size in log.md's runs.
SLOWER = ("PyTorch compiled", "PyTorch autocast compiled", "PyTorch fp32_pr. compiled", "Keras jit")
SLOWER += ("Keras mixed jit", "PyTorch fp32_precision")


def steps(rounds: int) -> Iterator[Measurement]:
    """Time training steps, each precision beside peers of its own."""
    for precision, contenders in training_step.CONTENDERS.items():
        chosen = {n: c for n, c in installed(contenders).items() if n not in SLOWER}
        for name, shape in KNOWN.items():
            first = Conditions(STEP_SIZES[name][0], THREADS, rounds)
            with start_all(chosen, first) as runners:
                for size in STEP_SIZES[name]:
                    conditions = Conditions(size, THREADS, rounds)
                    tolerance = training_step.TOLERANCES[precision]
                    training_step.time_steps(runners, shape, conditions, tolerance)
                    work = f"{TITLES[name]} training step, batch {size}"
                    yield from of_runners(work, precision, runners)


def predictions(rounds: int) -> Iterator[Measurement]:
    """Time predictions, each precision beside peers of its own."""
    for precision, contenders in prediction.CONTENDERS.items():
        for name, shape in KNOWN.items():
            with start_all(contenders, Conditions(1, THREADS)) as runners:
                for size in PREDICTION_SIZES:
                    conditions = Conditions(size, THREADS, rounds)
                    prediction.time_predictions(runners, shape, conditions, precision)
                    work = f"{TITLES[name]} prediction, batch {size}"
                    yield from of_runners(work, precision, runners)


def commands(rounds: int) -> Iterator[Measurement]:
    """Time whole commands; as each takes many seconds, two rounds are enough."""
    outcomes = whole_command.measure(whole_command.COMMANDS, min(2, rounds), THREADS)
    for precision, pair in whole_command.TO_90.items():
        ours = outcomes[pair[0]].seconds
        for name in pair:
            outcome = outcomes[name]
            reached = ", ".join(f"{100 * accuracy:.1f} %" for accuracy in outcome.accuracies)
            work = "shell to about 90 % on Fashion-MNIST"
            yield of_seconds(
                work, precision, name, outcome.seconds, ours, outcome.peak, f"reached {reached}"
            )


def starts(rounds: int) -> Iterator[Measurement]:
    """Time imports."""
    seconds = start_up.measure(rounds)
    ours = seconds["import kernelet"]
    for name in ("kernelet", "torch", "jax.numpy", "keras"):
        if (times := seconds.get(f"import {name}")) is not None:
            library = {"torch": "PyTorch", "jax.numpy": "JAX", "keras": "Keras"}.get(name, name)
            yield of_seconds("import of the library", "", library, times, ours)


PARTS = {"steps": steps, "predictions": predictions, "commands": commands, "start-up": starts}


def write(measurements: Sequence[Measurement], seen: Mapping[str, object], readme: bool) -> None:
    """Write numbers, tables and plot."""
    RESULTS.mkdir(exist_ok=True)
    document = to_document(measurements, dict(seen))
    (RESULTS / "results.json").write_text(json.dumps(document, indent=1) + "\n")
    head = tables.conditions(dict(seen))
    table = tables.summary(measurements)
    (RESULTS / "results.md").write_text(
        f"# Results\n\n{head}\n\n{table}\n\n![ratios](ratios.svg)\n\n## Every contender\n\n"
        f"{tables.details(measurements)}\n"
    )
    tables.plot(measurements, RESULTS / "ratios.svg")
    if readme:
        page = HERE.parent / "README.md"
        page.write_text(tables.replaced(page.read_text(), f"\n{table}\n\n{head}\n"))


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--no-readme", action="store_true")
    options = parser.parse_args()
    seen = machine()
    measurements: list[Measurement] = []
    for part in options.only:
        for m in PARTS[part](options.rounds):
            measurements.append(m)
            print(f"{m.title}: {m.contender} {tables.duration(m.seconds)}", flush=True)
        # Behind each part: a run that is cut short leaves what it has.
        write(measurements, seen, not options.no_readme)


if __name__ == "__main__":
    main()
