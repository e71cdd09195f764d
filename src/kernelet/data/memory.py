"""How much memory is free, and the refusal of what does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import msgspec

from kernelet.errors import DataError

# The rest stays for the network, its gradients and the system.
_USABLE_SHARE = 0.8


def available_bytes(root: Path = Path("/")) -> int | None:
    """Return the memory free for this process, or None where the system does not say.

    The smallest of what the kernel calls available and what each control group of the process
    (version 1 or 2) leaves.

    Parameters
    ----------
    root : Path
        Where ``proc`` and ``sys`` are found.
    """
    limits = [
        int(line.split()[1]) * 1024
        for line in _text(root / "proc/meminfo").splitlines()
        if line.startswith("MemAvailable:")
    ]
    for version in _VERSIONS:
        left = (_left(group, version) for group in _groups(version, root))
        limits += [count for count in left if count is not None]
    return min(limits, default=None)


class _Version(msgspec.Struct, frozen=True):
    """How a version of control groups says what a group may take and has taken."""

    controller: str
    mount: str
    limit: str
    usage: str
    reclaimable: str


_VERSIONS = (
    _Version("", "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    _Version(
        "memory",
        "sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
)


def _groups(version: _Version, root: Path) -> Iterator[Path]:
    """Give the folders of this process's group and of all above it.

    Inside a container the own group stands at the mount point, whatever path it is told.
    """
    mount = root / version.mount
    yield mount
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if version.controller in controllers.split(","):
            own = PurePosixPath(path.lstrip("/"))
            yield from (mount / group for group in (own, *own.parents) if group.name)


def _left(group: Path, version: _Version) -> int | None:
    """Return what a group may still take, with the file cache that gives way; None for no limit."""
    most, used = (_text(group / name).strip() for name in (version.limit, version.usage))
    if not (most.isdigit() and used.isdigit()):
        return None
    cached = (line.split() for line in _text(group / "memory.stat").splitlines())
    reclaimable = sum(int(bytes_) for name, bytes_ in cached if name == version.reclaimable)
    return max(0, int(most) - int(used) + reclaimable)


def refuse_what_does_not_fit(pictures: int, shape: tuple[int, int, int]) -> None:
    """Raise DataError, with the numbers, if so many uint8 pictures do not fit into memory."""
    height, width, channels = shape
    needed = pictures * height * width * channels
    available = available_bytes()
    if available is None or needed <= _USABLE_SHARE * available:
        return
    scale = (_USABLE_SHARE * available / needed) ** 0.5
    raise DataError(
        f"{pictures:,} pictures of {height}×{width}×{channels} need {_gibibytes(needed)}; "
        f"{_gibibytes(available)} of memory are free.\n"
        f"  Try image_size={max(1, int(min(height, width) * scale))} or fewer pictures."
    )


def _gibibytes(count: int) -> str:
    return f"{count / 2**30:,.1f} GiB"


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
