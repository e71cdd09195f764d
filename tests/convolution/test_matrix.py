"""The matrix of a convolution, multiplied, gives what the convolution gives."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest

import kernelet as kl
from kernelet.convolution import matrix
from kernelet.errors import ShapeError, UsageError


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_product_is_the_convolution(dimensions: int, flip: bool, sparse: bool) -> None:
    if sparse:
        pytest.importorskip("scipy.sparse")
    generator = np.random.default_rng([dimensions, flip])
    operator = kl.convolve if flip else kl.correlate
    equal = 0
    for _ in range(60):
        lengths, taps = generator.integers(1, 6, (2, dimensions))
        mode: Any = str(generator.choice(["full", "same", "valid"]))
        step = int(generator.integers(1, 4))
        a, w = (generator.integers(-9, 9, n) + 1j for n in (lengths, taps))
        try:
            expected = operator(a, w, mode, "direct")[(slice(None, None, step),) * dimensions]
        except ShapeError:
            with pytest.raises(ShapeError, match="at least as long"):
                matrix.convolution_matrix(w, a.shape, mode, flip, sparse, step)
            continue
        found = matrix.convolution_matrix(w, a.shape, mode, flip, sparse, step)
        np.testing.assert_array_equal(found @ a.ravel(), expected.ravel())
        assert sparse or isinstance(found, np.ndarray)
        equal += 1
    assert equal > 30


def layer(images: Any, filters: Any, mode: str, strides: tuple[int, int]) -> Any:
    """Add up shifted images, the extra zero of "same" after the input as in Keras."""
    height, width, _ = images.shape
    rows, columns, _, _ = filters.shape
    pads = []
    for n, k, s in ((height, rows, strides[0]), (width, columns, strides[1])):
        total = max((math.ceil(n / s) - 1) * s + k - n, 0) if mode == "same" else 0
        pads.append((k - 1, k - 1) if mode == "full" else (total // 2, total - total // 2))
    wide = np.pad(images, [*pads, (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(wide, (rows, columns), (0, 1))
    return np.einsum("yxcij,ijco->yxo", windows[:: strides[0], :: strides[1]], filters)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
def test_channels_are_those_of_a_layer(mode: Any, strides: tuple[int, int], sparse: bool) -> None:
    if sparse:
        pytest.importorskip("scipy.sparse")
    generator = np.random.default_rng(5)
    images = generator.integers(-9, 9, (7, 8, 3)).astype(float)
    filters = generator.integers(-9, 9, (2, 3, 3, 4)).astype(float)
    found = matrix.convolution_matrix(filters, (7, 8, 3), mode, False, sparse, strides)
    expected = layer(images, filters, mode, strides)
    np.testing.assert_array_equal(found @ images.ravel(), expected.ravel())


def test_band_of_the_textbook() -> None:
    w1, w2 = 5, 7
    found = kl.convolution_matrix([w1, w2], 4, mode="valid", flip=False)
    assert found.tolist() == [[w1, w2, 0, 0], [0, w1, w2, 0], [0, 0, w1, w2]]


def test_size_is_known_before() -> None:
    pytest.importorskip("scipy.sparse")
    w = np.ones((5, 4), np.float32)
    dense, sparse = (kl.convolution_matrix(w, (20, 30), "same", sparse=s) for s in (False, True))
    windows = matrix.matrix_windows(w.shape, (20, 30), "same")
    size = matrix.matrix_size(windows, itemsize=4)
    assert dense.shape == (size.rows, size.columns)
    assert dense.nbytes == size.dense_bytes
    assert sparse.nnz == size.entries == np.count_nonzero(dense)
    arrays = (sparse.data, sparse.indices, sparse.indptr)
    assert sum(array.nbytes for array in arrays) == size.sparse_bytes


def test_what_does_not_fit_is_refused_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "available_bytes", lambda: 4 * 2**30)
    with pytest.raises(UsageError) as error:
        kl.convolution_matrix(np.ones((5, 5), np.float32), (1280, 720), "same")
    assert str(error.value) == (
        "the matrix would have 921,600 rows and 921,600 columns and need 3.1 TiB; 4.0 GiB of"
        " memory are free.\n  Instead, sparse=True takes 178.8 MiB; or use convolve, which needs"
        " no matrix."
    )
    with pytest.raises(UsageError, match=r"Instead, use convolve, which needs no matrix\."):
        kl.convolution_matrix(np.ones((90, 90), np.float32), (1280, 720), "same", sparse=True)


def test_sparse_needs_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(UsageError, match=r"sparse=True needs SciPy.*pip install scipy"):
        kl.convolution_matrix([1, 2], 4, sparse=True)


@pytest.mark.parametrize(
    ("w", "input_shape", "options", "message"),
    [
        ((3, 3), (5,), {}, "input_shape needs as many numbers as w has axes"),
        ((3, 3, 1, 2), (5, 5, 3), {}, "the input has 3 channels and w takes 1"),
        ((3, 3, 1, 2), (2, 2, 1), {"mode": "valid"}, r"does not fit an input of 2×2 \(valid: 2 −"),
        ((3,), (0,), {}, "nothing may be empty"),
        ((3,), (5,), {"strides": 0}, "strides must be one number of at least 1 or 1: 0"),
        ((3,), (5,), {"mode": "half"}, "mode must be"),
    ],
)
def test_mistakes(w: Any, input_shape: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kl.convolution_matrix(np.ones(w), input_shape, **options)
