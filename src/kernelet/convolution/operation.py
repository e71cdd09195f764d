"""Operations that functions on arrays compute."""

from __future__ import annotations

from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from kernelet.ops.pooling import AveragePool, MaxPool

AnyConvolution = Convolution | ConvolutionInputGradient
Operation = AnyConvolution | MaxPool | AveragePool


def input_shape(op: Operation) -> tuple[int, ...]:
    """Return the shape of the pictures that an operation takes, without the batch."""
    return op.maps.shape if isinstance(op, ConvolutionInputGradient) else op.picture.shape


def output_shape(op: Operation) -> tuple[int, ...]:
    """Return the shape of an operation's results, without the batch."""
    return op.picture.shape if isinstance(op, ConvolutionInputGradient) else op.maps.shape
