"""What is said where data, labels, loss and network do not fit; every repair is tried."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import kernelet.data
from kernelet import callbacks, layers, losses
from kernelet.data import load_dataset
from kernelet.errors import ConfigurationError, DataError, KerneletError, ShapeError, UsageError
from kernelet.layers import Input
from kernelet.model import Sequential

# For arguments that a type checker would refuse.
ANY: Any = kernelet
ANY_DATA: Any = kernelet.data

GREY = np.random.default_rng(0).random((12, 6, 5, 1), np.float32)
RGB = np.repeat(GREY, 3, axis=-1)
LABELS = np.arange(12) % 4


def network(
    shape: tuple[int, ...] = (6, 5, 1), units: int = 4, activation: str | None = "softmax"
) -> Sequential:
    return Sequential(
        [
            Input(shape),
            layers.Flatten(),
            layers.Dense(units, activation=activation, name="classes"),
        ]
    )


def fitted(
    x: Any,
    y: Any,
    model: Sequential | None = None,
    loss: str | losses.Loss = "sparse_categorical_crossentropy",
    **options: Any,
) -> None:
    model = model or network()
    model.compile("adam", loss)
    model.fit(x, y, verbose=0, **options)


def repairs_of(message: str) -> list[str]:
    *_, last = message.split("\n")
    assert last.startswith("  Try ")
    return re.split(
        r", or |, (?=numpy|a |x|y)| or (?=a |Dense|numpy|x|y|the )", last[6:].rstrip(".")
    )


ARRAYS: list[tuple[NDArray[Any], tuple[int, ...], str]] = [
    (
        GREY[0],
        (6, 5, 1),
        (
            "x must have shape (samples, 6, 5, 1), got (6, 5, 1).\n"
            "  Try x[numpy.newaxis] for a single sample."
        ),
    ),
    (
        np.moveaxis(RGB, -1, 1),
        (6, 5, 3),
        "x must have shape (samples, 6, 5, 3), got (12, 3, 6, 5).\n  Try numpy.moveaxis(x, 1, -1).",
    ),
    (
        RGB,
        (6, 5, 1),
        (
            "x must have shape (samples, 6, 5, 1), got (12, 6, 5, 3).\n"
            "  Try x.mean(axis=-1, keepdims=True) for grey from colour or a network that begins"
            " with Input((6, 5, 3))."
        ),
    ),
    (
        GREY,
        (6, 5, 3),
        (
            "x must have shape (samples, 6, 5, 3), got (12, 6, 5, 1).\n"
            "  Try numpy.repeat(x, 3, axis=-1) for grey pictures or a network that begins with"
            " Input((6, 5, 1))."
        ),
    ),
    (
        GREY[..., 0],
        (6, 5, 3),
        (
            "x must have shape (samples, 6, 5, 3), got (12, 6, 5).\n"
            "  Try numpy.stack([x] * 3, axis=-1) for grey pictures."
        ),
    ),
    (
        np.repeat(GREY, 4, axis=-1),
        (6, 5, 3),
        (
            "x must have shape (samples, 6, 5, 3), got (12, 6, 5, 4).\n"
            "  Try x[..., :3] for colour without transparency or a network that begins with"
            " Input((6, 5, 4))."
        ),
    ),
    (
        np.swapaxes(GREY, 1, 2),
        (6, 5, 1),
        "x must have shape (samples, 6, 5, 1), got (12, 5, 6, 1).\n  Try numpy.swapaxes(x, 1, 2).",
    ),
    (
        GREY.reshape(12, 30),
        (6, 5, 1),
        "x must have shape (samples, 6, 5, 1), got (12, 30).\n  Try x.reshape(-1, 6, 5, 1).",
    ),
    (
        GREY[0].ravel(),
        (6, 5, 1),
        (
            "x must have shape (samples, 6, 5, 1), got (30,).\n"
            "  Try numpy.reshape(x, (1, 6, 5, 1)) for a single sample."
        ),
    ),
    (
        GREY[:, :4],
        (6, 5, 1),
        (
            "x must have shape (samples, 6, 5, 1), got (12, 4, 5, 1).\n"
            "  Try pictures of 6×5 or a network that begins with Input((4, 5, 1))."
        ),
    ),
    (
        GREY[:, :4, 0, 0],
        (7,),
        (
            "x must have shape (samples, 7), got (12, 4).\n"
            "  Try a network that begins with Input((4,))."
        ),
    ),
]


@pytest.mark.parametrize(("x", "expected", "text"), ARRAYS, ids=[case[2][-50:] for case in ARRAYS])
def test_arrays_of_another_shape(x: NDArray[Any], expected: tuple[int, ...], text: str) -> None:
    with pytest.raises(ShapeError) as raised:
        fitted(x, LABELS, network(expected))
    assert str(raised.value) == text
    with pytest.raises(ShapeError, match=re.escape(text.split("\n")[1])):
        network(expected).predict(x)
    for repair in repairs_of(text):
        if begins := re.search(r"Input\((\(.*\))\)", repair):
            assert network(eval(begins[1])).predict(x).shape == (12, 4)
        elif not repair.startswith("pictures"):
            repaired = eval(repair.split(" for ")[0], {"x": x, "numpy": np})
            assert network(expected).predict(repaired).shape[1:] == (4,)


NO_NUMBERS: list[tuple[Any, Any, str]] = [
    (
        None,
        LABELS,
        "x must hold real numbers, not None.\n  Try giving x: an array with a row a sample.",
    ),
    (
        GREY,
        None,
        "y must hold real numbers, not None.\n  Try giving y: an array with a row a sample.",
    ),
    (
        ["a.jpg", "b.jpg"],
        LABELS,
        (
            "x must hold real numbers, not texts such as 'a.jpg'.\n"
            "  Try kernelet.data.load_dataset(FOLDER), which reads pictures from files."
        ),
    ),
    (
        GREY,
        np.array(["fox", "cat", "dog", "cow"])[LABELS],
        (
            "y must hold real numbers, not texts such as 'fox'.\n"
            "  Try numpy.unique(y, return_inverse=True)[1], which numbers the names from 0."
        ),
    ),
    (
        GREY + 1j,
        LABELS,
        (
            "x must hold real numbers, not complex ones (complex64).\n"
            "  Try numpy.abs(x) or numpy.real(x)."
        ),
    ),
    (
        [np.zeros((6, 5, 1)), np.zeros((6, 4, 1))],
        LABELS,
        (
            "x cannot be made one array: its samples differ in shape: (6, 5, 1) and (6, 4, 1).\n"
            "  Try bringing them to one size first or kernelet.data.load_dataset, which does it for"
            " folders."
        ),
    ),
    (
        [{"a": 1}],
        LABELS,
        (
            "x must hold real numbers, not dict objects.\n"
            "  Try numpy.stack(x), where it holds arrays of one shape."
        ),
    ),
]


@pytest.mark.parametrize(("x", "y", "text"), NO_NUMBERS, ids=[case[2][-50:] for case in NO_NUMBERS])
def test_what_holds_no_numbers(x: Any, y: Any, text: str) -> None:
    with pytest.raises(DataError) as raised:
        fitted(x, y)
    assert str(raised.value) == text


def test_names_of_classes_numbered_as_told() -> None:
    y = np.array(["fox", "cat", "dog", "cow"])[LABELS]
    fitted(GREY, np.unique(y, return_inverse=True)[1])


def test_data_sets_in_place_of_arrays() -> None:
    data = load_dataset("sample")
    with pytest.raises(DataError) as raised:
        fitted(data.train, None)
    assert str(raised.value) == (
        "x must hold real numbers, not a Split.\n  Try its .images as x and its .labels as y."
    )
    with pytest.raises(DataError) as raised:
        fitted(data, None)
    assert str(raised.value) == (
        "x must hold real numbers, not a Dataset.\n  Try the .images and .labels of its .train."
    )


SPARSE = "the loss sparse_categorical_crossentropy"
Y: list[tuple[Any, str, str, type[KerneletError]]] = [
    (
        LABELS + 1,
        "sparse_categorical_crossentropy",
        (
            "y[3] is 4, and the network has 4 outputs: labels must be 0 to 3; 3 of 12 are not.\n"
            "  Try y - 1 for classes numbered from 1 or Dense(5) as the last layer."
        ),
        DataError,
    ),
    (
        LABELS * 10,
        "sparse_categorical_crossentropy",
        (
            "y[1] is 10, and the network has 4 outputs: labels must be 0 to 3; 9 of 12 are not.\n"
            "  Try numpy.unique(y, return_inverse=True)[1], which numbers classes from 0 or"
            " Dense(31) as the last layer."
        ),
        DataError,
    ),
    (
        LABELS - 1,
        "sparse_categorical_crossentropy",
        (
            "y[0] is -1, and the network has 4 outputs: labels must be 0 to 3; 3 of 12 are not.\n"
            "  Try numpy.unique(y, return_inverse=True)[1], which numbers classes from 0."
        ),
        DataError,
    ),
    (
        LABELS + 0.5,
        "sparse_categorical_crossentropy",
        (
            "y[0] is 0.5, and the network has 4 outputs: labels must be 0 to 3; 12 of 12 are not.\n"
            '  Try y.astype(int), if these are classes or the loss "mean_squared_error" if not.'
        ),
        DataError,
    ),
    (
        np.eye(4)[LABELS],
        "sparse_categorical_crossentropy",
        (
            f"{SPARSE} needs y of shape (samples,), got (12, 4).\n"
            '  Try the loss "categorical_crossentropy" for one number a class or y.argmax(axis=1).'
        ),
        ShapeError,
    ),
    (
        np.zeros((12, 2), int),
        "sparse_categorical_crossentropy",
        f"{SPARSE} needs y of shape (samples,), got (12, 2).\n  Try one class number a sample.",
        ShapeError,
    ),
    (
        LABELS,
        "categorical_crossentropy",
        (
            "the loss categorical_crossentropy needs y of shape (samples, 4), got (12,).\n"
            '  Try the loss "sparse_categorical_crossentropy" for class numbers or numpy.eye(4)[y].'
        ),
        ShapeError,
    ),
    (
        np.eye(5)[LABELS],
        "categorical_crossentropy",
        (
            "the loss categorical_crossentropy needs y of shape (samples, 4), got (12, 5).\n"
            "  Try Dense(5) as the last layer."
        ),
        ShapeError,
    ),
    (
        np.eye(4)[LABELS] + np.eye(4)[0],
        "categorical_crossentropy",
        (
            "y[0] adds up to 2: each label is one class, whose numbers add up to 1; 12 of 12 labels"
            ' are not.\n  Try the loss "binary_crossentropy" behind a sigmoid for several classes'
            " at once or y / y.sum(axis=1, keepdims=True) for counts."
        ),
        DataError,
    ),
    (
        -np.eye(4)[LABELS],
        "categorical_crossentropy",
        (
            "y[0] holds numbers below 0: each label is one class, whose numbers add up to 1;"
            ' 12 of 12 labels are not.\n  Try the loss "binary_crossentropy" behind a sigmoid'
            " for several classes at once or y / y.sum(axis=1, keepdims=True) for counts."
        ),
        DataError,
    ),
    (
        LABELS,
        "mean_squared_error",
        (
            "the loss mean_squared_error needs y of shape (samples, 4), got (12,).\n"
            "  Try Dense(1) as the last layer for one number a sample or the loss"
            ' "sparse_categorical_crossentropy" for 4 classes.'
        ),
        ShapeError,
    ),
]


@pytest.mark.parametrize(("y", "loss", "text", "kind"), Y, ids=[case[2][-50:] for case in Y])
def test_labels_that_do_not_fit(y: Any, loss: str, text: str, kind: type[KerneletError]) -> None:
    with pytest.raises(kind) as raised:
        fitted(GREY, y, loss=loss)
    assert str(raised.value) == text
    for repair in repairs_of(text):
        if units := re.match(r"Dense\((\d+)\)", repair):
            fitted(GREY, y, network(units=int(units[1]), activation=_suited(loss)), loss)
        elif other := re.match(r'the loss "(\w+)"', repair):
            if other[1].startswith("mean"):
                fitted(GREY, y, network(units=1), other[1])
            elif other[1].startswith("binary"):
                fitted(GREY, np.clip(y, 0, 1), network(activation="sigmoid"), other[1])
            else:
                fitted(GREY, y, loss=other[1])
        elif repair.startswith("y / y.sum") and (y < 0).any():
            continue  # for counts, which are not negative
        elif repair != "one class number a sample":
            code = repair.split(", if")[0].split(" for ")[0].split(", which")[0]
            fitted(GREY, eval(code, {"y": y, "numpy": np}), loss=loss)


def _suited(loss: str) -> str | None:
    return None if loss == "mean_squared_error" else "softmax"


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (
            LABELS,
            (
                "y[2] holds 2: the loss binary_crossentropy needs numbers from 0 to 1.\n"
                '  Try Dense(4, activation="softmax") as the last layer and the loss'
                ' "sparse_categorical_crossentropy" for class numbers.'
            ),
        ),
        (
            LABELS % 2 * 2 - 1,
            (
                "y[0] holds -1: the loss binary_crossentropy needs numbers from 0 to 1.\n"
                "  Try (y + 1) / 2."
            ),
        ),
        (
            LABELS % 2 * 255,
            (
                "y[1] holds 255: the loss binary_crossentropy needs numbers from 0 to 1.\n"
                '  Try Dense(256, activation="softmax") as the last layer and the loss'
                ' "sparse_categorical_crossentropy" for class numbers or y / 255.'
            ),
        ),
        (
            LABELS - 0.5,
            (
                "y[0] holds -0.5: the loss binary_crossentropy needs numbers from 0 to 1.\n"
                '  Try numbers from 0 to 1 or the loss "mean_squared_error".'
            ),
        ),
    ],
)
def test_labels_of_yes_and_no(y: NDArray[Any], text: str) -> None:
    with pytest.raises(DataError) as raised:
        fitted(GREY, y, network(units=1, activation="sigmoid"), "binary_crossentropy")
    assert str(raised.value) == text


LAST: list[tuple[int, str | None, losses.Loss, str]] = [
    (
        4,
        None,
        losses.SparseCategoricalCrossentropy(),
        (
            f"{SPARSE} takes probabilities, and 'classes' ends without an activation.\n"
            "  Try activation=\"softmax\" in 'classes' or from_logits=True in the loss."
        ),
    ),
    (
        4,
        "relu",
        losses.SparseCategoricalCrossentropy(),
        (
            f"{SPARSE} takes probabilities, and 'classes' ends in relu.\n"
            "  Try activation=\"softmax\" in 'classes' or from_logits=True in the loss."
        ),
    ),
    (
        1,
        None,
        losses.BinaryCrossentropy(),
        (
            "the loss binary_crossentropy takes probabilities, and 'classes' ends without an"
            " activation.\n"
            "  Try activation=\"sigmoid\" in 'classes' or from_logits=True in the loss."
        ),
    ),
    (
        1,
        "softmax",
        losses.BinaryCrossentropy(),
        (
            "'classes' ends in a softmax over one number, which is always 1.\n"
            '  Try activation="sigmoid" there or one unit a class.'
        ),
    ),
    (
        4,
        "softmax",
        losses.SparseCategoricalCrossentropy(from_logits=True),
        (
            f"{SPARSE} with from_logits=True applies a softmax by itself, and 'classes' ends in a"
            " softmax already.\n"
            "  Try from_logits=False or leaving the activation of 'classes' out."
        ),
    ),
    (
        1,
        "softmax",
        losses.SparseCategoricalCrossentropy(),
        (
            f"{SPARSE} needs one number for each of at least two classes, and the network's output"
            " has shape (1,). End the network with Dense(classes), or use the loss"
            ' "binary_crossentropy" for a single number.'
        ),
    ),
]


@pytest.mark.parametrize(
    ("units", "activation", "loss", "text"), LAST, ids=[c[3][-50:] for c in LAST]
)
def test_a_last_layer_that_the_loss_does_not_take(
    units: int, activation: str | None, loss: losses.Loss, text: str
) -> None:
    model = network(units=units, activation=activation)
    before = [w.copy() for w in model.get_weights()]
    acts: list[Callable[[], None]] = [
        lambda: fitted(GREY, LABELS % 2, model, loss),
        lambda: _evaluated(model, loss),
    ]
    for act in acts:
        with pytest.raises(ConfigurationError) as raised:
            act()
        assert str(raised.value) == text
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def _evaluated(model: Sequential, loss: losses.Loss) -> None:
    model.compile("adam", loss)
    model.evaluate(GREY, LABELS % 2, verbose=0)


@pytest.mark.parametrize(
    "last",
    [
        [layers.Conv2D(4, 1, activation="softmax"), layers.GlobalAveragePooling2D()],
        [layers.Flatten(), layers.Dense(4, activation="softmax"), layers.Dropout(0.1)],
        [layers.Flatten(), layers.Dense(4, activation="sigmoid")],
        [layers.Flatten(), layers.Dense(4), layers.Softmax()],
    ],
    ids=["pooled", "dropped out", "sigmoid", "a layer of its own"],
)
def test_probabilities_that_something_follows_pass(last: list[layers.Layer]) -> None:
    fitted(GREY, LABELS, Sequential([Input((6, 5, 1)), *last]))


OPTIONS: list[tuple[Callable[[], None], str]] = [
    (
        lambda: fitted(GREY, LABELS, validation_data=(GREY, LABELS + 1)),
        (
            "validation_data: y[3] is 4, and the network has 4 outputs: labels must be 0 to 3;"
            " 3 of 12 are not.\n"
            "  Try y - 1 for classes numbered from 1 or Dense(5) as the last layer."
        ),
    ),
    (
        lambda: fitted(GREY, LABELS, validation_data=GREY),
        "validation_data must be (x, y) or (x, y, sample_weight), got a ndarray of 12.",
    ),
    (
        lambda: fitted(GREY, LABELS[:9]),
        (
            "all arrays need one row a sample, but x has 12, y has 9.\n"
            "  Try giving as many of each: the rows belong together in their order."
        ),
    ),
    (
        lambda: fitted(GREY, LABELS, class_weight=[1, 2, 3, 4]),
        (
            "class_weight maps class numbers to weights; got [1, 2, 3, 4].\n"
            "  Try dict(enumerate(class_weight)) for a weight a class."
        ),
    ),
    (
        lambda: fitted(GREY, LABELS, class_weight={"cat": 2}),
        (
            "class_weight maps class numbers to weights; got {'cat': 2}.\n"
            "  Try a dictionary such as {0: 1.0, 1: 5.0}."
        ),
    ),
    (
        lambda: fitted(GREY, LABELS, class_weight={4: 2}),
        "class_weight names the class 4; the network tells apart 4 classes, 0 to 3.",
    ),
    (
        lambda: fitted(GREY, LABELS, sample_weight=np.ones((12, 1))),
        (
            "sample_weight must have shape (12,), a weight a sample, got (12, 1).\n"
            "  Try numpy.ravel(sample_weight)."
        ),
    ),
    (
        lambda: fitted(GREY, LABELS, callbacks=callbacks.EarlyStopping),
        (
            "callbacks are objects of classes derived from Callback, not the class EarlyStopping."
            " Did you forget its parentheses?"
        ),
    ),
    (
        lambda: ANY.optimizers.Adam(lr=0.1),
        (
            "Adam has no argument 'lr'. Known: learning_rate, beta_1, beta_2, epsilon,"
            " weight_decay, clipnorm, clipvalue, global_clipnorm, name.\n  Try learning_rate."
        ),
    ),
    (
        lambda: ANY.losses.SparseCategoricalCrossentropy(logits=True),
        (
            "SparseCategoricalCrossentropy has no argument 'logits'. Did you mean 'from_logits'?"
            " Known: from_logits, label_smoothing, name."
        ),
    ),
    (
        lambda: ANY.losses.MeanSquaredError(reduction="sum"),
        (
            "MeanSquaredError has no argument 'reduction'. Known: name.\n"
            "  Try leaving it out: a loss is the mean over the batch."
        ),
    ),
    (
        lambda: ANY.callbacks.EarlyStopping(patients=3),
        (
            "EarlyStopping has no argument 'patients'. Did you mean 'patience'? Known: monitor,"
            " min_delta, patience, verbose, mode, baseline, restore_best_weights,"
            " start_from_epoch."
        ),
    ),
    (
        lambda: fitted(
            GREY, LABELS, callbacks=[ANY.callbacks.LearningRateScheduler(lambda epoch: "slow")]
        ),
        (
            "the schedule of LearningRateScheduler returned 'slow' for epoch 0; expected a"
            " learning rate, a number of at least 0."
        ),
    ),
    (
        lambda: ANY_DATA.load_dataset(3),
        (
            "source is of type int; expected a folder, a file, a known name, or the (pictures,"
            " labels) of IDX files.\n"
            "  Arrays need no data set: give them to fit, or save them with numpy.savez."
        ),
    ),
    (
        lambda: fitted((x for x in GREY), LABELS),
        (
            "x must hold real numbers, not generator objects.\n"
            "  Try numpy.stack(list(x)), where it holds arrays of one shape."
        ),
    ),
    (
        lambda: network().compile("adam", abs),  # type: ignore[arg-type]
        (
            "a loss is a name or an object of kernelet.losses, not <built-in function abs>.\n"
            "  Known names: binary_crossentropy, categorical_crossentropy, mean_squared_error, mse,"
            " sparse_categorical_crossentropy."
        ),
    ),
]


@pytest.mark.parametrize(("act", "text"), OPTIONS, ids=[case[1][-50:] for case in OPTIONS])
def test_options_that_do_not_fit(act: Callable[[], None], text: str) -> None:
    with pytest.raises((ConfigurationError, DataError, ShapeError, UsageError)) as raised:
        act()
    assert str(raised.value) == text
