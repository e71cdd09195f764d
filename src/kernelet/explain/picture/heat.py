"""Heat laid over a picture: red speaks for a class, blue against it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet.explain.pages import picture_uri

# Ends of the colours, as opaque as the heat is strong.
_FOR, _AGAINST = (214, 39, 40), (33, 102, 172)
_OPACITY = 0.8
# Longer side of the image, at most.
_SIDE = 64


def heat_uri(heat: NDArray[Any], limit: float | None = None) -> str:
    """Return heat as the address of an image that is clear where there is none.

    Parameters
    ----------
    heat : ndarray, shape (height, width)
    limit : float, optional
        Magnitude of the full colours. Default: the largest.

    Examples
    --------
    >>> heat_uri(np.array([[0.0, 1.0]]))[:22]
    'data:image/png;base64,'
    """
    most = float(np.abs(heat).max()) if limit is None else limit
    share = np.clip(heat / (most or 1), -1, 1)[..., np.newaxis]
    colour = np.where(share < 0, _AGAINST, _FOR)
    pixels = np.concatenate((colour, 255 * _OPACITY * np.abs(share)), axis=2)
    rounded = np.round(pixels).astype(np.uint8)
    step = -(-max(heat.shape) // _SIDE)  # heat is smooth: a part of its pixels says the same
    return picture_uri(rounded[step // 2 :: step, step // 2 :: step])
