"""The command line that comparisons of networks share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from contenders.processes import ISAS, Conditions, Runner, report
from workers.networks import KNOWN, NETWORKS


def parser_of(
    description: str | None, batch_sizes: Sequence[int], rounds: int
) -> argparse.ArgumentParser:
    """Return a parser for networks, batch sizes, threads, rounds and the instruction set."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", default=list(KNOWN), choices=list(NETWORKS))
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=batch_sizes)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--isa", default="native", choices=list(ISAS))
    return parser


def compare_all(
    options: argparse.Namespace, compare: Callable[[str, Conditions], list[Runner]], what: str
) -> None:
    """Compare on the networks and under the conditions named on the command line, and print."""
    for network in options.networks:
        for batch_size in options.batch_sizes:
            conditions = Conditions(batch_size, options.threads, options.rounds, options.isa)
            print(
                f"{network}, batch {batch_size}, {options.threads} threads, {options.isa}, {what}"
            )
            report(compare(network, conditions))
