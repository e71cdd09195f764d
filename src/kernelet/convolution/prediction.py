"""What every method is predicted to do and take, and which one "auto" would choose."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import ArrayLike, DTypeLike, NDArray

from kernelet.convolution.arguments import Mode, check_mode, shape_text
from kernelet.convolution.calibration import coefficients
from kernelet.convolution.choice import CANDIDATES, CONVERSION, accurate, fastest, spectra_pay
from kernelet.convolution.costs import predicted_seconds
from kernelet.convolution.formulation import AXES, Windows, assign_roles, problem_of, still_axes
from kernelet.convolution.methods import METHODS
from kernelet.convolution.problem import Problem
from kernelet.errors import ShapeError, UsageError
from kernelet.executors.native_processor import usable_threads
from kernelet.text import byte_size, short_time, table

# A complex product is four real ones.
_COMPLEX_PRODUCTS = 4


class Prediction(msgspec.Struct, frozen=True):
    """What a method is predicted to do.

    Attributes
    ----------
    method : str
    multiply_adds : int
        That this method does, which may be more or fewer than those of the definition.
    bytes : int
        Read and written.
    seconds : float
        On this processor, with all threads that the process may use.
    error_bound : float
        Distance to the float64 result, relative to the sum of |products|.
    remark : str
        Why it may not be chosen, or on what that depends; empty for a candidate.
    """

    method: str
    multiply_adds: int
    bytes: int
    seconds: float
    error_bound: float
    remark: str


class Choice(msgspec.Struct, frozen=True):
    """The method that "auto" uses, and what all methods are predicted to take.

    Attributes
    ----------
    method : str
        The fastest candidate.
    predictions : tuple of Prediction
        Of the methods that apply, fastest first.
    reason : str
        Why it was chosen, in a sentence.
    """

    method: str
    predictions: tuple[Prediction, ...]
    reason: str

    def to_text(self) -> str:
        """Return a table with the reason below it."""
        return f"{predictions_table(self.predictions)}\n{self.reason}"

    def __str__(self) -> str:
        return self.to_text()


def predictions_table(predictions: Sequence[Prediction]) -> str:
    """Return predictions as aligned columns."""
    rows = [("method", "multiply-adds", "memory traffic", "time", "error below", "")]
    rows += [
        (
            one.method,
            f"{one.multiply_adds:,}",
            byte_size(one.bytes),
            short_time(one.seconds),
            f"{one.error_bound:.0e}" if one.error_bound else "exact",
            one.remark,
        )
        for one in predictions
    ]
    return table(rows, left=(0, 5))


def predict(
    problem: Problem, window: NDArray[np.generic] | None = None, products: int = 1
) -> tuple[Prediction, ...]:
    """Return what the methods that apply are predicted to do, fastest first.

    Parameters
    ----------
    problem : Problem
    window : ndarray, shape (depth, height, width), optional
        Decides whether the method "separable" applies.
    products : int
        How often the problem is solved: complex products are several real ones.
    """
    found = []
    integers = np.dtype(problem.dtype).kind in "iu"
    for name, module in METHODS.items():
        own = replace(problem, dtype="float64") if integers and name == "fft" else problem
        if not module.applies(own, window):
            continue
        factor = CONVERSION if own is not problem else 1.0
        work = module.work(own)
        found.append(
            Prediction(
                method=name,
                multiply_adds=products * work.multiply_adds,
                bytes=products * work.bytes,
                seconds=products * factor * _seconds(name, own),
                error_bound=module.error_bound(own) if own is problem else 0.0,
                remark=_remark(name, own, exact=integers, known=window is not None),
            )
        )
    return tuple(sorted(found, key=lambda one: one.seconds))


def _seconds(name: str, problem: Problem) -> float:
    return predicted_seconds(name, problem, coefficients(), usable_threads())


def _remark(name: str, problem: Problem, *, exact: bool, known: bool) -> str:
    if name == "fft" and exact:
        return "if the numbers are small enough to round exactly"
    if name not in CANDIDATES:
        return "never chosen: its last bits depend on BLAS"
    if not exact and not accurate(name, problem):
        return "not accurate enough"
    if name == "separable" and not known:
        return "if the filter is a product of one vector an axis"
    return ""


def problem_for(
    a_shape: tuple[int, ...], w_shape: tuple[int, ...], mode: Mode, dtype: DTypeLike
) -> tuple[Problem, int]:
    """Return the problem that the operator solves, with zeros beyond the border, and how often.

    Parameters
    ----------
    a_shape, w_shape : tuple of int
        Lengths along the axes that the filter moves along.
    mode : {"full", "same", "valid"}
    dtype : data-type
        Of the result.

    Raises
    ------
    ShapeError, UsageError
        If the shapes do not fit, or no method computes in this type or so many dimensions.
    """
    check_mode(mode)
    if len(a_shape) != len(w_shape) or not a_shape or min((*a_shape, *w_shape)) < 1:
        raise ShapeError(
            "a and w need the same number of axes, each at least one cell long, not"
            f" {shape_text(a_shape)} and {shape_text(w_shape)}."
        )
    name, times = _computed_in(np.dtype(dtype))
    _, placed = assign_roles(a_shape, w_shape, mode, plain=True, late=False)
    batch, moving = _fold(placed)
    if len(moving) > AXES:
        raise UsageError(
            f"a filter that moves along more than {AXES} axes is solved in parts;"
            " there is no single choice of a method."
        )
    return problem_of(batch, moving, name, "fill", 0.0), times


def _fold(placed: Windows) -> tuple[int, Windows]:
    still = still_axes(placed)
    batch = 1
    for one in placed[:still]:
        batch *= one.length
    return batch, placed[still:]


def _computed_in(dtype: np.dtype[np.generic]) -> tuple[str, int]:
    """Return the real type that a type is computed in, and the number of real products."""
    if dtype.char in "FD":
        return f"float{dtype.itemsize * 4}", _COMPLEX_PRODUCTS
    if dtype.char == "e":
        return "float32", 1
    if dtype.kind == "b":
        return "int64", 1
    if dtype.kind in "iu" or dtype.char in "fd":
        return dtype.newbyteorder("=").name, 1
    raise UsageError(f"no method computes in {dtype}; NumPy adds up the terms one by one.")


def choose_method(
    a_shape: int | Sequence[int],
    w_shape: int | Sequence[int],
    mode: Mode = "full",
    dtype: DTypeLike = "float32",
    w: ArrayLike | None = None,
) -> Choice:
    """Show which method `convolve` and `correlate` choose, and why.

    Parameters
    ----------
    a_shape, w_shape : int or sequence of int
        Of signal and filter.
    mode : {"full", "same", "valid"}
        As in `convolve`.
    dtype : data-type
        Of the result, ``numpy.result_type(a, w)``.
    w : array_like, shape `w_shape`, optional
        The filter itself, which tells whether it is separable.

    Returns
    -------
    Choice
        With the method and, for each one, multiply-adds, bytes, seconds and error; prints as a
        table. Times come from a model that is calibrated on this processor on the first call ever,
        which takes a fraction of a second.

    Raises
    ------
    ShapeError
        If the shapes do not fit together.
    UsageError
        If no method computes in this type, or the filter moves along more than three axes.

    Examples
    --------
    >>> import kernelet as kl
    >>> choice = kl.choose_method((720, 1280), (3, 3), mode="same")
    >>> choice.method
    'direct'
    >>> [one.multiply_adds for one in choice.predictions if one.method == "direct"]
    [8294400]
    """
    lengths = (a_shape,) if isinstance(a_shape, int) else tuple(a_shape)
    taps = (w_shape,) if isinstance(w_shape, int) else tuple(w_shape)
    problem, products = problem_for(lengths, taps, mode, dtype)
    window = None
    if w is not None:
        given = np.asarray(w)
        if given.shape != taps:
            raise ShapeError(f"w has the shape {given.shape}, but w_shape is {taps}.")
        if problem.window == (1,) * (AXES - len(taps)) + taps and not np.iscomplexobj(given):
            window = given.astype(problem.dtype).reshape(problem.window)
    predictions = predict(problem, window, products)
    method = _chosen(problem, window)
    return Choice(method, predictions, _reason(method, predictions))


def _chosen(problem: Problem, window: NDArray[np.generic] | None) -> str:
    if np.dtype(problem.dtype).kind in "iu":
        return "fft" if spectra_pay(problem) else "direct"
    return fastest(problem, window)


def _reason(method: str, predictions: Sequence[Prediction]) -> str:
    own = next(one for one in predictions if one.method == method)
    others = [one for one in predictions if one.method != method and not one.remark]
    if not others:
        return f"{method}: no other method may be chosen."
    second = min(others, key=lambda one: one.seconds)
    ratio = second.seconds / own.seconds
    if ratio < 1:
        return f"{method}: takes {short_time(own.seconds)}, too little for choosing to pay."
    return (
        f"{method}: {short_time(own.seconds)} predicted, {ratio:.1f} times as fast as"
        f" {second.method}, which comes next."
    )
