from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kernelet.data import memory
from kernelet.data.sizing import (
    Target,
    check_channels,
    check_image_size,
    check_resize,
    choose_image_size,
    source_box,
)
from kernelet.errors import DataError


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({(28, 28): 5}, (28, 28)),
        ({(200, 256): 5}, (200, 256)),
        ({(28, 28): 9, (90, 90): 1}, (28, 28)),
        ({(28, 28): 8, (90, 90): 1}, (24, 24)),
        ({(10, 257): 5}, (8, 8)),
        ({(480, 640): 5}, (64, 64)),
        ({(480, 640): 5, (100, 50): 6}, (48, 48)),
        ({(33, 40): 1, (40, 33): 1}, (32, 32)),
        ({(3, 3): 1, (5, 5): 1}, (8, 8)),
    ],
)
def test_the_size_of_all(sizes: dict[tuple[int, int], int], expected: tuple[int, int]) -> None:
    assert choose_image_size(sizes) == expected


def test_the_part_of_a_picture_that_fills_the_target() -> None:
    assert source_box(40, 20, Target(10, 10, 3)) == (10, 0, 30, 20)
    assert source_box(20, 40, Target(10, 10, 3)) == (0, 10, 20, 30)
    assert source_box(40, 20, Target(10, 10, 3, "stretch")) == (0, 0, 40, 20)
    assert source_box(40, 20, Target(5, 10, 3)) == (0, 0, 40, 20)


@pytest.mark.parametrize("size", [0, -1, 8193, (1,), (1, 2, 3), "big", (0, 5), 2.5])
def test_sizes_that_are_none(size: Any) -> None:
    with pytest.raises(DataError, match=r"expected a side or \(height, width\) in pixels"):
        check_image_size(size)


def test_other_options_that_are_none() -> None:
    with pytest.raises(DataError, match=r"channels is 4; expected 1 \(grey\), 3 \(RGB\) or None"):
        check_channels(4)
    with pytest.raises(DataError, match="resize is 'pad'; expected 'crop' or 'stretch'"):
        check_resize("pad")


def system(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


MEMINFO = "MemTotal:       24000000 kB\nMemAvailable:   1000000 kB\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"proc/meminfo": MEMINFO}, 1024_000_000),
        (
            {
                "proc/meminfo": MEMINFO,
                "sys/fs/cgroup/memory.max": "5000\n",
                "sys/fs/cgroup/memory.current": "3000\n",
            },
            2000,
        ),
        (
            {
                "proc/meminfo": MEMINFO,
                "sys/fs/cgroup/memory.max": "max\n",
                "sys/fs/cgroup/memory.current": "3000\n",
            },
            1024_000_000,
        ),
        (
            {
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "5000\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": "6000\n",
            },
            0,
        ),
        (
            {  # the cache of files gives way
                "sys/fs/cgroup/memory.max": "5000\n",
                "sys/fs/cgroup/memory.current": "4900\n",
                "sys/fs/cgroup/memory.stat": "anon 900\nactive_file 1000\ninactive_file 3000\n",
            },
            3100,
        ),
        (
            {  # a group above limits too
                "proc/self/cgroup": "0::/user.slice/run.scope\n",
                "sys/fs/cgroup/user.slice/memory.max": "5000\n",
                "sys/fs/cgroup/user.slice/memory.current": "1000\n",
                "sys/fs/cgroup/user.slice/run.scope/memory.max": "max\n",
                "sys/fs/cgroup/user.slice/run.scope/memory.current": "900\n",
            },
            4000,
        ),
        (
            {
                "proc/self/cgroup": "7:cpu,cpuacct:/other\n4:memory:/mine\n",
                "sys/fs/cgroup/memory/mine/memory.limit_in_bytes": "5000\n",
                "sys/fs/cgroup/memory/mine/memory.usage_in_bytes": "4000\n",
                "sys/fs/cgroup/memory/mine/memory.stat": "total_inactive_file 500\n",
            },
            1500,
        ),
    ],
)
def test_free_memory(tmp_path: Path, files: dict[str, str], expected: int | None) -> None:
    assert memory.available_bytes(system(tmp_path, files)) == expected


def test_what_does_not_fit_is_refused_with_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 2**30)
    memory.refuse_what_does_not_fit(1000, (64, 64, 3))
    with pytest.raises(DataError) as caught:
        memory.refuse_what_does_not_fit(60_000, (224, 224, 3))
    assert str(caught.value) == (
        "60,000 pictures of 224×224×3 need 8.4 GiB; 1.0 GiB of memory are free.\n"
        "  Try image_size=69 or fewer pictures."
    )
