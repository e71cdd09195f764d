"""The film of filters: its frames are the weights, its file shows them, and it can be resumed."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kernelet import layers
from kernelet.callbacks import Callback, Checkpointer, EarlyStopping, FilterFilm
from kernelet.errors import ConfigurationError, TrainingError, UsageError
from kernelet.explain.filter_sheet import filter_sheet
from kernelet.layers import Input
from kernelet.model import Sequential
from small_networks import pictures, plain_network

IMAGES, LABELS = pictures(64)


class Kernels(Callback):
    """Keeps the filters after every step."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self.on_train_batch_end(0)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.kept.append(self.model.get_layer("conv2d").get_weights()[0])


def fitted(film: FilterFilm, *others: Callback, epochs: int = 3, **options: Any) -> Sequential:
    model = plain_network()
    model.compile("adam")
    model.fit(IMAGES, LABELS, 16, epochs, verbose=0, callbacks=[*others, film], **options)
    return model


@pytest.mark.parametrize("name", ["training.callbacks.filter_film", "explain.filter_sheet"])
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"kernelet.{name}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_a_frame_an_epoch(tmp_path: Path) -> None:
    film, kernels = FilterFilm(tmp_path / "film.gif"), Kernels()
    model = fitted(film, kernels)
    assert film.labels == ["start", "epoch 1", "epoch 2", "epoch 3"]
    np.testing.assert_array_equal(film.frames, kernels.kept[::4])
    np.testing.assert_array_equal(film.frames[-1], model.get_layer("conv2d").get_weights()[0])


def test_a_frame_every_few_steps_and_one_at_the_end(tmp_path: Path) -> None:
    film, kernels = FilterFilm(tmp_path / "film.png", "conv2d", save_freq=5), Kernels()
    fitted(film, kernels)
    assert film.labels == ["start", "step 5", "step 10", "end"]
    np.testing.assert_array_equal(film.frames, [kernels.kept[k] for k in (0, 5, 10, 12)])


def test_only_steps_ask_for_single_steps(tmp_path: Path) -> None:
    class Calls(Callback):
        count = 0

        def on_progress(self, batch: int, logs: dict[str, float] | None = None) -> None:
            self.count += 1

    calls = Calls(), Calls()
    fitted(FilterFilm(tmp_path / "a.gif"), calls[0])
    fitted(FilterFilm(tmp_path / "b.gif", save_freq=100), calls[1])
    assert calls[0].count < calls[1].count == 12


@pytest.mark.parametrize("most", [2, 3, 5, 8])
def test_long_films_leave_out_every_other_frame(tmp_path: Path, most: int) -> None:
    film, kernels = FilterFilm(tmp_path / "film.gif", save_freq=1, max_frames=most), Kernels()
    fitted(film, kernels, epochs=5)
    assert len(film.frames) == len(film.labels) <= most
    steps = [0 if label == "start" else int(label.split()[1]) for label in film.labels[:-1]]
    assert len({*np.diff(steps).tolist()}) <= 1
    np.testing.assert_array_equal(film.frames[:-1], [kernels.kept[k] for k in steps])
    np.testing.assert_array_equal(film.frames[-1], kernels.kept[-1])


@pytest.mark.parametrize("ending", ["gif", "png"])
def test_the_file_shows_the_frames(tmp_path: Path, ending: str) -> None:
    film = FilterFilm(tmp_path / f"film.{ending}")
    fitted(film)
    limit = np.abs(film.frames).max()
    with Image.open(film.path) as animation:
        assert animation.n_frames == 4  # type: ignore[attr-defined]
        assert animation.info["loop"] == 0
        for number, (frame, label) in enumerate(zip(film.frames, film.labels, strict=True)):
            animation.seek(number)
            shown = np.asarray(animation.convert("RGB"), np.int16)
            drawn = np.asarray(filter_sheet(frame, limit, label), np.int16)
            # A GIF has 256 colours a frame.
            assert np.abs(shown - drawn).mean() < (1.5 if ending == "gif" else 0.01)


def test_sheets_place_filters_in_reading_order() -> None:
    kernel = np.zeros((2, 2, 1, 20))
    kernel[0, 1, 0, 13] = 4.0
    kernel[1, 0, 0, 2] = -2.0
    sheet = np.asarray(filter_sheet(kernel, 4.0))
    side = 64 + 2 + 6
    # Twenty filters stand in three rows of seven.
    assert sheet.shape == (3 * side - 6 + 24, 7 * side - 6 + 24, 3)
    colours = np.unique(sheet.reshape(-1, 3), axis=0).tolist()
    assert [178, 24, 43] in colours
    assert sheet[12 + side + 1 + 10, 12 + 6 * side + 1 + 40].tolist() == [178, 24, 43]
    assert sheet[12 + 1 + 40, 12 + 2 * side + 1 + 10].tolist() == [144, 179, 214]


