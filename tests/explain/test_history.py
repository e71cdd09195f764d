"""What notebooks show of a training."""

from __future__ import annotations

import math
import re

from kernelet.explain.history import history_html
from kernelet.training.callbacks.history import History
from small_networks import pictures, plain_network


def test_curves_and_the_numbers_behind_them() -> None:
    model = plain_network()
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    images, labels = pictures(64)
    history = model.fit(images, labels, epochs=2, validation_split=0.25, verbose=0)
    html = history._repr_html_()
    assert html.count("<svg") == 2
    assert html.count(">training<") == html.count(">validation<") == 2
    headings = re.findall(r"<th scope=col>(\w+)</th>", html)
    assert headings == ["epoch", *history.history]
    for values in history.history.values():
        for value in values:
            assert f"<td>{value:.4f}</td>" in html


def test_long_trainings_show_their_first_and_last_epochs() -> None:
    html = history_html({"loss": [1 / (k + 1) for k in range(100)]}, list(range(100)))
    shown = re.findall(r"<th scope=row>(.+?)</th>", html)
    assert shown == ["1", "2", "3", "…", *map(str, range(92, 101))]
    html = history_html({"loss": [1.0] * 13}, list(range(13)))
    assert re.findall(r"<th scope=row>(.+?)</th>", html) == [str(k) for k in range(1, 14)]


def test_numbers_that_are_not_finite_and_measures_that_are_missing() -> None:
    html = history_html(
        {"loss": [math.nan, 2.0], "val_loss": [math.nan] * 2, "late": [1e-5]}, [0, 1]
    )
    assert html.count("<svg") == 2
    assert ">validation<" not in html
    assert "<td>1e-05</td>" in html
    assert "<td>nan</td>" in html


def test_names_of_measures_are_text() -> None:
    html = history_html({"<img src=x>": [1.0, 2.0]}, [0, 1])
    assert "<img" not in html
    assert "&lt;img src=x&gt;" in html


def test_before_the_first_epoch() -> None:
    assert "no epoch yet" in History()._repr_html_()
