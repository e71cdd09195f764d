"""Train, explain and ship convolutional networks on ordinary processors."""

from kernelet._version import __version__

__all__ = ["__version__"]