def test_filters_of_colour_pictures_are_in_colour() -> None:
    kernel = np.zeros((1, 1, 3, 1))
    kernel[0, 0, :, 0] = [1.0, -1.0, 0.0]
    assert np.asarray(filter_sheet(kernel, 1.0))[40, 40].tolist() == [255, 0, 128]


def test_same_training_same_bytes(tmp_path: Path) -> None:
    films = [FilterFilm(tmp_path / name, save_freq=4) for name in ("a.gif", "b.gif")]
    for film in films:
        fitted(film)
    assert films[0].path.read_bytes() == films[1].path.read_bytes() == films[0].to_bytes()


def test_an_interrupted_film_is_shown_and_goes_on(tmp_path: Path) -> None:
    whole = FilterFilm(tmp_path / "whole.gif", save_freq=2, max_frames=4)
    fitted(whole)
    path = tmp_path / "part.gif"
    for most in (3, 7, 100):
        kernels, film = Kernels(), FilterFilm(path, save_freq=2, max_frames=4)
        fitted(
            film,
            kernels,
            checkpoint=Checkpointer(tmp_path / "last", every_seconds=0),
            resume=True,
            stop=lambda kernels=kernels, most=most: len(kernels.kept) > most,
        )
        with Image.open(path) as animation:
            assert animation.n_frames >= 2  # type: ignore[attr-defined]
    assert film.labels == whole.labels
    assert path.read_bytes() == whole.path.read_bytes()


def test_weights_that_are_put_back_end_the_film(tmp_path: Path) -> None:
    class Worse(Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            assert logs is not None
            logs["val_loss"] = float(epoch)

    film = FilterFilm(tmp_path / "film.gif")
    early = EarlyStopping(patience=2, restore_best_weights=True)
    model = fitted(film, Worse(), early, epochs=9)
    assert film.labels == ["start", "epoch 1", "epoch 2", "epoch 3", "end"]
    np.testing.assert_array_equal(film.frames[-1], film.frames[1])
    np.testing.assert_array_equal(film.frames[-1], model.get_layer("conv2d").get_weights()[0])


def test_a_training_that_fails_leaves_its_film(tmp_path: Path) -> None:
    film, model = FilterFilm(tmp_path / "film.gif"), plain_network()
    model.compile("sgd")
    model.optimizer.learning_rate = 1e30
    with pytest.raises(TrainingError):
        model.fit(IMAGES, LABELS, 16, 9, verbose=0, callbacks=[film])
    assert film.path.exists()


def test_notebooks_show_it(tmp_path: Path) -> None:
    film = FilterFilm(tmp_path / "film.png")
    assert film._repr_html_() is None
    fitted(film, epochs=1)
    shown = film._repr_html_()
    assert shown is not None
    assert shown.startswith('<img src="data:image/png;base64,')
    assert shown.endswith('alt="Film of 6 filters of 3×3 while they are trained">')


def test_frames_before_training(tmp_path: Path) -> None:
    film = FilterFilm(tmp_path / "film.png")
    assert len(film.frames) == 0
    with pytest.raises(UsageError, match="nothing was filmed yet; give the callback to fit"):
        film.to_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filepath": "film.mp4"}, "a file that ends in .gif or .png, not 'film.mp4'"),
        ({"save_freq": 0}, '"epoch" or a number of steps of at least 1, not 0'),
        ({"save_freq": "batch"}, "of at least 1, not 'batch'"),
        ({"max_frames": 1}, "max_frames must be at least 2, not 1"),
    ],
)
def test_arguments_that_make_no_sense(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        FilterFilm(**{"filepath": "film.gif", **arguments})


def test_what_cannot_be_filmed(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"only the filters of a Conv2D.*'dense' is a Dense"
    ):
        fitted(FilterFilm(tmp_path / "film.gif", layer="dense"))
    with pytest.raises(UsageError, match="there is no layer 'conv9'"):
        fitted(FilterFilm(tmp_path / "film.gif", layer="conv9"))
    with pytest.raises(UsageError, match=r"there is no folder .*missing to write the film to"):
        fitted(FilterFilm(tmp_path / "missing" / "film.gif"))
    model = Sequential([Input((8, 8, 3)), layers.Flatten(), layers.Dense(4)])
    model.add(layers.Softmax())
    model.compile("adam")
    with pytest.raises(ConfigurationError, match="the model has no Conv2D"):
        model.fit(IMAGES, LABELS, verbose=0, callbacks=[FilterFilm(tmp_path / "film.gif")])
    assert not list(tmp_path.iterdir())


def test_a_sheet_of_one_small_filter_has_room_for_its_caption() -> None:
    sheet = np.asarray(filter_sheet(np.ones((3, 3, 1, 1)), 1.0, "step 123456").convert("L"))
    assert (sheet[-24:] < 200).any()
    assert (sheet[-24:, -12:] == 255).all()
