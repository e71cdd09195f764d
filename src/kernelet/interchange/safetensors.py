"""The model's file: a safetensors file with its configuration as JSON in the metadata.

Reading trusts nothing: sizes are checked before memory is taken, the network is built from known
classes alone, and no code, pickle or other file is involved.
"""

from __future__ import annotations

import hashlib
import math
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
import safetensors.numpy

from kernelet._version import __version__
from kernelet.errors import ModelFileError, UsageError
from kernelet.interchange.atomic import write_atomically
from kernelet.interchange.document import (
    FORMAT_VERSION,
    Document,
    decode,
    record_network,
    restore_graph,
)
from kernelet.layers.base import shape_text
from kernelet.model import Model, Sequential
from kernelet.program import Parameter
from kernelet.weights import Weights

DOCUMENT_KEY = "kernelet"
CHECKSUM_KEY = "kernelet_sha256"
# Room for the history of a long training; bounds the memory that a hostile file can take.
MAXIMUM_HEADER = 8 << 20


def save_model(model: Model, path: str | Path, *, overwrite: bool = True) -> None:
    """Write a model, whole or not at all; see `Model.save`.

    Raises
    ------
    UsageError
        If the file exists and may not be replaced, or cannot be written.
    """
    target = Path(path)
    if not overwrite and target.exists():
        raise UsageError(f"{target} exists; give another name or overwrite=True.")
    write_atomically(target, to_bytes(model))


def to_bytes(model: Model) -> bytes:
    """Return the contents of a model's file.

    Raises
    ------
    UsageError
        If the model names another number of classes than it has outputs.
    """
    _check_own_class_names(model)
    weights = _own_weights(model)
    text = msgspec.json.encode(
        Document(
            format_version=FORMAT_VERSION,
            kernelet_version=__version__,
            network=record_network(model),
            class_names=None if model.class_names is None else list(model.class_names),
            preprocessing=model.preprocessing,
            training=model.training_record,
            sha256=weights.sha256(),
        )
    )
    metadata = {DOCUMENT_KEY: text.decode(), CHECKSUM_KEY: hashlib.sha256(text).hexdigest()}
    return safetensors.numpy.save(dict(weights), metadata)


def _check_own_class_names(model: Model) -> None:
    names, shape = model.class_names, model.graph.calls[model.graph.outputs[0]].shape
    if names is not None and not _names_outputs(len(names), shape):
        raise UsageError(
            f"the model names {len(names)} classes and has {shape_text(shape)} as its output."
            "\n  Set class_names to one name an output, or to None."
        )


def _names_outputs(names: int, shape: tuple[int, ...]) -> bool:
    """Return whether so many names fit an output: one each, or any number for a single one."""
    return shape in ((names,), (1,))


def _own_weights(model: Model) -> Weights:
    """Return a model's weights without those of other models in a shared buffer."""
    own = Weights(model.graph.parameters())
    for name in own:
        own.assign(name, model.weights[name])
    return own


def load_model(path: str | Path) -> Model:
    """Read a model.

    Reading runs no code from the file and opens no other one.

    Parameters
    ----------
    path : str or Path
        Written by `Model.save`.

    Returns
    -------
    Model
        A `Sequential` where one was saved. It predicts at once; to train or evaluate it, `compile`
        it first: optimizer and loss are not in the file.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, foreign, or needs a newer kernelet.
    """
    try:
        with _open_regular(Path(path)) as file:
            return _read(file, os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror or error}.") from None
    except ModelFileError as error:
        raise ModelFileError(f"{path} is not a model that can be loaded: {error}") from None


def _open_regular(path: Path) -> BinaryIO:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        inside = path / "model.safetensors"
        hint = f"\n  Try {inside}." if inside.is_file() else ""
        raise ModelFileError(f"it is a folder; expected a .safetensors file.{hint}")
    # Opening a pipe would wait for its other end.
    if not stat.S_ISREG(mode):
        raise ModelFileError("it is no regular file.")
    return path.open("rb")


# How files of other programs begin, and what they are.
_FOREIGN = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes them"),
    (b"PK\x03\x04", "a zip archive, as Keras and PyTorch write them"),
)
_PICKLES = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))


