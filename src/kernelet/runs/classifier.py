"""A model file with all that is needed to name what is on a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kernelet.data.listing import quoted
from kernelet.errors import ModelFileError
from kernelet.explain.probabilities import class_probabilities
from kernelet.interchange.safetensors import load_model
from kernelet.ops.activation import Activate
from kernelet.ops.softmax import Softmax
from kernelet.program import ProgramBuilder
from kernelet.runs.folder import find_model_file
from kernelet.runs.names import data_name

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from kernelet.model import Model


class Preprocessing(msgspec.Struct, frozen=True, kw_only=True):
    """How pictures were prepared for a network; kept in its model file.

    Attributes
    ----------
    image_size : (int, int)
        Height and width that pictures are brought to.
    channels : int
        1 (grey) or 3 (RGB).
    resize : str
        "crop" or "stretch".
    mean, deviation : list of float
        Of the training pictures, 0–255, one a channel; the network's own first layer applies
        them.
    """

    image_size: tuple[int, int]
    channels: int
    resize: str = "crop"
    mean: list[float] = []
    deviation: list[float] = []


class Classifier(msgspec.Struct, frozen=True):
    """A network whose outputs are probabilities of classes.

    Attributes
    ----------
    model : Model
        The network.
    class_names : tuple of str
        One an output.
    image_shape : (int, int, int)
        Height, width and channels of the pictures that it takes.
    resize : str
        How pictures are brought there.
    """

    model: Model
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    resize: str

    def was_trained_on(self, data: str) -> bool:
        """Whether its training is recorded to have used this data set."""
        configuration = self.model.training_record.get("configuration", {})
        return isinstance(configuration, dict) and configuration.get("data") == data_name(data)

    def probabilities(
        self, images: NDArray[np.uint8], *, threads: int | None = None
    ) -> NDArray[np.float32]:
        """Return the probability of each class for each picture.

        Parameters
        ----------
        images : ndarray of uint8, shape (pictures, height, width, channels)
            At least one.
        threads : int, optional
            By default as many as the process may use.

        Returns
        -------
        ndarray of float32, shape (pictures, classes)
        """
        return class_probabilities(self.model, images, threads=threads)


def load_classifier(path: Path) -> Classifier:
    """Read a model file, or that of a run folder.

    Raises
    ------
    ModelFileError
        If there is none, it is damaged, or it holds no classifier of pictures.
    """
    file = find_model_file(path)
    model = load_model(file)
    try:
        return _classifier(model)
    except ModelFileError as error:
        raise ModelFileError(f"{quoted(str(file))} cannot name pictures: {error}") from None


def _classifier(model: Model) -> Classifier:
    shapes = [tensor.sample_shape for tensor in model.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][2] not in (1, 3):
        raise ModelFileError(f"its input is {shapes}, not one picture with 1 or 3 channels.")
    outputs = [tensor.sample_shape for tensor in model.outputs]
    if len(outputs) != 1 or len(outputs[0]) != 1 or not _ends_in_probabilities(model):
        raise ModelFileError(
            "its output is not one row of probabilities; end it with a softmax activation."
        )
    height, width, channels = shapes[0]
    return Classifier(
        model,
        model.class_names or tuple(map(str, range(max(2, outputs[0][0])))),
        (height, width, channels),
        _resize(model.preprocessing),
    )


def _ends_in_probabilities(model: Model) -> bool:
    build = ProgramBuilder()
    shapes = {tensor.layer.name: tensor.sample_shape for tensor in model.inputs}
    values = {name: build.input(str(name), shapes[name]) for name in model.graph.input_names}
    (output,) = model.graph.lower(build, values, training=False)
    made_by: Any = next((node.op for node in build.nodes if output in node.outputs), None)
    if output.shape == (1,):
        return isinstance(made_by, Activate) and made_by.kind == "sigmoid"
    return isinstance(made_by, Softmax)


def _resize(preprocessing: dict[str, Any]) -> str:
    """Return the recorded way to resize; pictures of a model made by hand are cropped."""
    resize = preprocessing.get("resize", "crop")
    if resize not in ("crop", "stretch"):
        raise ModelFileError(f"it records an unknown way to resize: {resize!r}.")
    return str(resize)
