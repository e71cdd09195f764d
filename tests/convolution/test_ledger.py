"""The cost ledger, by hand."""

from __future__ import annotations

import numpy as np
import pytest

import kernelet as kl
from kernelet.errors import ShapeError


def test_first_layer_of_the_textbook() -> None:
    ledger = kl.cost((32, 32, 3), (5, 5, 3, 64), mode="valid")
    assert ledger.output_shape == (28, 28, 64)
    assert ledger.arithmetic == ("32 − 5 + 1 = 28",) * 2
    assert ledger.weights == 4800
    assert ledger.biases == 64
    assert ledger.multiply_adds == 28 * 28 * 64 * 75
    assert ledger.bias_additions == 50_176
    assert (ledger.matrix.columns, ledger.matrix.rows) == (3072, 50_176)
    assert ledger.dense_weights == 154_140_672
    assert ledger.bytes == 4 * (3072 + 4800 + 50_176)
    assert ledger.matrix.entries == ledger.multiply_adds
    (prediction,) = ledger.predictions
    assert prediction.method == "layer"
    assert prediction.multiply_adds == ledger.multiply_adds
    assert prediction.bytes == ledger.bytes
    assert prediction.seconds > 0


def test_text_of_the_first_layer() -> None:
    lines = str(kl.cost((32, 32, 3), (5, 5, 3, 64), mode="valid")).split("\n")
    assert lines[:7] == [
        "input             32×32×3          3,072 cells",
        "filter            5×5×3×64         4,800 weights (and 64 biases)",
        "output            28×28×64         50,176 cells",
        "                  32 − 5 + 1 = 28",
        "multiply-adds     3,763,200        and 50,176 additions of biases",
        "memory            226.8 KiB        input, weights and output",
        "as a matrix       50,176 × 3,072   588.0 MiB dense, 28.9 MiB sparse",
    ]
    start = "as a dense layer  3,072 × 50,176   154,140,672 weights, 32,113 times as many; "
    assert lines[7].startswith(start)
    assert lines[9].split()[:2] == ["method", "multiply-adds"]
    assert lines[10].split()[:3] == ["layer", "3,763,200", "226.8"]


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_plain_arrays_are_those_of_the_operator(mode: str) -> None:
    a, w = np.ones((20, 30)), np.ones((4, 5))
    ledger = kl.cost(a.shape, w.shape, mode, dtype=a.dtype)  # type: ignore[arg-type]
    result = kl.convolve(a, w, mode)  # type: ignore[arg-type]
    assert ledger.output_shape == result.shape
    assert ledger.multiply_adds == result.size * w.size
    assert ledger.biases == 0
    assert ledger.bytes == a.nbytes + w.nbytes + result.nbytes
    matrix = kl.convolution_matrix(w, a.shape, mode)  # type: ignore[arg-type]
    assert ledger.matrix.dense_bytes == matrix.nbytes
    choice = kl.choose_method(a.shape, w.shape, mode, a.dtype)  # type: ignore[arg-type]
    assert ledger.predictions == choice.predictions


def test_strides() -> None:
    ledger = kl.cost((32, 32), (5, 5), "valid", strides=(2, 3))
    assert ledger.output_shape == (14, 10)
    assert ledger.arithmetic == ("⌊(32 − 5) / 2⌋ + 1 = 14", "⌊(32 − 5) / 3⌋ + 1 = 10")
    assert ledger.predictions == ()
    assert "method" not in str(ledger)


@pytest.mark.parametrize(
    ("inputs", "filters"), [((50, 3), (5, 3, 8)), ((9, 8, 7, 2), (3, 3, 3, 2, 4))]
)
def test_layers_of_one_and_three_axes(inputs: tuple[int, ...], filters: tuple[int, ...]) -> None:
    ledger = kl.cost(inputs, filters, "same", strides=2)
    function = kl.conv1d if len(inputs) == 2 else kl.conv3d
    images = np.ones((1, *inputs), np.float32)
    result = function(images, np.ones(filters, np.float32), strides=2, padding="same")
    assert ledger.output_shape == result.shape[1:]
    assert len(ledger.predictions) == 1


def test_lengths_may_be_numbers() -> None:
    assert kl.cost(100, 3).output_shape == (102,)


def test_mistakes() -> None:
    with pytest.raises(ShapeError, match="the input has 3 channels and w takes 4"):
        kl.cost((32, 32, 3), (5, 5, 4, 8))


def test_notebooks_get_the_same_numbers() -> None:
    ledger = kl.cost((32, 32, 3), (5, 5, 3, 64), mode="valid")
    html = ledger._repr_html_()
    for text in ("154,140,672 weights, 32,113 times as many", "32 − 5 + 1 = 28", "588.0 MiB dense"):
        assert text in html
        assert text in ledger.to_text()
    assert html.count("<tr>") == 8
    assert "<pre>method" in html
    assert "<pre>" not in kl.cost(9, 3, strides=2)._repr_html_()
