"""Arrays as pictures inside a page: PNG files in the addresses of images.

They have as many pixels as the array has cells; the page's style enlarges them without smoothing.
"""

from __future__ import annotations

import base64
import functools
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kernelet.errors import ShapeError

if TYPE_CHECKING:
    from PIL import Image

#: Longest side up to which `photo_uri` keeps every pixel as it is.
_EXACT = 64

# Colours at equal steps, in OKLab (lightness, green to red, blue to yellow), where equal
# differences look equal. Lightness rises by the same amount at every step, so that the order
# survives grey printing and every kind of colour vision; of two colours with a sign in between,
# it falls to both sides alike.
_SEQUENTIAL = ((0.20, 0.01, -0.09), (0.43, -0.03, -0.12), (0.66, -0.11, 0.02), (0.89, -0.06, 0.16))
_BLUES, _REDS = (
    ((0.42, -0.03, -0.16), (0.70, -0.04, -0.09)),
    ((0.70, 0.09, 0.09), (0.42, 0.13, 0.09)),
)
_DIVERGING = (*_BLUES, (0.97, 0.0, 0.0), *_REDS)


def picture_uri(array: NDArray[Any], limits: tuple[float, float] | None = None) -> str:
    """Return a picture as the address of an image.

    Parameters
    ----------
    array : ndarray, shape (height, width) or (height, width, 1, 3 or 4)
        Grey, RGB, or RGB with opacity; uint8 as it is, other numbers stretched.
    limits : (float, float), optional
        Numbers that become black and white where the array is not uint8; by default its
        smallest and largest finite number.

    Returns
    -------
    str
        ``data:image/png;base64,…``

    Raises
    ------
    ShapeError
        If the array is no picture.

    Examples
    --------
    >>> picture_uri(np.zeros((2, 2), np.uint8))[:22]
    'data:image/png;base64,'
    """
    from PIL import Image

    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))) or 0 in array.shape:
        raise ShapeError(
            "a picture has the shape (height, width) or (height, width, 1, 3 or 4);"
            f" got {array.shape}."
        )
    if array.dtype != np.uint8:
        array = _stretched(array, limits or _extremes(array))
    return _uri(Image.fromarray(np.ascontiguousarray(array)))


def photo_uri(image: NDArray[np.uint8], side: int = 160) -> str:
    """Return a picture as the address of an image that may be smaller.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, channels)
        Grey or RGB.
    side : int
        The longer side that the picture is brought to, where it is longer.

    Returns
    -------
    str
        As `picture_uri`, exact, up to 64 pixels; else a JPEG.

    Examples
    --------
    >>> photo_uri(np.zeros((65, 40, 3), np.uint8))[:23]
    'data:image/jpeg;base64,'
    """
    from PIL import Image

    if max(image.shape[:2]) <= _EXACT:
        return picture_uri(image)
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    picture.thumbnail((side, side))
    return _uri(picture, "JPEG", quality=85)


def map_uri(
    array: NDArray[Any], limits: tuple[float, float] | None = None, *, signed: bool = False
) -> str:
    """Return an array of numbers as the address of an image in colours.

    Parameters
    ----------
    array : ndarray, shape (height, width)
        Numbers that are not finite become the colour of the lower limit.
    limits : (float, float), optional
        Numbers at the two ends of the colours; by default the smallest and largest, or, where
        `signed`, the largest magnitude below and above 0.
    signed : bool
        Whether 0 is the pale middle between blue (below) and red (above), instead of colours
        from dark blue to yellow.

    Returns
    -------
    str
        ``data:image/png;base64,…``

    Raises
    ------
    ShapeError
        If the array has not two axes.
    """
    from PIL import Image

    if array.ndim != 2 or 0 in array.shape:
        raise ShapeError(f"a map has the shape (height, width); got {array.shape}.")
    if limits is None:
        low, high = _extremes(array)
        most = max(abs(low), abs(high))
        limits = (-most, most) if signed else (low, high)
    image = Image.fromarray(_stretched(array, limits))
    image.putpalette(colour_map(signed=signed).tobytes())
    return _uri(image)


@functools.cache
def colour_map(*, signed: bool) -> NDArray[np.uint8]:
    """Return the colours of `map_uri`, shape (256, 3), from the lower limit to the upper."""
    anchors = np.array(_DIVERGING if signed else _SEQUENTIAL)
    places = np.linspace(0, 255, len(anchors))
    lab = np.stack([np.interp(np.arange(256), places, column) for column in anchors.T], axis=1)
    colours = np.round(255 * _srgb(lab)).astype(np.uint8)
    colours.flags.writeable = False
    return colours


def _srgb(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return OKLab colours as sRGB, 0 to 1 (Björn Ottosson, "A perceptual color space", 2020)."""
    to_cones = [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728]]
    to_cones.append([1, -0.0894841775, -1.2914855480])
    to_linear = [[4.0767416621, -3.3077115913, 0.2309699292]]
    to_linear.append([-1.2684380046, 2.6097574011, -0.3413193965])
    to_linear.append([-0.0041960863, -0.7034186147, 1.7076147010])
    linear = (lab @ np.array(to_cones).T) ** 3 @ np.array(to_linear).T
    linear = np.clip(linear, 0, 1)
    curved: NDArray[np.float64] = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    )
    return curved


def _extremes(array: NDArray[Any]) -> tuple[float, float]:
    finite = array[np.isfinite(array)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _stretched(array: NDArray[Any], limits: tuple[float, float]) -> NDArray[np.uint8]:
    """Return numbers as 0 to 255; all of one number as the middle."""
    low, high = limits
    if not high > low:
        return np.full(array.shape, 128, np.uint8)
    known = np.where(np.isfinite(array), array, low).astype(np.float64)
    stretched: NDArray[np.uint8] = np.round(
        255 * np.clip((known - low) / (high - low), 0, 1)
    ).astype(np.uint8)
    return stretched


def _uri(image: Image.Image, form: str = "PNG", **options: Any) -> str:
    file = io.BytesIO()
    image.save(file, form, optimize=True, **options)
    return f"data:image/{form.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"
