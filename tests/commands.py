"""What tests of the command line share: small data sets, and what a command did."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    output: str
    errors: str

    @property
    def json(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.splitlines()]

    def event(self, kind: str) -> dict[str, Any]:
        found = [line for line in self.json if line["event"] == kind]
        assert len(found) == 1, self.output
        return found[0]


Command = Callable[..., Outcome]
Launch = Callable[..., "subprocess.Popen[str]"]


def write_pictures(root: Path, count: int, *, seed: int = 0, side: int = 16) -> None:
    """Write grey pictures of two classes: bright at the top, or at the left."""
    random = np.random.default_rng(seed)
    for name in ("left", "top"):
        (root / name).mkdir(parents=True)
        for index in range(count):
            pixels = random.integers(0, 120, (side, side))
            if name == "left":
                pixels[:, : side // 2] += 100
            else:
                pixels[: side // 2] += 100
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{index:03}.png")
