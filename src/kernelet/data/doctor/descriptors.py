"""What a picture looks like, as a few numbers that strangers rarely share.

Small pictures of one kind resemble each other: a correlation of their pixels is high for any two
trousers. The descriptor therefore weighs what is rare in this set of pictures more than what most
of them share: their principal components, each divided by its standard deviation (whitening).
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

#: Side of the grey copies that are compared, and of their inside: where a picture was cut or
#: moved a little, its border shows something else.
GRID = 16
INSIDE = GRID - 2

_BLOCK = 4096
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
# The spread of natural pictures stands for so many pictures beside those that are there, of which
# at most so many are measured.
_PRIOR_PICTURES = 200
_MEASURED_PICTURES = 8192


def grey_grids(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return grey copies of `GRID` × `GRID` pixels.

    Parameters
    ----------
    thumbnails : ndarray of uint8, shape (pictures, side, side, 1 or 3)
        ``side`` is a multiple of `GRID`.

    Returns
    -------
    ndarray of float32, shape (pictures, GRID, GRID), 0–255
    """
    count, side, _, channels = thumbnails.shape
    step = side // GRID
    grids = np.empty((count, GRID, GRID), np.float32)
    for begin in range(0, count, _BLOCK):
        block = thumbnails[begin : begin + _BLOCK].astype(np.float32)
        grey = block @ _LUMA if channels == 3 else block[..., 0]
        cells = grey.reshape(len(block), GRID, step, GRID, step)
        grids[begin : begin + _BLOCK] = cells.mean(axis=(2, 4))
    return grids


def insides(grids: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the pixels without the border, shape (pictures, INSIDE²)."""
    return grids[:, 1:-1, 1:-1].reshape(len(grids), -1)


def contrasts(grids: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the insides with mean 0 and norm 1, and the norms that they had."""
    rows = insides(grids)
    rows = rows - rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(norms, 1e-6), norms[:, 0]


class Whitening(msgspec.Struct, frozen=True, eq=False):
    """The directions in which the pictures of a set differ, weighed by how rare they are.

    Attributes
    ----------
    mean : ndarray of float32, shape (INSIDE²,)
    projection : ndarray of float32, shape (INSIDE², components)
    """

    mean: NDArray[np.float32]
    projection: NDArray[np.float32]

    def describe(self, grids: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return descriptors of norm 1, shape (pictures, components)."""
        numbers = np.empty((len(grids), self.projection.shape[1]), np.float32)
        for begin in range(0, len(grids), _BLOCK):
            rows, _ = contrasts(grids[begin : begin + _BLOCK])
            numbers[begin : begin + _BLOCK] = (rows - self.mean) @ self.projection
        numbers /= np.maximum(np.linalg.norm(numbers, axis=1, keepdims=True), 1e-6)
        return numbers


class Spread(msgspec.Struct, frozen=True, eq=False):
    """How the pictures of a set differ.

    Attributes
    ----------
    mean : ndarray of float64, shape (INSIDE²,)
    variances : ndarray of float64, shape (INSIDE²,)
        In falling order.
    directions : ndarray of float64, shape (INSIDE², INSIDE²)
        A column for each variance.
    """

    mean: NDArray[np.float64]
    variances: NDArray[np.float64]
    directions: NDArray[np.float64]

    def whitening(self, components: int, floor: float) -> Whitening:
        """Weigh the strongest directions.

        Parameters
        ----------
        components : int
            How many.
        floor : float
            Share of the total variance that is added to each direction's: what compression and
            scaling change alone.
        """
        deviations = np.sqrt(self.variances[:components] + floor * self.variances.sum())
        projection = self.directions[:, :components] / deviations
        return Whitening(self.mean.astype(np.float32), projection.astype(np.float32))


def measure_spread(grids: NDArray[np.float32]) -> Spread:
    """Measure in which directions pictures differ.

    Parameters
    ----------
    grids : ndarray of float32, shape (pictures, GRID, GRID)
        At least one picture.
    """
    rows, _ = contrasts(grids[:: max(1, len(grids) // _MEASURED_PICTURES)])
    share = len(rows) / (len(rows) + _PRIOR_PICTURES)
    mean = share * rows.mean(axis=0, dtype=np.float64)
    differences = rows - mean
    covariance = share * (differences.T @ differences) / len(rows)
    covariance += (1 - share) * _natural_covariance()
    variances, directions = np.linalg.eigh(covariance)
    return Spread(mean, np.maximum(variances[::-1], 0), directions[:, ::-1])


def _natural_covariance() -> NDArray[np.float64]:
    """Return the covariance of pictures whose amplitudes fall with frequency as 1/f, trace 1.

    D. J. Field, "Relations between the statistics of natural images and the response properties
    of cortical cells", 1987; the frequencies are those of the discrete cosine transform.
    """
    frequency = np.arange(INSIDE)
    waves = np.cos(np.pi * (frequency[None] + 0.5) * frequency[:, None] / INSIDE)
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    squares = frequency[:, None] ** 2 + frequency[None] ** 2
    powers = np.where(squares > 0, 1 / np.maximum(squares, 1), 0)
    basis = np.einsum("ux,vy->uvxy", waves, waves).reshape(INSIDE**2, INSIDE**2)
    covariance: NDArray[np.float64] = (basis.T * (powers / powers.sum()).ravel()) @ basis
    return covariance
