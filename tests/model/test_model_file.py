"""The model's file: what is written is read again, and nothing else is."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from kernelet import layers
from kernelet.errors import ModelFileError, UsageError
from kernelet.interchange.safetensors import load_model, to_bytes
from kernelet.layers import Input
from kernelet.model import Model, Sequential
from model.examples import branched, model

RANDOM = np.random.default_rng(3)
Json = dict[str, Any]


def test_a_model_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    written = model()
    written.save(path)
    read = load_model(path)
    assert type(read) is Sequential
    assert repr(read.layers) == repr(written.layers)
    assert read.name == "little"
    assert read.class_names == written.class_names
    assert read.preprocessing == written.preprocessing
    assert read.training_record == written.training_record
    assert read.weights.sha256() == written.weights.sha256()
    pictures = RANDOM.integers(0, 256, (5, 8, 8, 1)).astype(np.uint8)
    np.testing.assert_array_equal(read(pictures), written(pictures))
    assert list(tmp_path.iterdir()) == [path]


def test_branches_and_shared_layers_come_back(tmp_path: Path) -> None:
    written = branched()
    written.save(tmp_path / "m")
    read = load_model(tmp_path / "m")
    assert type(read) is Model
    assert read.weight_names == ("shared/kernel", "shared/bias")
    pictures = RANDOM.normal(size=(5, 8, 8, 2)).astype(np.float32)
    for ours, theirs in zip(read(pictures), written(pictures), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_every_layer_comes_back_with_its_configuration(tmp_path: Path) -> None:
    several = Sequential(
        [
            Input((12, 12, 2)),
            layers.RandomFlip("vertical"),
            layers.RandomTranslation(0.1, 0.2, "constant", fill_value=3.0),
            layers.Rescaling((0.5, 2.0), 1.0),
            layers.Conv2D(4, (3, 1), 2, "full", None, 1, 2, "gelu", False, trainable=False),
            layers.LeakyReLU(0.1),
            layers.MaxPooling2D(2, 1, "same"),
            layers.AveragePooling2D(2),
            layers.BatchNormalization(-1, 0.5, 0.1, False, False),
            layers.Reshape((-1, 2)),
            layers.Flatten(),
            layers.Dropout(0.25),
            layers.Activation("silu"),
            layers.ReLU(0.5),
            layers.Dense(4, "tanh", True, layers_initializer(), "ones"),
            layers.Softmax(),
        ]
    )
    several.save(tmp_path / "m")
    assert repr(load_model(tmp_path / "m").layers) == repr(several.layers)


def layers_initializer() -> Any:
    from kernelet import initializers

    return initializers.RandomNormal(0.5, 0.125)


def test_the_file_is_safetensors_with_json(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    written = model()
    written.save(path)
    tensors = safetensors.numpy.load_file(path)
    assert set(tensors) == set(written.weight_names)
    with safetensors.safe_open(path, "numpy") as file:
        document = json.loads(file.metadata()["kernelet"])
    assert document["format_version"] == 1
    assert document["sha256"] == written.weights.sha256()
    assert document["class_names"] == ["cat", "dog", "b\u202e<script>"]


def test_a_part_of_a_model_takes_its_own_weights_along(tmp_path: Path) -> None:
    whole = model()
    part = Model(whole.inputs, whole.outputs[0].parents[0])
    part.save(tmp_path / "m")
    assert load_model(tmp_path / "m").weight_names == part.weight_names
    assert "classes/kernel" not in part.weight_names


def test_an_existing_file_is_kept_when_asked_or_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    model().save(path)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="exists; give another name or overwrite=True"):
        model().save(path, overwrite=False)

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(UsageError, match="No space left on device"):
        model().save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("where", ["missing", "folder", "pipe"])
def test_what_is_no_file(where: str, tmp_path: Path) -> None:
    path = tmp_path / where
    if where == "folder":
        path.mkdir()
    elif where == "pipe":
        os.mkfifo(path)
    expected = {
        "missing": "cannot read",
        "folder": "it is a folder; expected a .safetensors file.",
        "pipe": "it is no regular file.",
    }[where]
    with pytest.raises(ModelFileError, match=expected):
        load_model(path)


def test_class_names_that_could_not_be_read_again_are_not_written(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    wrong = model()
    outputs = wrong.output_shape[1]
    wrong.class_names = ("cat", *["dog"] * outputs)
    with pytest.raises(UsageError) as raised:
        wrong.save(path)
    assert str(raised.value) == (
        f"the model names {outputs + 1} classes and has {outputs} numbers as its output.\n"
        "  Set class_names to one name an output, or to None."
    )
    assert not path.exists()


def test_a_run_folder_names_its_model(tmp_path: Path) -> None:
    model().save(tmp_path / "model.safetensors")
    with pytest.raises(ModelFileError) as raised:
        load_model(tmp_path)
    assert str(raised.value) == (
        f"{tmp_path} is not a model that can be loaded: it is a folder; expected a .safetensors"
        f" file.\n  Try {tmp_path / 'model.safetensors'}."
    )


def test_saving_to_a_folder_that_is_missing(tmp_path: Path) -> None:
    target = tmp_path / "missing" / "model.safetensors"
    with pytest.raises(UsageError) as raised:
        model().save(target)
    assert str(raised.value) == (
        f"cannot write {target}: No such file or directory.\n"
        f"  There is no folder {str(target.parent)!r}: make it first."
    )


def test_loading_opens_one_file_and_runs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model().save(path)
    load_model(path)
    seen: list[tuple[str, str]] = []
    watching = True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event in ("open", "exec", "compile", "import", "subprocess.Popen"):
            seen.append((event, str(arguments[0])))
        if watching and event.startswith(
            ("os.system", "os.exec", "pickle.", "marshal.", "socket.")
        ):
            seen.append((event, str(arguments[0])))

    sys.addaudithook(watch)
    try:
        load_model(path)
    finally:
        watching = False
    assert seen == [("open", str(path))]


def test_any_flipped_bit_is_found(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    data = to_bytes(model())
    for position in RANDOM.integers(0, len(data), 150):
        broken = bytearray(data)
        broken[position] ^= 1 << int(RANDOM.integers(8))
        path.write_bytes(broken)
        try:
            read = load_model(path)
        except ModelFileError:
            continue
        # White space of the header is the one part that means nothing.
        assert chr(data[position]).isspace()
        assert read.weights.sha256() == model().weights.sha256()


def test_any_truncation_is_found(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    data = to_bytes(model())
    for length in RANDOM.integers(0, len(data), 60):
        path.write_bytes(data[:length])
        with pytest.raises(ModelFileError):
            load_model(path)
