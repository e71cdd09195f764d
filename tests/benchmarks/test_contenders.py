"""Contenders in processes of their own do what they are asked."""

import numpy as np
import pytest

from contenders.processes import Conditions, load_all, start_all, take_turns
from training_step import TOLERANCES, check, problem
from workers import kernelet_worker
from workers.kernelet_worker import Expected
from workers.networks import Convolution, Network

NETWORK = Network(12, 10, 3, (Convolution(5, 3, 1, 2), Convolution(7, 3, normalized=True)), (9,))
CONTENDERS = {"kernelet": ("kernelet_worker.py", "float32")}
BATCH = 8


def expected_steps() -> tuple[list[np.ndarray], np.ndarray, np.ndarray, Expected]:
    x, y = problem(NETWORK, 2 * BATCH)
    weights = kernelet_worker.initial_weights(NETWORK)
    return weights, x, y, kernelet_worker.reference(NETWORK, weights, x, y, BATCH, 3)


def test_a_contender_trains_starts_over_and_takes_turns() -> None:
    weights, x, y, expected = expected_steps()
    conditions = Conditions(BATCH, threads=1)
    with start_all(CONTENDERS, conditions) as runners:
        load_all(runners, NETWORK, conditions, weights, {"x": x, "y": y})
        (runner,) = runners
        check(runner, weights, expected, TOLERANCES["float32"], 3)
        _, later = runner.run(3)
        take_turns(runners, rounds=2, turn=0.01)
        assert len(runner.milliseconds) == 2
        runner._ask(restart=True)
        _, again = runner.run(3)
        np.testing.assert_allclose(again, expected.losses, rtol=1e-5)
        assert later[0] != again[0]
        assert runner.peak > 10e6
        other = Network(9, 9, 1, (Convolution(2, 3),))
        x, y = problem(other, BATCH)
        first = kernelet_worker.initial_weights(other)
        load_all(runners, other, conditions, first, {"x": x, "y": y})
        assert len(runner.run(2)[1]) == 2


def test_wrong_weights_are_found() -> None:
    weights, x, y, expected = expected_steps()
    wrong = [w.copy() for w in expected.weights]
    wrong[0][0, 0, 0, 0] += 0.1
    conditions = Conditions(BATCH, threads=1)
    with start_all(CONTENDERS, conditions) as runners:
        load_all(runners, NETWORK, conditions, weights, {"x": x, "y": y})
        with pytest.raises(SystemExit, match="computes something else"):
            check(runners[0], weights, Expected(expected.losses, wrong), TOLERANCES["float32"], 3)


def test_a_contender_that_fails_says_why() -> None:
    conditions = Conditions(BATCH, threads=1)
    x, y = problem(NETWORK, BATCH)
    broken = {"broken": ("kernelet_worker.py", "no such setting")}
    with start_all(broken, conditions) as runners:
        with pytest.raises(RuntimeError, match="no such setting"):
            load_all(runners, NETWORK, conditions, [], {"x": x, "y": y})
        assert runners[0].process.wait() != 0
