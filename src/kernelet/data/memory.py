"""How much memory is free, and the refusal of what does not fit."""

from __future__ import annotations

from pathlib import Path

from kernelet.errors import DataError

# The rest stays for the network, its gradients and the system.
_USABLE_SHARE = 0.8


def available_bytes(root: Path = Path("/")) -> int | None:
    """Return the memory free for this process, or None where the system does not say.

    The smaller of what the kernel calls available and what the control group (version 1 or 2)
    leaves.

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
    groups = root / "sys/fs/cgroup"
    for limit, usage in (
        (groups / "memory.max", groups / "memory.current"),
        (
            groups / "memory/memory.limit_in_bytes",
            groups / "memory/memory.usage_in_bytes",
        ),
    ):
        most, used = _text(limit).strip(), _text(usage).strip()
        if most.isdigit() and used.isdigit():
            limits.append(max(0, int(most) - int(used)))
    return min(limits, default=None)


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
