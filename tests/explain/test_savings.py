"""The savings table, against the matrices themselves and sums by hand."""

from __future__ import annotations

import numpy as np
import pytest

import kernelet as kl
from kernelet import layers
from kernelet.errors import ShapeError, UsageError
from kernelet.explain.savings import savings
from kernelet.layers import Input
from kernelet.model import Model, Sequential
from kernelet.networks import lenet5


def test_the_dense_layer_of_the_textbook() -> None:
    (one,) = savings((32, 32, 3)).layers
    assert (one.filter_shape, one.output_shape) == ((5, 5, 3, 64), (28, 28, 64))
    assert (one.weights, one.bytes, one.multiply_adds) == (4_800, 19_200, 3_763_200)
    assert one.dense_weights == 3_072 * 50_176 == 154_140_672
    assert one.dense_bytes == 4 * 154_140_672


def test_inputs_of_dense_layers_on_pictures_of_growing_size() -> None:
    table = savings([(28, 28, 1), (32, 32, 3), (224, 224, 3), (720, 1280, 3)])
    inputs = [one.matrix.columns for one in table.layers]
    assert inputs == [784, 3_072, 150_528, 2_764_800]
    text = table.to_text()
    assert "dense 2,764,800 × 58,471,424  161,661,793,075,200" in text
    assert "720×1280×3 dense: 33,679,540,224 times as many weights" in text
    assert "total" not in text
    assert max(map(len, text.split("\n"))) <= 100


def test_one_fact_with_the_ledger() -> None:
    (one,) = savings((17, 19, 3), filters=4, kernel_size=(3, 5), padding="same").layers
    ledger = kl.cost((17, 19, 3), (3, 5, 3, 4), mode="same")
    assert one.matrix == ledger.matrix
    assert one.dense_weights == ledger.dense_weights
    assert (one.weights, one.multiply_adds) == (ledger.weights, ledger.multiply_adds)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(4, 3, use_bias=False),
        layers.Conv2D(4, (3, 2), strides=(2, 1), padding="same", use_bias=False),
        layers.Conv2D(4, 2, dilation_rate=2, padding="full", use_bias=False),
        layers.Conv2D(4, 3, groups=2, padding=((0, 1), (2, 0)), use_bias=False),
        layers.Conv2DTranspose(3, 3, strides=2, padding="same", use_bias=False),
    ],
    ids=repr,
)
def test_the_matrix_has_the_entries_that_change_an_output(layer: layers.Layer) -> None:
    """Cells of the matrix are read off the layer: what one input cell adds to each output."""
    model = Sequential([Input((6, 5, 2)), layer])
    for name in model.weight_names:
        shape = model.weights[name].shape
        model.weights[name][...] = np.random.default_rng(0).uniform(0.5, 1, shape)
    cells = np.eye(60, dtype=np.float32).reshape(60, 6, 5, 2)
    matrix = model.predict(cells, device="reference").reshape(60, -1).T
    (one,) = savings(model).layers
    assert (one.matrix.rows, one.matrix.columns) == matrix.shape
    assert one.matrix.entries == np.count_nonzero(matrix)
    assert one.dense_weights == matrix.size
    assert one.weights == model.count_params()


def test_sums_of_a_model() -> None:
    table = savings(lenet5())
    assert [one.name for one in table.layers] == ["conv1", "conv2"]
    assert table.weights == 150 + 2_400
    assert table.dense_weights == table.dense_multiply_adds == 784 * 4_704 + 1_176 * 1_600
    assert table.multiply_adds == 117_600 + 240_000
    assert (table.bytes, table.dense_bytes) == (4 * table.weights, 4 * table.dense_weights)
    assert table.to_text().endswith(
        "\ntotal  2 convolutions           2,550        357,600   10.0 KiB"
        "\n       dense                5,569,536      5,569,536   21.2 MiB"
        "\n       sparse matrices        347,736        347,736    2.7 MiB"
        "\n\nall dense: 2,184 times as many weights, 16 times as many multiply-adds"
    )


def test_layers_that_are_used_again_bring_their_weights_once() -> None:
    shared = layers.Conv2D(2, 3, padding="same", use_bias=False)
    x = Input((8, 8, 2))
    half = layers.MaxPooling2D()(x)
    model = Model(x, [shared(shared(x)), shared(half)])
    table = savings(model)
    assert table.weights == model.count_params()
    assert table.dense_weights == 128 * 128 + 32 * 32
    assert table.dense_multiply_adds == 2 * 128 * 128 + 32 * 32
    assert sum(one.multiply_adds for one in table.layers) == table.multiply_adds


def test_sequences_and_volumes() -> None:
    sequence, volume = savings([(100, 2), (8, 8, 8, 1)], filters=3, kernel_size=4).layers
    assert (sequence.filter_shape, sequence.output_shape) == ((4, 2, 3), (97, 3))
    assert (volume.filter_shape, volume.output_shape) == ((4, 4, 4, 1, 3), (5, 5, 5, 3))


def test_mistakes() -> None:
    with pytest.raises(UsageError, match="'dense_only' has no convolution"):
        savings(Sequential([Input((3,)), layers.Dense(2)], name="dense_only"))
    with pytest.raises(UsageError, match="a model has convolutions of its own"):
        savings(lenet5(), filters=3)
    for wrong in (784, (784,), [(28, 28, 1), 7], (28, 0, 1), "28x28x1", []):
        with pytest.raises(ShapeError, match="sizes of an input such as"):
            savings(wrong)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="kernel 5×5 does not fit its 4×4 input"):
        savings((4, 4, 1))


def test_notebooks_get_a_table_in_which_names_are_text() -> None:
    model = lenet5()
    model.name = "<b>bold</b>"
    html = savings(model)._repr_html_()
    assert "<caption>&lt;b&gt;bold&lt;/b&gt;</caption>" in html
    assert "<td class=left>dense 784 × 4,704</td><td>3,687,936</td>" in html
    assert html.count("<tr>") == 1 + 3 * 3
