"""SciPy's own tests of these functions, run on kernelet's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

MODULE = "scipy.signal.tests.test_signaltools"

# The 10,000 sizes of "manylens" take a minute; `-m slow` has arrays of gigabytes.
SELECTED = (
    "TestConvolve or TestCorrelate or FFTConvolve or OAConvolve and not manylens or AllFreq"
    " or longdtype"
)
FEWEST = 1000


def has_tests() -> bool:
    try:
        return find_spec(MODULE) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.skipif(not has_tests(), reason="SciPy is missing, or came without its tests")
def test_scipys_tests_pass(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--quiet", "--tb=short", "--pyargs"),
            *("-c", os.devnull, "--rootdir", str(tmp_path), "-p", "no:cacheprovider"),
            *("-p", "scipy_replacements", "-k", SELECTED, "-m", "not slow"),
            MODULE,
        ],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) > FEWEST
