"""Output sizes and padding of sliding windows: the one place where modes become integers.

For an input of length ``n``, a kernel of length ``k`` with dilation ``d`` covers
``e = d·(k − 1) + 1`` cells, and with ``before`` and ``after`` cells of padding and stride ``s``

    output length = ⌊(n + before + after − e) / s⌋ + 1.

``valid`` pads nothing, ``full`` pads ``e − 1`` on both sides, ``same`` pads so that the output
has ``⌈n / s⌉`` cells; where the padding of ``same`` is odd, the extra cell stands *after* the
input, as in Keras and TensorFlow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernelet.errors import ConfigurationError, ShapeError

MODES = ("valid", "same", "full")

Padding = str | int | Sequence[int] | Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Window:
    """One axis of a sliding window with every size resolved.

    Attributes
    ----------
    length : int
        Input length in cells.
    kernel, stride, dilation : int
        Kernel length, step between windows, distance between kernel cells.
    before, after : int
        Padding cells on either side.
    """

    length: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def extent(self) -> int:
        """Cells that the dilated kernel covers."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def output(self) -> int:
        """Number of window positions; zero or less where the kernel does not fit."""
        return (self.length + self.before + self.after - self.extent) // self.stride + 1

    def arithmetic(self) -> str:
        """Return the output size as a sum to check by hand, for example ``28 − 5 + 1 = 24``.

        Examples
        --------
        >>> window(28, 5, "valid").arithmetic()
        '28 − 5 + 1 = 24'
        """
        padding = self.before + self.after
        padded = f"{self.length} + {padding}" if padding else f"{self.length}"
        if self.stride == 1:
            return f"{padded} − {self.extent} + 1 = {self.output}"
        return f"⌊({padded} − {self.extent}) / {self.stride}⌋ + 1 = {self.output}"


def _resolve_mode(mode: str, length: int, extent: int, stride: int) -> tuple[int, int]:
    if mode == "valid":
        return 0, 0
    if mode == "full":
        return extent - 1, extent - 1
    if mode == "same":
        total = max((-(-length // stride) - 1) * stride + extent - length, 0)
        return total // 2, total - total // 2
    raise ConfigurationError(
        f'padding must be "valid", "same", "full", an integer or pairs of integers, not {mode!r}.'
    )


def window(
    length: int, kernel: int, padding: str | int | Sequence[int], stride: int = 1, dilation: int = 1
) -> Window:
    """Resolve one axis of a sliding window.

    Parameters
    ----------
    length, kernel : int
        Input and kernel length.
    padding : {"valid", "same", "full"}, int or pair of int
        A mode, the same number of cells on both sides, or ``(before, after)``.
    stride, dilation : int
        Step between windows and distance between kernel cells, at least 1.

    Returns
    -------
    Window

    Raises
    ------
    ConfigurationError
        If a size is below 1 or the padding is none of the above.

    Examples
    --------
    >>> window(5, 3, "same").output
    5
    """
    for name, value in (("kernel", kernel), ("stride", stride), ("dilation", dilation)):
        if value < 1:
            raise ConfigurationError(f"{name} must be at least 1, not {value}.")
    extent = dilation * (kernel - 1) + 1
    if isinstance(padding, str):
        before, after = _resolve_mode(padding, length, extent, stride)
    elif isinstance(padding, int):
        before, after = padding, padding
    else:
        before, after = padding
    if before < 0 or after < 0:
        raise ConfigurationError(f"padding must not be negative, not {(before, after)}.")
    return Window(length, kernel, stride, dilation, before, after)


def output_length(n: int, k: int, mode: str, stride: int = 1, dilation: int = 1) -> int:
    """Return the output length of a convolution.

    Parameters
    ----------
    n, k : int
        Input length and kernel length.
    mode : {"valid", "same", "full"}
        How far the kernel may move: ``n − k + 1``, ``n`` or ``n + k − 1`` cells at stride 1.
    stride, dilation : int
        Step between windows and distance between kernel cells.

    Returns
    -------
    int

    Raises
    ------
    ShapeError
        If the kernel does not fit the input.

    Examples
    --------
    >>> output_length(5, 3, "valid"), output_length(5, 3, "same"), output_length(5, 3, "full")
    (3, 5, 7)
    """
    resolved = window(n, k, mode, stride, dilation)
    if resolved.output < 1:
        raise ShapeError(
            f"a kernel of {k} does not fit an input of {n} ({mode}: {resolved.arithmetic()})."
        )
    return resolved.output


@dataclass(frozen=True, slots=True)
class Window2D:
    """A sliding window over rows (``vertical``) and columns (``horizontal``)."""

    vertical: Window
    horizontal: Window

    @property
    def output(self) -> tuple[int, int]:
        """Rows and columns of window positions."""
        return self.vertical.output, self.horizontal.output


def axis_padding(padding: Padding, axis: int) -> str | int | Sequence[int]:
    """Return the padding of one axis from a mode, an int, one int an axis, or a pair an axis."""
    if isinstance(padding, str | int):
        return padding
    if len(padding) != 2:
        raise ConfigurationError(f"padding must name rows and columns (two entries): {padding!r}.")
    return padding[axis]


def window2d(
    size: tuple[int, int],
    kernel: tuple[int, int],
    padding: Padding,
    strides: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
) -> Window2D:
    """Resolve a two-dimensional sliding window; see `window`.

    Examples
    --------
    >>> window2d((28, 28), (5, 5), "valid").output
    (24, 24)
    """
    vertical, horizontal = (
        window(size[axis], kernel[axis], axis_padding(padding, axis), strides[axis], dilation[axis])
        for axis in (0, 1)
    )
    return Window2D(vertical, horizontal)
