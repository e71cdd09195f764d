"""Networks that are known to work, each a function that returns a fresh model.

All take pictures as they come, uint8 from 0 to 255: the first layers rescale them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from kernelet.errors import ConfigurationError
from kernelet.model import Sequential
from kernelet.networks.lenet import lenet5
from kernelet.networks.vgg import large_vgg, small_vgg

__all__ = ["NETWORKS", "default_network", "large_vgg", "lenet5", "small_vgg"]

Network = Callable[..., Sequential]

NETWORKS: Mapping[str, Network] = MappingProxyType(
    {"lenet5": lenet5, "small_vgg": small_vgg, "large_vgg": large_vgg}
)


def default_network(image_shape: tuple[int, int, int], classes: int) -> str:
    """Return the name of the network that suits a picture size.

    Parameters
    ----------
    image_shape : (int, int, int)
        Height, width and channels.
    classes : int
        Number of classes, at least 2.

    Returns
    -------
    str
        A name in `NETWORKS`: "lenet5" for grey pictures up to 32×32, "small_vgg" for others with
        a short side below 64, "large_vgg" above.

    Raises
    ------
    ConfigurationError
        If the pictures are below 8×8 or there are fewer than 2 classes.

    Examples
    --------
    >>> default_network((28, 28, 1), 10), default_network((32, 32, 3), 10)
    ('lenet5', 'small_vgg')
    """
    height, width, channels = image_shape
    if classes < 2:
        raise ConfigurationError(f"a classifier needs at least 2 classes; got {classes}.")
    if min(height, width) < 8:
        raise ConfigurationError(
            f"no network suits pictures of {height}×{width}; expected at least 8×8.\n"
            "  Bring them to a larger size, such as 32×32."
        )
    if channels == 1 and min(height, width) >= 16 and max(height, width) <= 32:
        return "lenet5"
    return "small_vgg" if min(height, width) < 64 else "large_vgg"
