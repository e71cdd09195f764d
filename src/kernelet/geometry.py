"""Output sizes and padding of sliding windows: the one place where modes become integers.

For an input of length ``n``, a kernel of length ``k`` with dilation ``d`` covers
``e = d·(k − 1) + 1`` cells, and with ``before`` and ``after`` cells of padding and stride ``s``

    output length = ⌊(n + before + after − e) / s⌋ + 1.

``valid`` pads nothing, ``full`` pads ``e − 1`` on both sides, ``same`` pads so that the output
has ``⌈n / s⌉`` cells; where the padding of ``same`` is odd, the extra cell stands *after* the
input, as in Keras and TensorFlow. ``causal`` pads ``e − 1`` cells before the input and none after,
so that no output cell reads an input cell behind its own.

A transposed convolution goes the other way: from ``n`` window positions to the

    output length = (n − 1)·s + e − before − after + output padding

cells that they cover.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kernelet.errors import ConfigurationError, ShapeError

MODES = ("valid", "same", "full")

Padding = str | int | Sequence[int | Sequence[int]]


class Window(msgspec.Struct, frozen=True):
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

    @property
    def connections(self) -> int:
        """Pairs of an input cell and an output cell that the kernel connects, no padding."""
        return connections(
            self.length, self.output, self.kernel, self.stride, self.dilation, self.before
        )

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

    def transposed_arithmetic(self) -> str:
        """Return the input size as a sum of the output size, as a transposed convolution has it.

        Examples
        --------
        >>> transposed_window(14, 3, "same", stride=2).transposed_arithmetic()
        '(14 − 1) · 2 + 3 − 1 = 28'
        """
        rest = self.length - (self.output - 1) * self.stride - self.extent
        padding = f" {'−' if rest < 0 else '+'} {abs(rest)}" if rest else ""
        return f"({self.output} − 1) · {self.stride} + {self.extent}{padding} = {self.length}"


def connections(
    length: int, output: int, kernel: int, stride: int, dilation: int, before: int
) -> int:
    """Return how many pairs of an input cell and an output cell a window connects along an axis.

    Examples
    --------
    >>> connections(4, 4, 3, 1, 1, 1)  # 3·4, but for the neighbours that the ends lack
    10
    """
    pairs = 0
    for tap in range(kernel):
        shift = tap * dilation - before
        first = max(0, -(shift // stride))
        last = min(output - 1, (length - 1 - shift) // stride)
        pairs += max(0, last - first + 1)
    return pairs


def _resolve_mode(mode: str, length: int, extent: int, stride: int) -> tuple[int, int]:
    if mode == "valid":
        return 0, 0
    if mode == "full":
        return extent - 1, extent - 1
    if mode == "causal":
        return extent - 1, 0
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


def transposed_window(
    length: int,
    kernel: int,
    padding: str | int | Sequence[int],
    stride: int = 1,
    dilation: int = 1,
    output_padding: int | None = None,
) -> Window:
    """Resolve one axis of a transposed convolution.

    Parameters
    ----------
    length, kernel : int
        Length of the transposed convolution's input and of its kernel.
    padding : {"valid", "same", "full"}, int or pair of int
        Padding of the convolution that is transposed: cells that are cut off.
    stride, dilation : int
        Of the convolution that is transposed.
    output_padding : int, optional
        Cells that the output has more on its far side, below the stride. By default as many as
        Keras adds: with "same" the output has ``length · stride`` cells, with "valid" at least
        so many; 0 otherwise.

    Returns
    -------
    Window
        Of the convolution that is transposed: its ``output`` is ``length``, and its ``length`` is
        the length of the transposed convolution's output.

    Raises
    ------
    ConfigurationError
        As `window`, or if the output padding is not below the stride.

    Examples
    --------
    >>> transposed_window(14, 3, "same", stride=2).length
    28
    """
    if output_padding is not None and not 0 <= output_padding < stride:
        raise ConfigurationError(
            f"output_padding must be from 0 to {stride - 1}, below the stride of {stride},"
            f" not {output_padding}."
        )
    extent = dilation * (kernel - 1) + 1
    whole = (length - 1) * stride + extent
    if padding != "same":
        cut = window(whole, kernel, padding, stride, dilation)
        if output_padding is None:
            output_padding = max(stride - extent, 0) if padding == "valid" else 0
        size = whole - cut.before - cut.after + output_padding
        return Window(size, kernel, stride, dilation, cut.before, cut.after)
    size = length * stride
    if output_padding is not None:
        size = whole - extent + extent % 2 + output_padding
    total = max(whole - size, 0)
    return Window(size, kernel, stride, dilation, total // 2, total - total // 2)


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


class SlidingWindow(msgspec.Struct, frozen=True):
    """A window that slides over one, two or three axes.

    Attributes
    ----------
    axes : tuple of Window
        The last ones of depth, height and width.
    """

    axes: tuple[Window, ...]

    @property
    def size(self) -> tuple[int, ...]:
        """Input cells along each axis."""
        return tuple(axis.length for axis in self.axes)

    @property
    def kernel(self) -> tuple[int, ...]:
        """Kernel cells along each axis."""
        return tuple(axis.kernel for axis in self.axes)

    @property
    def output(self) -> tuple[int, ...]:
        """Window positions along each axis."""
        return tuple(axis.output for axis in self.axes)

    @property
    def volume(self) -> tuple[Window, Window, Window]:
        """Depth, height and width; an axis that the window lacks has length 1."""
        missing = (Window(1, 1, 1, 1, 0, 0),) * (3 - len(self.axes))
        depth, height, width = missing + self.axes
        return depth, height, width


def axis_padding(padding: Padding, axis: int, axes: int) -> str | int | Sequence[int]:
    """Return the padding of one axis from a mode, an int, one int an axis, or a pair an axis."""
    if isinstance(padding, str | int):
        return padding
    if len(padding) != axes:
        raise ConfigurationError(
            f"padding must have one entry for each of the {axes} axes that the window slides"
            f" over, not {padding!r}."
        )
    return padding[axis]


def sliding_window(
    size: Sequence[int],
    kernel: Sequence[int],
    padding: Padding,
    strides: Sequence[int] | None = None,
    dilation: Sequence[int] | None = None,
) -> SlidingWindow:
    """Resolve a sliding window over as many axes as its input has; see `window`.

    Parameters
    ----------
    size, kernel : sequence of int
        Input and kernel lengths, an axis.
    padding : str, int, sequence of int or of pairs
        For all axes, or an entry an axis.
    strides, dilation : sequence of int, optional
        An axis; 1 by default.

    Returns
    -------
    SlidingWindow

    Raises
    ------
    ConfigurationError
        As `window`, or if the padding has another number of axes.

    Examples
    --------
    >>> sliding_window((28, 28), (5, 5), "valid").output
    (24, 24)
    >>> sliding_window((100,), (3,), "same", strides=(2,)).output
    (50,)
    """
    axes = len(size)
    strides, dilation = strides or (1,) * axes, dilation or (1,) * axes
    return SlidingWindow(
        tuple(
            window(
                size[axis],
                kernel[axis],
                axis_padding(padding, axis, axes),
                strides[axis],
                dilation[axis],
            )
            for axis in range(axes)
        )
    )
