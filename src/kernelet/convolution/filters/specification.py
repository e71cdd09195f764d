"""Filters by name, with their parameters in one text, and from files."""

from __future__ import annotations

import difflib
import inspect
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelet.convolution.filters import differences, sharpening, smoothing, stripes
from kernelet.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from kernelet.convolution.filters.grid import Weights

#: Every filter by its name on the command line.
FILTERS: dict[str, Callable[..., Weights]] = {
    "box": smoothing.box,
    "gaussian": smoothing.gaussian,
    "motion": smoothing.motion,
    "sharpen": sharpening.sharpen,
    "unsharp": sharpening.unsharp,
    "emboss": sharpening.emboss,
    "sobel-x": partial(differences.sobel, "x"),
    "sobel-y": partial(differences.sobel, "y"),
    "prewitt-x": partial(differences.prewitt, "x"),
    "prewitt-y": partial(differences.prewitt, "y"),
    "scharr-x": partial(differences.scharr, "x"),
    "scharr-y": partial(differences.scharr, "y"),
    "laplacian": differences.laplacian,
    "laplacian-of-gaussian": differences.laplacian_of_gaussian,
    "gabor": stripes.gabor,
}


def parse(specification: str) -> Weights:
    """Return the filter that a text names.

    Parameters
    ----------
    specification : str
        ``NAME``, ``NAME:VALUE,…`` or ``NAME:PARAMETER=VALUE,…`` with a name of `FILTERS` and the
        parameters of its function in their order; or a ``.npy`` file with an array of two axes
        (rows, columns) or three (rows, columns, channels).

    Returns
    -------
    ndarray of float32, shape (height, width) or (height, width, channels)

    Raises
    ------
    UsageError
        If there is no such filter or parameter.
    ConfigurationError
        If a parameter's value is out of its range.
    DataError
        If the file does not hold such an array of finite numbers.

    Examples
    --------
    >>> parse("box:2").tolist()
    [[0.25, 0.25], [0.25, 0.25]]
    >>> parse("gaussian:sigma=3").shape, parse("gaussian:3,5").shape
    ((25, 25), (5, 5))
    """
    if specification.lower().endswith(".npy"):
        return read_filter(Path(specification))
    name, colon, values = specification.partition(":")
    if name not in FILTERS:
        raise UsageError(_unknown(name))
    function = FILTERS[name]
    given = _parameters(name, function, values) if colon else {}
    return function(**given)


def usage(name: str) -> str:
    """Return a filter's name with the parameters that may follow.

    Examples
    --------
    >>> usage("gaussian"), usage("emboss")
    ('gaussian[:sigma,size]', 'emboss')
    """
    parameters = ",".join(inspect.signature(FILTERS[name]).parameters)
    return f"{name}[:{parameters}]" if parameters else name


def read_filter(path: Path) -> Weights:
    """Return the filter in a ``.npy`` file; see `parse`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "edge.npy"
    >>> np.save(path, [[1, 0, -1]])
    >>> read_filter(path)
    array([[ 1.,  0., -1.]], dtype=float32)
    """
    try:
        # Mapped into memory, a header that promises more than the file holds is an error at once.
        stored = np.lib.format.open_memmap(path, mode="r")
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; expected a filter as a .npy file.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, EOFError, SyntaxError, TypeError, OverflowError) as error:
        raise DataError(_no_filter(path, "is not a .npy file with numbers")) from error
    return _checked(path, stored)


def _checked(path: Path, stored: NDArray[Any]) -> Weights:
    if stored.dtype.kind not in "buif" or stored.ndim not in (2, 3) or stored.size == 0:
        shape = "×".join(map(str, stored.shape)) or "a single number"
        raise DataError(_no_filter(path, f"holds {stored.dtype}, {shape}"))
    with np.errstate(over="ignore"):
        weights = np.array(stored, np.float32, order="C")
    if not np.isfinite(weights).all():
        raise DataError(f"{path} holds NaN, infinity or numbers beyond float32.")
    return weights


def _no_filter(path: Path, found: str) -> str:
    return (
        f"{path} {found}; expected real numbers, rows × columns or rows × columns × channels.\n"
        "  Write one with numpy.save(file, array)."
    )


def _parameters(name: str, function: Callable[..., Weights], values: str) -> dict[str, float]:
    """Return the parameters in a text such as ``8,angle=45``."""
    known = list(inspect.signature(function).parameters)
    given: dict[str, float] = {}
    for position, item in enumerate(values.split(",")):
        label, equals, text = item.rpartition("=")
        if not equals and position >= len(known):
            raise UsageError(f"{name} takes {_listed(known)}; {values!r} gives more.")
        key = label.strip() if equals else known[position]
        if key not in known:
            raise UsageError(f"{name} has no parameter {key!r}; it takes {_listed(known)}.")
        if key in given:
            raise UsageError(f"{name}: {values!r} gives {key} twice.")
        given[key] = _number(name, key, text.strip())
    return given


def _number(name: str, parameter: str, text: str) -> float:
    try:
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        raise UsageError(f"{name}: {parameter} must be a number, not {text!r}.") from None


def _listed(parameters: list[str]) -> str:
    return ", ".join(parameters) or "no parameters"


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name.lower().replace("_", "-"), FILTERS, 1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    return (
        f"There is no filter {name!r}.{guess}\n"
        f"  Choose one of {', '.join(FILTERS)}, or name a .npy file."
    )
