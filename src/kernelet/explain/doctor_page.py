"""What the data doctor found, as a page with the pictures."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from kernelet._version import __version__
from kernelet.data.doctor import Finding, Findings, Item
from kernelet.data.doctor.previews import MOST_IN_GROUP
from kernelet.explain.pages import photo_uri, render

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray


#: Groups shown of each finding.
MOST_GROUPS = 24

_HEADINGS = {
    "error": "Errors: they make results wrong",
    "warning": "Warnings: they make results worse or doubtful",
    "note": "Notes: kernelet deals with these by itself",
}


class _Tile(msgspec.Struct, frozen=True):
    """A picture, or a name without one."""

    item: Item
    uri: str | None


class _Shown(msgspec.Struct, frozen=True):
    """A finding as the page shows it."""

    finding: Finding
    groups: list[list[_Tile]]
    hidden: int


def doctor_page(findings: Findings, previews: Mapping[str, NDArray[np.uint8]]) -> str:
    """Return a page of findings.

    Parameters
    ----------
    findings : Findings
    previews : mapping of str to ndarray of uint8
        Small pictures by the names of items.

    Returns
    -------
    str
        One HTML file that asks for nothing from elsewhere.

    Examples
    --------
    >>> from kernelet.data.doctor import Findings
    >>> page = doctor_page(Findings("<pets>", 3), {})
    >>> "&lt;pets&gt;" in page, "<pets>" in page
    (True, False)
    """
    severities = [s for s in _HEADINGS if any(f.severity == s for f in findings.found)]
    return render(
        "doctor.html",
        title="What the data doctor found",
        sections={severity: _HEADINGS[severity] for severity in severities},
        findings=findings,
        counts=Counter(finding.severity for finding in findings.found),
        shown={
            severity: [_shown(f, previews) for f in findings.found if f.severity == severity]
            for severity in severities
        },
        version=__version__,
    )


def _shown(finding: Finding, previews: Mapping[str, NDArray[np.uint8]]) -> _Shown:
    groups = [
        [_tile(item, previews) for item in group[:MOST_IN_GROUP]]
        for group in finding.groups[:MOST_GROUPS]
    ]
    return _Shown(finding, groups, len(finding.groups) - len(groups))


def _tile(item: Item, previews: Mapping[str, NDArray[np.uint8]]) -> _Tile:
    small = previews.get(item.name)
    return _Tile(item, None if small is None else photo_uri(small, side=96))
