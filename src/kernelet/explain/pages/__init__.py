"""Pages: one HTML file each, which asks for nothing from elsewhere and runs no foreign text.

`rendering` fills templates, `images` turns arrays into pictures inside the page. Templates extend
``base.html`` and take their parts from ``parts.html``.
"""

from kernelet.explain.pages.images import map_uri, photo_uri, picture_uri
from kernelet.explain.pages.rendering import compile_templates, fragment, render

__all__ = ["compile_templates", "fragment", "map_uri", "photo_uri", "picture_uri", "render"]
