"""The convolution operator on arrays."""

from kernelet.convolution import filters
from kernelet.convolution.ledger import cost
from kernelet.convolution.matrix import convolution_matrix
from kernelet.convolution.operator import convolve, correlate
from kernelet.convolution.prediction import choose_method

__all__ = ["choose_method", "convolution_matrix", "convolve", "correlate", "cost", "filters"]
