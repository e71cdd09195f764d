"""All parts of the report on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernelet.data.listing import visible
from kernelet.explain.pages import compile_templates, render
from kernelet.interchange.atomic import write_atomically
from kernelet.runs.report.classes import class_part
from kernelet.runs.report.facts import data_part, repeat_part
from kernelet.runs.report.learning import answer_part, learning_part
from kernelet.runs.report.network import filters_part, maps_part, network_part, shift_part
from kernelet.runs.report.pictures import certainty_part, mistakes_part

if TYPE_CHECKING:
    from pathlib import Path

    from kernelet.runs.report.subject import Subject

#: No report is larger: parts that grow with classes, pictures or epochs show the first of them.
MAXIMUM_BYTES = 5_000_000

_HEADINGS = {
    "answer": "Result",
    "learning": "Learning",
    "classes": "Classes",
    "mistakes": "Mistakes",
    "certainty": "Certainty",
    "shift": "Moved pictures",
    "filters": "First filters",
    "maps": "Feature maps",
    "network": "Network and cost",
    "data": "Data",
    "repeat": "Repeat it",
}


def report_page(subject: Subject) -> str:
    """Return the report of a run as a page that needs nothing else.

    Parameters
    ----------
    subject : Subject
        The finished run.
    """
    parts: dict[str, Any] = {
        "answer": answer_part(subject),
        "learning": learning_part(subject),
        "classes": class_part(subject),
        "mistakes": mistakes_part(subject),
        "certainty": certainty_part(subject),
        "shift": shift_part(subject),
        "filters": filters_part(subject),
        "maps": maps_part(subject),
        "network": network_part(subject),
        "data": data_part(subject),
        "repeat": repeat_part(subject),
    }
    there = {name: part for name, part in parts.items() if part is not None}
    sections = {name: _HEADINGS[name] for name in there}
    return render("report.html", title=f"Run {visible(subject.name)}", sections=sections, **parts)


def prepare_report() -> None:
    """Import what the page is made with, and compile it: a tenth of a second less for it later."""
    from PIL import Image

    Image.preinit()
    compile_templates("base.html", "parts.html", "style.css", "report*", "shift.html")


def write_report(path: Path, subject: Subject) -> None:
    """Write the report of a run; the file appears whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    subject : Subject
        The finished run.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    page = report_page(subject).encode("utf-8")
    assert len(page) <= MAXIMUM_BYTES, f"the report has {len(page):,} bytes"
    write_atomically(path, page)
