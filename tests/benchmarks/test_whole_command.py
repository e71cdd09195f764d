"""Whole commands are measured alone: the process that starts them adds nothing to their memory."""

import sys

import numpy as np
import pytest

from whole_command import Outcome, run

PRINT = "import json; print('first line'); print(json.dumps({'accuracy': 0.5}))"


def test_the_peak_is_that_of_the_command() -> None:
    ballast = np.ones(200_000_000, np.uint8)
    outcome = Outcome()
    for held in (0, 60_000_000):
        run([sys.executable, "-c", f"x = bytearray({held}) + b'1'; {PRINT}"], 0, 1, outcome)
        assert outcome.peak > held
    assert outcome.peak < len(ballast)
    assert outcome.accuracies == [0.5, 0.5]
    assert all(seconds > 0 for seconds in outcome.seconds)


def test_a_command_that_fails_shows_its_message() -> None:
    with pytest.raises(SystemExit, match="out of pictures"):
        run([sys.executable, "-c", "raise RuntimeError('out of pictures')"], 0, 1, Outcome())
