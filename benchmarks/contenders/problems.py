"""Problems drawn at random that contenders solve in turn, the first of them ours."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from contenders.processes import ISAS, Conditions, Runner, ratio, start_all

# Seconds of a contender's turn.
TURN = 0.06


def read_options(description: str | None, draw: int) -> argparse.Namespace:
    """Return what the command line asks for; by default, to draw so many problems."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draw", type=int, default=draw, help="problems drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--isa", default="native", choices=list(ISAS))
    return parser.parse_args()


def ratios(runners: list[Runner]) -> str:
    """Return the ratio of the best other time to ours, and each, as columns."""
    found = [ratio(runner, runners[0]) for runner in runners[1:]]
    return f"{min(found):7.2f} | {' '.join(f'{one:7.2f}' for one in found)}"


def run(
    contenders: Mapping[str, tuple[str, str]],
    problems: Iterable[Any],
    compare: Callable[[list[Runner], Any, argparse.Namespace], str],
    options: argparse.Namespace,
    columns: str,
) -> None:
    """Compare on each problem and print the lines that come back, slowest first where drawn."""
    lines = []
    with start_all(contenders, Conditions(1, options.threads, isa=options.isa)) as runners:
        for problem in problems:
            lines.append(compare(runners, problem, options))
            print(lines[-1], file=sys.stderr, flush=True)
    lines = sorted(lines, key=lambda line: float(line.split("|")[0])) if options.draw else lines
    slower = sum(float(line.split("|")[0]) < 1 for line in lines)
    print(f"\n{slower} of {len(lines)} slower than PyTorch's better way, {options.threads} threads")
    print(f"PyTorch / kernelet | of both layouts | kernelet, ms | {columns}")
    print("\n".join(lines))
