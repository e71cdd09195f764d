"""Filters named in one text, and read from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kernelet.convolution import filters
from kernelet.errors import ConfigurationError, DataError, UsageError

NAMES = (
    "box, gaussian, motion, sharpen, unsharp, emboss, sobel-x, sobel-y, prewitt-x, prewitt-y, "
    "scharr-x, scharr-y, laplacian, laplacian-of-gaussian, gabor"
)


@pytest.mark.parametrize("name", filters.FILTERS)
def test_every_name_gives_a_window(name: str) -> None:
    window = filters.parse(name)
    assert window.dtype == np.float32
    assert window.ndim == 2
    assert np.abs(window).sum() > 0


def test_names_are_all_there() -> None:
    assert ", ".join(filters.FILTERS) == NAMES


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sobel-y", filters.sobel("y")),
        ("gaussian:3", filters.gaussian(3)),
        ("gaussian:0.8,size=5", filters.gaussian(0.8, 5)),
        ("gabor:6,45,aspect=1,phase=90", filters.gabor(6, 45, aspect=1, phase=90)),
        ("motion: 7, angle = -30", filters.motion(7, -30)),
        ("laplacian:8", filters.laplacian(8)),
        ("laplacian-of-gaussian:1.5", filters.laplacian_of_gaussian(1.5)),
    ],
)
def test_parameters(text: str, expected: NDArray[Any]) -> None:
    assert np.array_equal(filters.parse(text), expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "gausian:3",
            (
                "There is no filter 'gausian'. Did you mean 'gaussian'?\n"
                f"  Choose one of {NAMES}, or name a .npy file."
            ),
        ),
        (
            "laplacian_of_gaussian",
            (
                "There is no filter 'laplacian_of_gaussian'. "
                "Did you mean 'laplacian-of-gaussian'?\n"
                f"  Choose one of {NAMES}, or name a .npy file."
            ),
        ),
        (
            "zzz",
            f"There is no filter 'zzz'.\n  Choose one of {NAMES}, or name a .npy file.",
        ),
        ("gaussian:x", "gaussian: sigma must be a number, not 'x'."),
        ("gaussian:", "gaussian: sigma must be a number, not ''."),
        ("gaussian:sgma=3", "gaussian has no parameter 'sgma'; it takes sigma, size."),
        ("gaussian:3,sigma=4", "gaussian: '3,sigma=4' gives sigma twice."),
        ("sobel-x:3", "sobel-x takes no parameters; '3' gives more."),
        ("box:3,4", "box takes size; '3,4' gives more."),
    ],
)
def test_texts_that_name_nothing(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        filters.parse(text)
    assert str(caught.value) == message


def test_values_are_checked_by_the_filter() -> None:
    with pytest.raises(ConfigurationError, match=r"gaussian: sigma must be at least 0\.1, not -1"):
        filters.parse("gaussian:-1")


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.arange(24, dtype=np.int16).reshape(2, 4, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)).astype(">f8"),
        np.array([[True, False]]),
    ],
)
def test_files(tmp_path: Path, array: NDArray[Any]) -> None:
    path = tmp_path / "window.npy"
    np.save(path, array)
    window = filters.parse(str(path))
    assert window.dtype == np.float32
    assert window.flags.c_contiguous
    assert np.array_equal(window, array)


def save(path: Path, array: object) -> None:
    np.save(path, np.asarray(array), allow_pickle=True)


def truncated(path: Path) -> None:
    np.save(path, np.ones((50, 50)))
    path.write_bytes(path.read_bytes()[:-100])


def archive(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=np.ones(3))


def enormous(path: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (9999999, 9999999), }"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)


EXPECTED = "expected real numbers, rows × columns or rows × columns × channels."


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "does not exist; expected a filter as a .npy file."),
        (lambda path: path.write_bytes(b""), f"is not a .npy file with numbers; {EXPECTED}"),
        (lambda path: path.write_text("text"), f"is not a .npy file with numbers; {EXPECTED}"),
        (truncated, f"is not a .npy file with numbers; {EXPECTED}"),
        (enormous, f"is not a .npy file with numbers; {EXPECTED}"),
        (archive, f"is not a .npy file with numbers; {EXPECTED}"),
        (lambda path: save(path, [{1: 2}]), f"is not a .npy file with numbers; {EXPECTED}"),
        (lambda path: save(path, [1.0, 2.0]), f"holds float64, 2; {EXPECTED}"),
        (lambda path: save(path, 1.0), f"holds float64, a single number; {EXPECTED}"),
        (lambda path: save(path, np.ones((0, 3))), f"holds float64, 0×3; {EXPECTED}"),
        (lambda path: save(path, [[1j]]), f"holds complex128, 1×1; {EXPECTED}"),
        (lambda path: save(path, [[np.nan]]), "holds NaN, infinity or numbers beyond float32."),
        (lambda path: save(path, [[1e300]]), "holds NaN, infinity or numbers beyond float32."),
    ],
)
def test_files_that_hold_no_filter(tmp_path: Path, make, message: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "window.npy"
    make(path)
    with pytest.raises(DataError) as caught:
        filters.parse(str(path))
    assert str(caught.value).split("\n")[0] == f"{path} {message}"
