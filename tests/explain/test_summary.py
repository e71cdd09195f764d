"""The summary: every number on it can be checked by hand."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kernelet import layers
from kernelet.errors import ConfigurationError
from kernelet.explain.summary import summarize
from kernelet.layers import Input
from kernelet.model import Model, Sequential
from kernelet.networks import large_vgg, lenet5, small_vgg
from kernelet.training.execution import Machine
from kernelet.training.trainer import Trainer


def test_text() -> None:
    model = Sequential([Input((28, 28, 1)), layers.Conv2D(2, 5), layers.Flatten()], name="little")
    model.add(layers.Dense(10, name="classes"))
    *table, training = summarize(model).to_text().split("\n")
    assert table == [
        "little",
        "layer            output   weights  biases  multiply-adds    memory  receptive field",
        "───────────────────────────────────────────────────────────────────────────────────",
        "input_layer      28×28×1                                   3.1 KiB       1×1 step 1",
        "conv2d           24×24×2       50       2         28,800   4.5 KiB       5×5 step 1",
        "                 28 − 5 + 1 = 24",
        "flatten          1152                                                           all",
        "                 24 × 24 × 2 = 1152",
        "classes (Dense)  10        11,520      10         11,520  40 bytes              all",
        "───────────────────────────────────────────────────────────────────────────────────",
        "total                      11,570      12         40,320   7.6 KiB",
        "11,582 parameters (11,570 weights, 12 biases), 45.2 KiB in float32",
        "11,582 learn, 0 do not",
    ]
    assert training.startswith("training with adam in steps of 32: ")


def test_rows_and_columns_that_differ() -> None:
    model = Sequential([Input((9, 8, 1)), layers.Conv2D(2, (3, 1), strides=(2, 1))])
    assert summarize(model).layers[1].arithmetic == "⌊(9 − 3) / 2⌋ + 1 = 4; 8 − 1 + 1 = 8"


def test_branches_say_what_they_read_and_shared_weights_count_once() -> None:
    x = Input((4, 4, 2))
    shared = layers.Conv2D(2, 3, padding="same", name="shared")
    model = Model(x, layers.Add()([shared(x), shared(layers.ReLU()(x))]))
    summary = summarize(model)
    rows = {row.name: row for row in summary.layers}
    assert rows["add"].reads == ("shared", "shared")
    assert summary.parameters == model.count_params() == 3 * 3 * 2 * 2 + 2
    assert sum(row.weights for row in summary.layers) == summary.weights
    assert summary.multiply_adds == 2 * 16 * 3 * 3 * 2 * 2
    assert (summary.weights, summary.biases) == (36, 2)
    assert "reads shared, shared" in summary.to_text()


def test_frozen_weights_and_statistics_do_not_learn() -> None:
    model = Sequential(
        [Input((4, 4, 2)), layers.Conv2D(3, 1, trainable=False), layers.BatchNormalization()]
    )
    summary = summarize(model)
    assert (summary.weights, summary.biases, summary.statistics) == (6 + 3, 3 + 3, 6)
    assert (summary.parameters, summary.trainable_parameters) == (9 + 12, 6)
    text = summary.to_text()
    assert "21 parameters (9 weights, 6 biases, 6 statistics), 84 bytes in float32" in text
    assert "6 learn, 15 do not" in text


def test_the_method_prints(capsys: pytest.CaptureFixture[str]) -> None:
    model = Sequential([Input((3,)), layers.Dense(2)])
    model.summary()
    assert capsys.readouterr().out == summarize(model).to_text() + "\n"


def test_memory_is_that_of_outputs_that_are_computed() -> None:
    model = Sequential(
        [Input((8, 6, 3)), layers.RandomFlip(), layers.Conv2D(4, 3), layers.Dropout(0.5)]
    )
    model.add(layers.Flatten())
    model.add(layers.Dense(5, activation="softmax"))
    rows = [row.activation_bytes for row in summarize(model).layers]
    assert rows == [4 * 8 * 6 * 3, 0, 4 * 6 * 4 * 4, 0, 0, 4 * 5]
    assert summarize(model).activation_bytes == sum(rows)


@pytest.mark.parametrize("batch_size", [1, 16, 40])
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_memory_is_what_the_engine_takes(
    batch_size: int, compiled: bool, precision: str
) -> None:
    model = small_vgg((16, 16, 3), widths=(8, 16))
    if compiled:
        model.compile("sgd", "sparse_categorical_crossentropy")
    training = summarize(model, batch_size, precision=precision, threads=1).training
    assert training is not None
    assert (training.optimizer, training.batch_size) == ("sgd" if compiled else "adam", batch_size)
    trainer = model.trainer if compiled else Trainer(model, "adam")
    machine = Machine.checked(batch_size, threads=1, precision=precision)
    arenas = trainer.training_executor(machine).memory()
    arenas += trainer.evaluation_executor(machine).memory()
    held = trainer.slots.buffer.nbytes + model.weights.buffer.nbytes
    assert training.memory == held + arenas


def test_no_forecast_where_nobody_asks() -> None:
    plain, full = summarize(lenet5(), forecast=False), summarize(lenet5())
    assert plain.training is None
    assert replace(full, training=None) == plain


def test_a_batch_size_that_makes_no_sense() -> None:
    with pytest.raises(ConfigurationError, match="batch_size must be an integer of at least 1"):
        summarize(lenet5(), 0)


def test_models_that_cannot_be_trained_have_no_forecast() -> None:
    x = Input((4, 4, 1))
    both = Model(x, [layers.Conv2D(1, 3)(x), layers.Flatten()(x)])
    assert summarize(both).training is None
    assert "training with" not in summarize(both).to_text()
    maps = Model(x, layers.Conv2D(2, 3)(x))
    assert summarize(maps).training is not None


@pytest.mark.parametrize(
    "network", [lenet5(), small_vgg(), large_vgg((224, 224, 3))], ids=lambda model: model.name
)
def test_hundred_columns_hold_it(network: Sequential) -> None:
    lines = summarize(network).to_text().split("\n")
    assert max(map(len, lines)) <= 100


def test_long_names_leave_the_class_to_the_second_line() -> None:
    model = Sequential([Input((8, 8, 1)), layers.Conv2D(1, 3, name="the_one_that_finds_edges")])
    text = summarize(model).to_text()
    assert "\n  (Conv2D)                8 − 3 + 1 = 6\n" in text


def test_notebooks_get_a_table_in_which_names_are_text() -> None:
    model = Sequential([Input((9, 8, 1)), layers.Conv2D(2, (3, 1)), layers.BatchNormalization()])
    model.name = "<script>alert(1)</script>\u202e"
    html = summarize(model)._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202e" in html
    assert "<td class=left>9 − 3 + 1 = 7\n8 − 1 + 1 = 8</td>" in html
    assert "<td class=left>4 statistics</td>" in html
    assert html.count("<tr>") == 1 + 3 + 1
