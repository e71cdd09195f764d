"""The convolution operator on arrays."""

from kernelet.convolution import filters
from kernelet.convolution.operator import convolve, correlate

__all__ = ["convolve", "correlate", "filters"]
