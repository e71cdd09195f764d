"""Pages about pictures: what a network makes of them, with what its filters learned from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kernelet._version import __version__
from kernelet.data import load_dataset
from kernelet.data.listing import quoted
from kernelet.data.originals import read_original
from kernelet.errors import KerneletError
from kernelet.explain.picture.learned import Learned, learned_from
from kernelet.explain.picture.page import Subject, picture_page
from kernelet.runs.configuration import load_configuration
from kernelet.runs.folder import CONFIGURATION

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from kernelet.runs.classifier import Classifier

#: Longer side of the picture itself on its page, in pixels.
_SIDE = 480


def learned_by(
    classifier: Classifier,
    model: Path,
    data: str | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Learned:
    """Find what the filters of a network answer to in the pictures that it learned from.

    Parameters
    ----------
    classifier : Classifier
    model : Path
        Where it came from. The configuration of a run folder names its data set; what a model
        file says of one is not followed, as the file may be anybody's.
    data : str, optional
        A data set as `kernelet train` takes it, in place of that of the run.
    threads : int, optional
    progress : callable, optional
        Called as ``progress(done, total)`` while pictures are read.

    Returns
    -------
    Learned
        Without patches, and with the reason, where no data set is known or it is gone.

    Raises
    ------
    KerneletError
        If the data set that was named cannot be used.
    """
    try:
        source = data or _recorded(model)
        if source is None:
            return Learned(
                "A model file alone does not tell where the pictures are that it learned from;"
                " name them with --data to see what each filter answers to."
            )
        dataset = load_dataset(
            source,
            image_size=classifier.image_shape[:2],
            channels=classifier.image_shape[2],
            resize=classifier.resize,
            validation_split=0,
            threads=threads,
            progress=progress,
        )
    except KerneletError as error:
        if data is not None:
            raise
        why = str(error).splitlines()[0]
        return Learned(
            f"The pictures that the network learned from cannot be read any more: {why} Name"
            " others with --data to see what each filter answers to."
        )
    name, split = next(iter(dataset.splits.items()))
    return learned_from(classifier.model, split.images, f"{quoted(source)} ({name})")


def _recorded(model: Path) -> str | None:
    """Return the data set that a run folder names; None for a model file."""
    configuration = model / CONFIGURATION
    return load_configuration(configuration).data if configuration.is_file() else None


def explanation(
    classifier: Classifier,
    model: Path,
    picture: Path,
    pixels: NDArray[np.uint8],
    learned: Learned,
) -> str:
    """Return the page about one picture.

    Parameters
    ----------
    classifier : Classifier
    model : Path
        Where it came from.
    picture : Path
        The picture's file.
    pixels : ndarray of uint8, shape (height, width, channels)
        As the network takes it.
    learned : Learned
        Of this network.
    """
    original, (height, width) = read_original(picture, _SIDE)
    ways = {"crop": "the middle cut out", "stretch": "stretched"}
    same = (height, width) == classifier.image_shape[:2]
    way = "in its own size" if same else f"{ways[classifier.resize]}, from {height:,}×{width:,}"
    form = "Grey" if classifier.image_shape[2] == 1 else "RGB"
    facts = {
        "Picture": str(picture),
        "Model": str(model),
        "Network": classifier.model.name,
        "Weights": classifier.model.weights.sha256(),
        "Made by": f"kernelet {__version__}",
    }
    subject = Subject(picture.name, pixels, original, f"{form}, {way}.")
    return picture_page(classifier.model, subject, classifier.class_names, learned, facts)
