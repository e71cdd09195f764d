"""Small pictures of what was found, to look at."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from kernelet.data.decoding import decode, decoding_warnings, is_grey, open_picture, upright_size
from kernelet.data.doctor.findings import Finding, Findings, Item
from kernelet.data.sizing import Target

if TYPE_CHECKING:
    from numpy.typing import NDArray


#: Longest side of a preview, in pixels, and most pictures shown of one group.
SIDE = 96
MOST_IN_GROUP = 8


class Previews(msgspec.Struct, frozen=True):
    """How to look at pictures again.

    Attributes
    ----------
    content : callable
        ``content(item)`` returns pixels (uint8, height × width × channels), an open file, or None.
    """

    content: Callable[[Item], Any]

    def of(self, findings: Findings, groups: int) -> dict[str, NDArray[np.uint8]]:
        """Return small pictures by name, of the first `groups` groups of each finding."""
        found: dict[str, NDArray[np.uint8]] = {}
        with decoding_warnings():
            for finding in findings.found:
                for item in shown_items(finding, groups):
                    if item.name not in found:
                        small = self._small(item)
                        if small is not None:
                            found[item.name] = small
        return found

    def _small(self, item: Item) -> NDArray[np.uint8] | None:
        try:
            content = self.content(item)
            if isinstance(content, BytesIO):
                image = open_picture(content)
                scale = min(1.0, SIDE / max(image.size))
                height, width = (max(1, round(scale * side)) for side in upright_size(image))
                return decode(image, Target(height, width, 1 if is_grey(image) else 3, "stretch"))
        except Exception:  # what cannot be read is shown by its name alone
            return None
        return None if content is None else np.asarray(content, np.uint8)


def shown_items(finding: Finding, groups: int) -> list[Item]:
    """Return the items of a finding that a page shows."""
    return [item for group in finding.groups[:groups] for item in group[:MOST_IN_GROUP]]
