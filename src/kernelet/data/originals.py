"""Pictures as they were before they were brought to a network's size, to show beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kernelet.data.decoding import (
    decode,
    decoding_warnings,
    is_grey,
    open_picture,
    reason,
    upright_size,
)
from kernelet.data.listing import quoted
from kernelet.data.sizing import Target
from kernelet.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def read_original(path: Path, side: int) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Read a picture upright and whole, made smaller where it is large.

    Parameters
    ----------
    path : Path
        JPEG, PNG, PPM, BMP, TIFF or WebP, by content.
    side : int
        The longer side that it is brought to, where it is longer.

    Returns
    -------
    pixels : ndarray of uint8, shape (rows, columns, 1 or 3)
        Colour forms are converted as `kernelet.data.load_pictures` does.
    size : (int, int)
        Height and width of the picture itself.

    Raises
    ------
    DataError
        If the file cannot be read or is not such a picture.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> path = Path(tempfile.mkdtemp()) / "red.png"
    >>> Image.new("RGB", (400, 200), "red").save(path)
    >>> pixels, size = read_original(path, 100)
    >>> pixels.shape, size
    ((50, 100, 3), (200, 400))
    """
    try:
        with decoding_warnings(), path.open("rb") as file, open_picture(file) as image:
            height, width = upright_size(image)
            scale = min(1.0, side / max(height, width))
            target = Target(
                max(1, round(height * scale)),
                max(1, round(width * scale)),
                1 if is_grey(image) else 3,
                "stretch",
            )
            return decode(image, target), (height, width)
    except Exception as error:  # Pillow's decoders raise whatever they like
        raise DataError(f"{quoted(str(path))} cannot be read: {reason(error)}.") from error
