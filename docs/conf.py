"""How the site is built: ``make docs``."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

from sphinx.application import Sphinx

from kernelet import __version__

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))  # for drawings.py

project = "kernelet"
author = "The kernelet authors"
project_copyright = "The kernelet authors. MIT licence"
release = version = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
myst_heading_anchors = 3
default_role = "py:obj"

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"kernelet {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("predict.js", {"defer": "defer"})]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False

sphinx_gallery_conf = {
    "examples_dirs": str(DOCS.parent / "examples"),
    "gallery_dirs": "course",
    "filename_pattern": r"[/\\]\d\d_",
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": ("_repr_html_",),
    "image_scrapers": ("matplotlib", "drawings.scrape"),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,
    "show_signature": False,
    "thumbnail_size": (320, 224),
}


def escape_bars(
    app: object, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Keep absolute values in docstrings from being read as substitutions."""
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = line.split("``")
            parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
            lines[number] = "``".join(parts)


def setup(app: Sphinx) -> None:
    """Extend Sphinx."""
    app.connect("autodoc-process-docstring", escape_bars)


# As in the tests: what an example warns of is a mistake in it.
warnings.filterwarnings("error", module=r"kernelet(\.|$)|__main__")
