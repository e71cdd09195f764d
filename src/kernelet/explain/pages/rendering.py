"""Templates become pages."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from kernelet.data.listing import visible
from kernelet.explain.numbers import number_text
from kernelet.explain.svg import COLOURS
from kernelet.text import byte_size, inert, short_time

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, scripts: Sequence[str] = (), **values: Any) -> str:
    """Fill a template of `kernelet.explain.pages.templates`.

    Parameters
    ----------
    template : str
        Name of its file. It extends ``base.html``.
    scripts : sequence of str
        Names of files among the templates that the page may run, in this order, at its end.
        Nothing else runs: the page's policy names their hashes.
    **values
        What the template shows. Texts are escaped; objects with ``__html__``, such as a
        `Drawing`, enter as they are. ``base.html`` needs a ``title`` and ``sections``, a mapping
        of the sections' ids to their headings in the order in which the page has them.

    Returns
    -------
    str
        The page, the same for the same values.

    Raises
    ------
    jinja2.UndefinedError
        If the template shows a value that was not given.

    Examples
    --------
    >>> page = render("base.html", title="<b>", sections={})
    >>> "<title>&lt;b&gt;</title>" in page, "default-src &#39;none&#39;" in page
    (True, True)
    """
    environment = _environment()
    sources = [environment.loader.get_source(environment, name)[0] for name in scripts]  # type: ignore[union-attr]
    return environment.get_template(template).render(
        **values, scripts=sources, policy=_policy(sources), colours=COLOURS
    )


def fragment(template: str, **values: Any) -> str:
    """Fill a template that is a part of a page, as `render` does; for notebooks.

    Parameters
    ----------
    template : str
        Name of its file.
    **values
        What it shows.

    Returns
    -------
    str
        HTML without head and style.
    """
    return _environment().get_template(template).render(**values)


def compile_templates(*patterns: str) -> None:
    """Compile templates, which `render` otherwise does when it first needs them.

    Parameters
    ----------
    *patterns : str
        Names of their files, with the wildcards of a shell.

    Examples
    --------
    >>> compile_templates("base.html", "report_*")
    """
    environment = _environment()
    for name in environment.list_templates():
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            environment.get_template(name)


def _policy(scripts: Sequence[str]) -> str:
    """Return what the page may load: pictures and style inside it, and the scripts of its own."""
    hashes = (base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts)
    allowed = " ".join(f"'sha256-{value}'" for value in hashes) or "'none'"
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
        f"form-action 'none'; script-src {allowed}"
    )


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("kernelet.explain.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        visible=visible,  # for every name that comes from outside
        inert=inert,  # for texts that hold such names
        bytes=byte_size,
        time=short_time,
        number=number_text,
        percent=percent,
        commas=lambda count: f"{count:,}",
        shape=lambda sizes: "×".join(map(str, sizes)),
    )
    return environment


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share as a percentage, a dash where there is none.

    Examples
    --------
    >>> percent(0.91234), percent(None), percent(0.5, 0)
    ('91.2 %', '–', '50 %')
    """
    return "–" if value is None else f"{100 * value:.{digits}f} %"