def _foreign(start: bytes) -> str:
    """Return what is said of a file that is no safetensors file, from its first bytes."""
    if not start:
        return "it is empty; expected a .safetensors file that kernelet wrote."
    if start.startswith(_PICKLES):
        return "it is a pickle, which could run code and is never read."
    for signature, kind in _FOREIGN:
        if start.startswith(signature):
            return (
                f"it is {kind}; expected a .safetensors file that kernelet wrote.\n  Try building"
                " the network here and set_weights with the arrays of get_weights there."
            )
    return "it is no safetensors file."


class _Tensor(msgspec.Struct, frozen=True):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def _read(file: BinaryIO, size: int) -> Model:
    metadata, tensors, data_size = _read_header(file, size)
    document = _document(metadata)
    graph, parameters = restore_graph(document.network)
    _check_tensors(parameters, tensors, data_size)
    _check_class_names(document, graph.calls[graph.outputs[0]].shape)
    weights = Weights(parameters)
    begin = file.tell()
    for name, tensor in tensors.items():
        file.seek(begin + tensor.data_offsets[0])
        raw = file.read(tensor.data_offsets[1] - tensor.data_offsets[0])
        values = np.frombuffer(raw, dtype="<f4")
        if values.size != weights[name].size:
            raise ModelFileError("it was cut off while it was read.")
        weights.assign(name, values.reshape(weights[name].shape))
    if weights.sha256() != document.sha256:
        raise ModelFileError("its weights are damaged: their SHA-256 is not the one recorded.")
    cls = Sequential if document.network.kind == "sequential" else Model
    model = cls.with_weights(graph, weights, document.network.name)
    model.class_names = None if document.class_names is None else tuple(document.class_names)
    model.preprocessing = document.preprocessing
    model.training_record = document.training
    return model


def _read_header(file: BinaryIO, size: int) -> tuple[dict[str, str], dict[str, _Tensor], int]:
    """Return metadata, tensors, and the number of bytes that follow the header."""
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if size < 8 or length > MAXIMUM_HEADER or file.read(1) != b"{":
        raise ModelFileError(_foreign(start))
    if length > size - 8:
        raise ModelFileError(f"it was cut off: {size} bytes, and its header alone has {length}.")
    text = b"{" + file.read(length - 1)
    try:
        entries = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        metadata = msgspec.json.decode(entries.pop("__metadata__", b"{}"), type=dict[str, str])
        tensors = {
            name: msgspec.json.decode(entry, type=_Tensor) for name, entry in entries.items()
        }
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ModelFileError(f"its header is damaged: {error}") from None
    return metadata, tensors, size - 8 - length


def _document(metadata: dict[str, str]) -> Document:
    if DOCUMENT_KEY not in metadata:
        raise ModelFileError("it is a safetensors file, but kernelet did not write it.")
    text = metadata[DOCUMENT_KEY].encode()
    document = decode(text)
    if hashlib.sha256(text).hexdigest() != metadata.get(CHECKSUM_KEY):
        raise ModelFileError(
            "its description of the network is damaged: its SHA-256 is not the one recorded."
        )
    return document


def _check_tensors(
    parameters: list[Parameter], tensors: dict[str, _Tensor], data_size: int
) -> None:
    """Raise ModelFileError unless the tensors are what the network needs and fill the file."""
    shapes: dict[str, Any] = {parameter.name: parameter.value.shape for parameter in parameters}
    missing, unknown = (
        sorted(shapes.keys() - tensors.keys()),
        sorted(tensors.keys() - shapes.keys()),
    )
    if missing:
        raise ModelFileError(f"the weights {missing[0]!r} are missing.")
    if unknown:
        raise ModelFileError(f"its network has no weights {unknown[0]!r}.")
    for name, tensor in tensors.items():
        if tensor.dtype != "F32" or tuple(tensor.shape) != shapes[name]:
            raise ModelFileError(
                f"the weights {name!r} should be F32 of {shapes[name]}, not {tensor.dtype} of"
                f" {tuple(tensor.shape)}."
            )
    end = 0
    for tensor in sorted(tensors.values(), key=lambda entry: entry.data_offsets):
        begin, stop = tensor.data_offsets
        if begin != end or stop - begin != 4 * math.prod(tensor.shape):
            raise ModelFileError("its weights overlap or leave gaps.")
        end = stop
    if end != data_size:
        raise ModelFileError(
            f"it was cut off or added to: {data_size} bytes of weights, not {end}."
        )


def _check_class_names(document: Document, shape: tuple[int, ...]) -> None:
    names = document.class_names
    if names is not None and not _names_outputs(len(names), shape):
        raise ModelFileError(f"it names {len(names)} classes, and its output is {shape}.")
