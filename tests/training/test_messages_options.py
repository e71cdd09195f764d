"""What is said of options that make no sense."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kernelet import callbacks
from kernelet.errors import ConfigurationError, DataError, ShapeError, UsageError
from messages import ANY, ANY_DATA, GREY, LABELS, fitted, network

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
