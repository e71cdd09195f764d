"""Tables as notebooks show them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

# Colours come from the notebook's theme, whatever it is; grey lines show on light and dark.
_STYLE = (
    ".kernelet-table{border-collapse:collapse;color:inherit;background:none;"
    "font-variant-numeric:tabular-nums}"
    ".kernelet-table caption{color:inherit;font-weight:600;padding:.3em 0;text-align:left}"
    ".kernelet-table th,.kernelet-table td{background:none;color:inherit;"
    "border-bottom:1px solid rgba(128,128,128,.35);padding:.25em .7em;text-align:right;"
    "vertical-align:top;white-space:pre}"
    ".kernelet-table .left{text-align:left}"
    ".kernelet-table tbody th{font-weight:400}"
    ".kernelet-table tfoot th,.kernelet-table tfoot td{font-weight:600}"
    ".kernelet-note{color:inherit;margin:.4em 0 .8em}"
)


def table_html(
    rows: Sequence[Sequence[str]],
    *,
    caption: str = "",
    left: Sequence[int] = (0,),
    headings: bool = True,
    totals: int = 0,
    notes: Sequence[str] = (),
) -> str:
    """Return a table as HTML that loads nothing.

    Parameters
    ----------
    rows : sequence of sequences of str
        All of one length. Every text is escaped; line breaks stay.
    caption : str
        What the table shows.
    left : sequence of int
        Columns written flush left; the others stand flush right.
    headings : bool
        Whether the first row holds the headings.
    totals : int
        How many of the last rows are sums.
    notes : sequence of str
        Lines below the table.

    Examples
    --------
    >>> html = table_html([("class", "recall"), ("<bag>", "98.0 %")], caption="how well")
    >>> "<th class=left scope=row>&lt;bag&gt;</th><td>98.0 %</td>" in html
    True
    """
    head = [_row(rows[0], left, "col")] if headings else []
    end = len(rows) - totals
    body = [_row(row, left, "row") for row in rows[len(head) : end]]
    foot = [_row(row, left, "row") for row in rows[end:]]
    parts = [f"<style>{_STYLE}</style><table class=kernelet-table>"]
    if caption:
        parts.append(f"<caption>{escape(caption)}</caption>")
    for tag, lines in (("thead", head), ("tbody", body), ("tfoot", foot)):
        if lines:
            parts.append(f"<{tag}>{''.join(lines)}</{tag}>")
    parts.append("</table>")
    parts += [f"<p class=kernelet-note>{escape(note)}</p>" for note in notes]
    # A wide table scrolls by itself, not the page around it.
    return f"<div style=overflow-x:auto>{''.join(parts)}</div>"


def _row(cells: Sequence[str], left: Sequence[int], scope: str) -> str:
    written = []
    for column, cell in enumerate(cells):
        heading = scope == "col" or column == 0
        tag = "th" if heading else "td"
        side = " class=left" if column in left else ""
        what = f" scope={scope}" if heading else ""
        written.append(f"<{tag}{side}{what}>{escape(cell)}</{tag}>")
    return f"<tr>{''.join(written)}</tr>"
