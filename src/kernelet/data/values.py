"""Numbers of any type to pixel values 0–255, by one stated rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kernelet.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIXTEEN_BIT_MAXIMUM = 65535


def to_uint8(
    values: NDArray[Any], *, highest: float | None = None, sixteen_bit: bool = False
) -> NDArray[np.uint8]:
    """Convert an array of any real type to uint8.

    uint8 is returned as it is, bool becomes 0 and 255. Otherwise the largest value decides:

    ==================  =====================  ==============================================
    type                values                 result
    ==================  =====================  ==============================================
    uint16              any                    value / 257, rounded (65535 becomes 255)
    other integers      0…255                  as they are
    other integers      0…65535                value / 257, rounded
    float               0…1                    value × 255, rounded
    float               0…255                  rounded
    float               0…65535                value / 257, rounded
    ==================  =====================  ==============================================

    Parameters
    ----------
    values : ndarray
        Any shape.
    highest : float, optional
        The largest value of all, where these are a part of them. Default: the largest of these.
    sixteen_bit : bool
        The values are known to be 16-bit, whatever the largest is.

    Raises
    ------
    DataError
        If values are negative, beyond 65535, not finite, or not real numbers.

    Examples
    --------
    >>> to_uint8(np.array([0.0, 0.5, 1.0]))
    array([  0, 128, 255], dtype=uint8)
    >>> to_uint8(np.array([0, 257, 65535], np.uint16))
    array([  0,   1, 255], dtype=uint8)
    """
    if values.dtype == np.uint8:
        return values.view(np.uint8)
    if values.dtype.kind not in "buif":
        raise DataError(f"pixel values are of type {values.dtype}; expected numbers 0…255.")
    if values.size == 0 or values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    lowest = float(values.min())  # NaN spreads
    highest = float(values.max()) if highest is None else highest
    if not (lowest >= 0 and highest <= _SIXTEEN_BIT_MAXIMUM):
        raise DataError(
            f"pixel values run from {lowest:g} to {highest:g}; expected 0…1, 0…255 or 0…65535."
        )
    if sixteen_bit or values.dtype == np.uint16 or highest > 255:
        scaled = values / np.float32(257)
    elif values.dtype.kind == "f" and highest <= 1:
        scaled = values * np.float32(255)
    else:
        scaled = values
    return np.floor(scaled + np.float32(0.5)).astype(np.uint8)
