"""Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017; MIT licence): found, or downloaded once."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelet.data.cache import cache_folder
from kernelet.data.idx import find_idx_files, read_idx
from kernelet.data.listing import quoted
from kernelet.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Class names in the order of their numbers.
CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

#: Where Debian's package ``dataset-fashion-mnist`` puts the files.
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")

# The project's own repository.
_UPSTREAM = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
_TIMEOUT_SECONDS = 30
_BLOCK = 1024 * 1024

# SHA-256 and size of the published files.
_FILES = {
    "train-images-idx3-ubyte.gz": (
        "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
        26_421_856,
    ),
    "train-labels-idx1-ubyte.gz": (
        "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
        29_491,
    ),
    "t10k-images-idx3-ubyte.gz": (
        "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
        4_422_079,
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
        5_125,
    ),
}

# SHA-256 of the label bytes, without their header: what tells these files from other IDX files.
_LABEL_DIGESTS = {
    "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
    "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
}


def is_fashion_mnist(labels: NDArray[Any]) -> bool:
    """Whether these are the labels (uint8) of Fashion-MNIST's train or test pictures."""
    return hashlib.sha256(labels.tobytes()).hexdigest() in _LABEL_DIGESTS


def load_data() -> tuple[tuple[NDArray[Any], NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]:
    """Return Fashion-MNIST as Keras does: ``(x_train, y_train), (x_test, y_test)``.

    Returns
    -------
    x_train, x_test : ndarray of uint8, shapes (60000, 28, 28) and (10000, 28, 28)
    y_train, y_test : ndarray of uint8, shapes (60000,) and (10000,)
        Indices into `CLASS_NAMES`.

    Raises
    ------
    DataError
        If the files are not on this machine and cannot be downloaded.
    """
    pairs = find_idx_files(find_fashion_mnist())
    (x_train, y_train), (x_test, y_test) = (
        map(read_idx, pairs[name]) for name in ("train", "test")
    )
    return (x_train, y_train), (x_test, y_test)


def find_fashion_mnist() -> Path:
    """Return a folder with the four files of Fashion-MNIST, downloading them if need be.

    Looked for in ``KERNELET_DATA`` (that folder or ``fashion-mnist`` in it), where Debian puts
    them, and in the cache folder, into which they are downloaded otherwise.

    Raises
    ------
    DataError
        If they are in none of these places and cannot be downloaded.
    """
    cached = cache_folder() / "fashion-mnist"
    places = [DEBIAN_FOLDER, cached]
    named = os.environ.get("KERNELET_DATA")
    if named:
        places = [Path(named).expanduser(), Path(named).expanduser() / "fashion-mnist", *places]
    for place in places:
        if place.is_dir() and find_idx_files(place).keys() >= {"train", "test"}:
            return place
    try:
        _download(cached)
    except (OSError, ValueError) as error:
        raise DataError(
            f"Fashion-MNIST is not on this machine and could not be downloaded ({error}).\n"
            f"  Looked in: {', '.join(quoted(str(place)) for place in places)}.\n"
            "  On Debian and Ubuntu: apt-get install dataset-fashion-mnist. Elsewhere: put the\n"
            f"  files {', '.join(_FILES)}\n  into a folder and name that folder."
        ) from error
    return cached


def _download(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, (digest, size) in _FILES.items():
        if not (folder / name).is_file():
            _download_file(_UPSTREAM + name, folder / name, digest, size)


def _download_file(url: str, path: Path, digest: str, size: int) -> None:
    """Download a file of known size and SHA-256; it appears whole and checked, or not at all."""
    from urllib.request import urlopen

    handle, unfinished = tempfile.mkstemp(".unfinished", path.name, path.parent)
    received, computed = 0, hashlib.sha256()
    try:
        with (
            os.fdopen(handle, "wb") as file,
            urlopen(url, timeout=_TIMEOUT_SECONDS) as answer,  # noqa: S310 (a constant https URL)
        ):
            while received <= size and (block := answer.read(_BLOCK)):
                received += len(block)
                computed.update(block)
                file.write(block)
        if received != size or computed.hexdigest() != digest:
            raise ValueError(f"{url} is not the published file: its SHA-256 differs")
        Path(unfinished).replace(path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
