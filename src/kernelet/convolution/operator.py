"""`convolve` and `correlate`: SciPy's names, results and freedoms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelet.convolution import arguments
from kernelet.convolution.arguments import Method, Mode
from kernelet.convolution.formulation import assign_roles
from kernelet.convolution.placement import empty_outputs
from kernelet.convolution.prepared import prepare
from kernelet.convolution.problem import Boundary
from kernelet.convolution.solving import Task, solve

Axes = tuple[int, ...]


def convolve(
    a: ArrayLike,
    w: ArrayLike,
    mode: Mode = "full",
    method: Method = "auto",
    boundary: Boundary = "fill",
    fillvalue: ArrayLike = 0,
    axes: int | Iterable[int] | None = None,
) -> NDArray[Any]:
    """Convolve an array with a filter, which is flipped along every axis.

    In one dimension, with ``a`` continued beyond its border,

        full[i] = Σ_k a[i − k] · w[k],    0 ≤ i < N + K − 1.

    Parameters
    ----------
    a, w : array_like
        Signal and filter, of the same number of axes; lengths N and K along one of them. Real,
        complex or integer; integers wrap around in their own type, as NumPy's do.
    mode : {"full", "same", "valid"}
        How much of the full result to return: all N + K − 1 cells; the N cells from ⌊(K − 1) / 2⌋
        on; or the |N − K| + 1 cells that depend on no cell beyond the border. With ``valid``
        either array may be the longer one.
    method : {"auto", "direct", "fft", "matmul", "separable", "winograd"}
        How to compute it; see `choose_method`. All agree within rounding, and exactly on integers.
    boundary : {"fill", "wrap", "symm"}
        What lies beyond the border of ``a``: ``fillvalue``, ``a`` again, or ``a`` mirrored with
        the cell at the border repeated.
    fillvalue : number
        For ``boundary="fill"``.
    axes : int or iterable of int, optional
        Axes along which the filter moves, by default all. The others are batches: their lengths
        are equal, or 1 in one of the arrays.

    Returns
    -------
    ndarray
        Of the type ``numpy.result_type(a, w)``.

    Raises
    ------
    UsageError
        For an argument that is none of the above, or a method that does not apply.
    ShapeError
        For shapes that do not fit together. Both are ValueErrors too.

    See Also
    --------
    correlate : does not flip the filter.
    convolution_matrix : the same as a product with a matrix.

    Notes
    -----
    Results are those of ``scipy.signal.convolve``, ``fftconvolve`` (``axes``) and ``convolve2d``
    (``boundary``), in any dimension.

    Examples
    --------
    >>> import kernelet as kl
    >>> kl.convolve([1, 2, 3, 4], [1, 10])
    array([ 1, 12, 23, 34, 40])
    >>> kl.convolve([1, 2, 3, 4], [1, 10], mode="valid")
    array([12, 23, 34])
    >>> kl.convolve([1, 2, 3, 4], [1, 10], mode="same", boundary="wrap")
    array([41, 12, 23, 34])
    """
    return _operate(a, w, mode, method, boundary, fillvalue, axes, flip=True)


def correlate(
    a: ArrayLike,
    w: ArrayLike,
    mode: Mode = "full",
    method: Method = "auto",
    boundary: Boundary = "fill",
    fillvalue: ArrayLike = 0,
    axes: int | Iterable[int] | None = None,
) -> NDArray[Any]:
    """Correlate an array with a filter, which is not flipped; a complex one is conjugated.

    In one dimension, with ``a`` continued beyond its border,

        full[i] = Σ_k a[i + k − K + 1] · conj(w[k]),    0 ≤ i < N + K − 1.

    Parameters
    ----------
    a, w, mode, method, boundary, fillvalue, axes
        As in `convolve`.

    Returns
    -------
    ndarray
        Of the type ``numpy.result_type(a, w)``.

    Raises
    ------
    UsageError, ShapeError
        As in `convolve`.

    Notes
    -----
    Results are those of ``scipy.signal.correlate``; with a boundary or a fill value of your
    choice, those of ``scipy.signal.correlate2d``, in any dimension. SciPy's two functions centre
    ``same`` differently where K is even: the first returns the cells from ⌊(K − 1) / 2⌋ on, the
    second those from ⌊K / 2⌋ on.

    Examples
    --------
    The textbook's example:

    >>> import kernelet as kl
    >>> a = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
    >>> w = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]
    >>> kl.correlate(a, w, mode="valid")
    array([[12, 12, 17],
           [10, 17, 19],
           [ 9,  6, 14]])
    """
    return _operate(a, w, mode, method, boundary, fillvalue, axes, flip=False)


def _operate(
    a: ArrayLike,
    w: ArrayLike,
    mode: Mode,
    method: Method,
    boundary: Boundary,
    fillvalue: ArrayLike,
    axes: int | Iterable[int] | None,
    *,
    flip: bool,
) -> NDArray[Any]:
    arguments.check_mode(mode)
    arguments.check_method(method)
    boundary = arguments.boundary_name(boundary)
    signal, kernel = np.asarray(a), np.asarray(w)
    if axes is None and arguments.is_plain_zero(fillvalue):
        call = prepare(
            signal.shape,
            kernel.shape,
            signal.dtype,
            kernel.dtype,
            mode,
            method,
            boundary,
            flip=flip,
        )
        if call is not None:
            return call(signal, kernel)
    arguments.check_dimensions(signal, kernel)
    arguments.check_types(signal, kernel)
    fill = arguments.fill_number(fillvalue, np.result_type(signal, kernel))
    if not flip and kernel.dtype.kind in "cO":
        kernel = kernel.conj()
    if signal.ndim == 0:
        return np.asarray(signal * kernel)[()]
    sliding = arguments.sliding_axes(axes, signal.ndim)
    arguments.check_batches(signal, kernel, sliding)
    # Beyond the border lie zeros, or nothing that counts.
    plain = mode == "valid" or (boundary == "fill" and not fill)
    if plain:
        boundary, fill = "fill", 0
    last = tuple(range(-len(sliding), 0))
    signal, kernel = _moved(signal, sliding, last), _moved(kernel, sliding, last)
    task = Task((), boundary, fill, method)
    result = _convolve(signal, kernel, mode, task, last, flip=flip, late=not (flip or plain))
    return np.ascontiguousarray(_moved(result, last, sliding))


def _moved(array: NDArray[Any], axes: Axes, to: Axes) -> NDArray[Any]:
    return array if len(axes) == array.ndim else np.moveaxis(array, axes, to)


def _convolve(
    signal: NDArray[Any],
    kernel: NDArray[Any],
    mode: Mode,
    task: Task,
    axes: Axes,
    *,
    flip: bool,
    late: bool,
) -> NDArray[Any]:
    """Slide along the last axes, in the roles that cost least."""
    lengths, taps = signal.shape[axes[0] :], kernel.shape[axes[0] :]
    plain = task.boundary == "fill" and not task.fill
    if 0 in (*lengths, *taps):
        outputs = empty_outputs(lengths, taps, mode, plain=plain)
        batch = np.broadcast_shapes(signal.shape[: axes[0]], kernel.shape[: axes[0]])
        return np.zeros(batch + outputs, np.result_type(signal, kernel))
    swap, placed = assign_roles(lengths, taps, mode, plain=plain, late=late)
    if swap:
        # A correlation is the convolution with the reversed kernel.
        moving, window = kernel if flip else np.flip(kernel, axes), np.flip(signal, axes)
    else:
        moving, window = signal, np.flip(kernel, axes) if flip else kernel
    return solve(moving, window, Task(placed, task.boundary, task.fill, task.method))
