"""The convolution operator on arrays."""

from kernelet.convolution import filters
from kernelet.convolution.matrix import convolution_matrix
from kernelet.convolution.operator import convolve, correlate

__all__ = ["convolution_matrix", "convolve", "correlate", "filters"]
