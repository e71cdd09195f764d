"""Findings of the data doctor as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernelet.cli.text import inert
from kernelet.data.listing import quoted

if TYPE_CHECKING:
    from kernelet.data.doctor import Finding, Findings, Item

# Groups shown of a finding, and items of a group; JSON has all.
_MOST_GROUPS = 3
_MOST_ITEMS = 4


def findings_text(findings: Findings) -> str:
    """Return findings as lines, what matters most first."""
    lines = [f"{inert(findings.source)}: {findings.pictures:,} pictures looked at"]
    for finding in findings.found:
        lines += ["", f"{finding.severity.capitalize()}: {inert(finding.title)}."]
        lines += [f"  {_group(group)}" for group in finding.groups[:_MOST_GROUPS]]
        left = len(finding.groups) - _MOST_GROUPS
        if left > 0:
            lines.append(f"  and {left:,} more")
        if finding.advice:
            lines.append(f"  → {inert(finding.advice)}")
    lines += ["", _verdict(findings)]
    return "\n".join(lines)


def _verdict(findings: Findings) -> str:
    if findings.clean:
        return "Nothing that spoils a training was found."
    errors, warnings = (
        sum(finding.severity == severity for finding in findings.found)
        for severity in ("error", "warning")
    )
    parts = [
        f"{count} {noun}{'' if count == 1 else 's'}"
        for count, noun in ((errors, "error"), (warnings, "warning"))
        if count
    ]
    return f"Found: {', '.join(parts)}."


def _group(group: tuple[Item, ...]) -> str:
    shown = [_item(item) for item in group[:_MOST_ITEMS]]
    left = len(group) - len(shown)
    more = f" and {left:,} more" if left else ""
    return " = ".join(shown) + more


def _item(item: Item) -> str:
    detail = f" ({inert(item.detail)})" if item.detail else ""
    return f"{quoted(item.name)}{detail}"


def findings_json(findings: Findings, *, page: str | None, left_out: int | None) -> dict[str, Any]:
    """Return findings as an object for JSON."""
    return {
        "source": findings.source,
        "pictures": findings.pictures,
        "clean": findings.clean,
        "findings": [_finding(finding) for finding in findings.found],
        "page": page,
        "left_out": left_out,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "title": finding.title,
        "advice": finding.advice,
        "count": finding.count,
        "groups": [
            [
                {
                    "name": item.name,
                    "split": item.split,
                    "class": item.class_name,
                    "detail": item.detail,
                }
                for item in group
            ]
            for group in finding.groups
        ],
    }
