"""Files that are no models, each refused with the reason, in little memory."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from kernelet.errors import ModelFileError
from kernelet.interchange.safetensors import load_model, to_bytes
from kernelet.model import Model
from model.examples import branched, model

Json = dict[str, Any]


class Parts:
    """A valid file taken apart, to be put together wrongly."""

    def __init__(self, made: Model) -> None:
        data = to_bytes(made)
        (length,) = struct.unpack("<Q", data[:8])
        self.header: Json = json.loads(data[8 : 8 + length])
        self.body = data[8 + length :]
        self.document: Json = json.loads(self.header["__metadata__"]["kernelet"])

    def layer(self, kind: str) -> Json:
        found: Json = next(la for la in self.document["network"]["layers"] if la["kind"] == kind)
        return found

    def join(self, *, document_text: str | None = None, checksum: str | None = None) -> bytes:
        text = json.dumps(self.document) if document_text is None else document_text
        digest = hashlib.sha256(text.encode()).hexdigest() if checksum is None else checksum
        self.header["__metadata__"] = {"kernelet": text, "kernelet_sha256": digest}
        return pack(json.dumps(self.header).encode(), self.body)


def pack(header: bytes, body: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + body


def edited(change: Callable[[Parts], Any]) -> Callable[[], bytes]:
    def make() -> bytes:
        parts = Parts(model())
        change(parts)
        return parts.join()

    return make


def network(parts: Parts) -> Json:
    found: Json = parts.document["network"]
    return found


def _bit_flipped_in_weights() -> bytes:
    data = bytearray(to_bytes(model()))
    data[-100] ^= 4
    return bytes(data)


def _bit_flipped_in_document() -> bytes:
    return to_bytes(model()).replace(b"0.25", b"0.27", 1)


def _overlap(parts: Parts) -> None:
    parts.header["classes/bias"]["data_offsets"] = [0, 12]


def _swap_order(parts: Parts) -> None:
    calls = network(parts)["calls"]
    calls[2]["inputs"], calls[3]["inputs"] = [3], [2]


def _doubling(parts: Parts) -> None:
    record = network(parts)
    record["kind"] = "model"
    first = len(record["calls"])
    record["layers"].append({"kind": "Concatenate", "name": "twice", "config": {}})
    number = len(record["layers"]) - 1
    for k in range(1500):
        record["calls"].append({"layer": number, "inputs": [first - 1 + k] * 2})
    record["outputs"] = [len(record["calls"]) - 1]


def _many(parts: Parts) -> None:
    network(parts)["calls"] *= 1000


def _foreign() -> bytes:
    return safetensors.numpy.save({"x": np.zeros(3, np.float32)}, {"format": "pt"})


def _deep_document() -> bytes:
    return Parts(model()).join(document_text="[" * 100_000 + "]" * 100_000)


def _deep_training() -> bytes:
    parts = Parts(model())
    text = json.dumps(parts.document).replace('"seed": 3', '"seed": ' + "[" * 90_000 + "]" * 90_000)
    return parts.join(document_text=text)


def _not_a_number() -> bytes:
    parts = Parts(model())
    parts.layer("BatchNormalization")["config"]["epsilon"] = float("nan")
    return parts.join()


def _infinity() -> bytes:
    parts = Parts(model())
    text = json.dumps(parts.document).replace('"momentum": 0.99', '"momentum": 1e999')
    return parts.join(document_text=text)


def _wide(parts: Parts) -> None:
    parts.layer("Dense")["config"]["units"] = 10**12


def _shared_of_two_shapes() -> bytes:
    parts = Parts(branched())
    record = network(parts)
    shared = next(k for k, la in enumerate(record["layers"]) if la["name"] == "shared")
    record["layers"][shared]["config"]["filters"] = 5
    record["calls"].append({"layer": shared, "inputs": [1]})
    record["outputs"] = [len(record["calls"]) - 1]
    return parts.join()


def _branched_sequential() -> bytes:
    parts = Parts(branched())
    network(parts)["kind"] = "sequential"
    return parts.join()


def _set_layer(kind: str, key: str, value: Any) -> Callable[[], bytes]:
    return edited(lambda parts: parts.layer(kind)["config"].__setitem__(key, value))


def _set(key: str, value: Any) -> Callable[[], bytes]:
    return edited(lambda parts: parts.document.__setitem__(key, value))


ATTACKS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "it is empty; expected a .safetensors file that kernelet wrote."),
    "text": (lambda: b"hello, world, this is not a model", "it is no safetensors file."),
    "pickle": (
        lambda: b"\x80\x04\x95" + b"c__builtin__\neval\n" * 3,
        "it is a pickle, which could run code and is never read.",
    ),
    "HDF5": (
        lambda: b"\x89HDF\r\n\x1a\n" + bytes(100),
        (
            "it is an HDF5 file, as Keras writes them; expected a .safetensors file that kernelet"
            " wrote.\n  Try building the network here and set_weights"
        ),
    ),
    "zip archive": (
        lambda: b"PK\x03\x04" + bytes(100),
        "it is a zip archive, as Keras and PyTorch",
    ),
    "cut in header": (lambda: to_bytes(model())[:500], "it was cut off: 500 bytes"),
    "cut in weights": (lambda: to_bytes(model())[:-1], "it was cut off or added to"),
    "added to": (lambda: to_bytes(model()) + b"\0", "it was cut off or added to"),
    "header too long": (
        lambda: struct.pack("<Q", 1 << 62) + b"{" + bytes(100),
        "it is no safetensors file.",
    ),
    "header of 9 MiB": (
        lambda: pack(b"{" + b" " * (9 << 20) + b"}", b""),
        "it is no safetensors file.",
    ),
    "header no JSON": (lambda: pack(b"{nonsense}", b""), "its header is damaged"),
    "header deep": (
        lambda: pack(b'{"a":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}", b""),
        "its header is damaged",
    ),
    "header no UTF-8": (lambda: pack(b'{"\xff\xfe":1}', b""), "its header is damaged"),
    "foreign": (_foreign, "it is a safetensors file, but kernelet did not write it."),
    "bit in weights": (_bit_flipped_in_weights, "its weights are damaged: their SHA-256"),
    "bit in document": (
        _bit_flipped_in_document,
        "its description of the network is damaged: its SHA-256 is not the one recorded.",
    ),
    "newer format": (
        edited(lambda p: p.document.update(format_version=2, kernelet_version="9.1")),
        (
            "the file has format 2 and needs kernelet '9.1' or later; this one reads formats"
            " up to 1. Upgrade with: pip install --upgrade kernelet"
        ),
    ),
    "format zero": (_set("format_version", 0), "there is no format 0."),
    "document deep": (_deep_document, "its description of the network is damaged"),
    "training deep": (_deep_training, "its description of the network is damaged"),
    "document a list": (
        lambda: Parts(model()).join(document_text="[]"),
        "its description of the network is damaged",
    ),
    "unknown layer": (
        edited(lambda p: p.layer("Dense").update(kind="os.system")),
        "there is no layer 'os.system'.",
    ),
    "base class as layer": (
        edited(lambda p: p.layer("Dense").update(kind="Layer")),
        "there is no layer 'Layer'.",
    ),
    "unknown argument": (
        _set_layer("Dense", "__class__", "os"),
        "Dense 'classes' has no argument '__class__'.",
    ),
    "wrong type": (_set_layer("Dense", "units", "three"), "Dense 'classes': Expected `int`"),
    "negative units": (
        _set_layer("Dense", "units", -3),
        "units must be an integer of at least 1, not -3.",
    ),
    "unknown initializer": (
        _set_layer("Dense", "kernel_initializer", {"name": "eval"}),
        "Dense 'classes': Invalid value 'eval'",
    ),
    "hostile name": (
        edited(lambda p: p.layer("Dense").update(name="../../etc/passwd")),
        "a layer's name is made of letters",
    ),
    "not a number": (_not_a_number, "its description of the network is damaged"),
    "infinity": (_infinity, "its description of the network is damaged"),
    "cycle": (
        edited(_swap_order),
        "call 2 ('conv2d') reads a call that does not come before it: the graph has a cycle.",
    ),
    "call of no layer": (
        edited(lambda p: network(p)["calls"][2].update(layer=99)),
        "call 2 names layer 99, which does not exist.",
    ),
    "output of no call": (
        edited(lambda p: network(p).update(outputs=[77])),
        "inputs and outputs name calls that do not exist: [77].",
    ),
    "no output": (
        edited(lambda p: network(p).update(outputs=[])),
        "inputs and outputs name calls that do not exist: [].",
    ),
    "too many calls": (edited(_many), "it has more than 2000 layers."),
    "sizes that double": (edited(_doubling), "makes more than 2⁴⁰ numbers a sample."),
    "two layers of one name": (
        edited(lambda p: p.layer("Conv2D").update(name="classes")),
        "two layers are called 'classes'",
    ),
    "network too large for its file": (edited(_wide), "the weights 'classes/bias' should be F32"),
    "shapes that do not fit": (
        _set_layer("Conv2D", "kernel_size", [99, 99]),
        "kernel 99×99 does not fit its 8×8 input",
    ),
    "weights missing": (
        edited(lambda p: p.header.pop("classes/bias")),
        "the weights 'classes/bias' are missing.",
    ),
    "weights too many": (
        edited(lambda p: p.header.update(extra=p.header["classes/bias"])),
        "its network has no weights 'extra'.",
    ),
    "weights overlap": (edited(_overlap), "its weights overlap or leave gaps."),
    "weights of another type": (
        edited(lambda p: p.header["classes/bias"].update(dtype="I32")),
        "the weights 'classes/bias' should be F32 of (3,), not I32 of (3,).",
    ),
    "weights transposed": (
        edited(lambda p: p.header["classes/kernel"].update(shape=[3, 256])),
        "should be F32",
    ),
    "negative offsets": (
        edited(lambda p: p.header["classes/bias"].update(data_offsets=[-12, 0])),
        "its weights overlap or leave gaps.",
    ),
    "class names too many": (
        _set("class_names", ["a", "b"]),
        "it names 2 classes, and its output is (3,).",
    ),
    "class names no texts": (
        _set("class_names", [1, 2, 3]),
        "its description of the network is damaged",
    ),
    "shared layer of two shapes": (
        _shared_of_two_shapes,
        "Conv2D 'shared': kernel has shape (3, 3, 2, 5) from an earlier call",
    ),
    "sequential with branches": (
        _branched_sequential,
        "its network is called sequential and has branches.",
    ),
}


@pytest.mark.parametrize(("make", "text"), ATTACKS.values(), ids=ATTACKS)
def test_attack(make: Callable[[], bytes], text: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(make())
    with pytest.raises(ModelFileError, match=re.escape(text)) as raised:
        load_model(path)
    assert str(raised.value).startswith(f"{path} is not a model that can be loaded: ")


@pytest.mark.parametrize("make", [make for make, _ in ATTACKS.values()], ids=ATTACKS)
def test_attack_takes_little_memory(make: Callable[[], bytes], tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(make())
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError):
            load_model(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100e6


# What a damaged or hostile description may hold in any place.
VALUES: list[Any] = [
    *(None, True, -1, 0, 1, 3, 2**31, 2**63, 10**30, 0.5, 1e300, "", "same", "Conv2D", "a/b"),
    *([], {}, [1, 2], [[1, 2], [3, 4]], [-1], {"name": "zeros"}, "softmax", [[[]]]),
]


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return (container, key) for everything inside a JSON value."""
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    below = [place for key in keys for place in _places(value[key])]
    return [*((value, key) for key in keys), *below]


def test_descriptions_changed_at_random_load_or_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    random = Random(0)
    originals = [Parts(model()), Parts(branched())]
    refused = 0
    for _ in range(600):
        parts = copy.deepcopy(random.choice(originals))
        for _ in range(random.choice([1, 1, 2, 3])):
            container, key = random.choice(_places(parts.document))
            if random.random() < 0.85:
                container[key] = copy.deepcopy(random.choice(VALUES))
            else:
                del container[key]
        path.write_bytes(parts.join())
        try:
            load_model(path)
        except ModelFileError:
            refused += 1
    assert 300 < refused < 600
