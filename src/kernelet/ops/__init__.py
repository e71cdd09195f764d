"""The primitive operations, one family a file; `ALL` is the one list of them."""

from __future__ import annotations

from kernelet.ops.activation import Activate, ActivateGradient
from kernelet.ops.arithmetic import Add, Rescale
from kernelet.ops.augmentation import RandomFlip, RandomShift
from kernelet.ops.bias import BiasAdd, ChannelSum
from kernelet.ops.convolution import (
    Convolution,
    ConvolutionFilterGradient,
    ConvolutionInputGradient,
)
from kernelet.ops.dense import MatrixProduct, OuterProductSum
from kernelet.ops.dropout import Dropout
from kernelet.ops.losses import (
    BinaryCrossEntropy,
    BinaryCrossEntropyGradient,
    CategoricalCrossEntropy,
    CategoricalCrossEntropyGradient,
    OneHot,
    SoftmaxCrossEntropy,
    SoftmaxCrossEntropyGradient,
    SquaredError,
    SquaredErrorGradient,
)
from kernelet.ops.metrics import AbsoluteError, BinaryAccuracy, TopKAccuracy
from kernelet.ops.normalization import (
    ChannelMean,
    ChannelVariance,
    MovingAverage,
    Normalize,
    NormalizedProductSum,
    NormalizeFixedGradient,
    NormalizeGradient,
)
from kernelet.ops.pooling import AveragePool, AveragePoolGradient, MaxPool, MaxPoolGradient
from kernelet.ops.reduction import BatchMean, RequireFinite, SampleShare
from kernelet.ops.shape import ChannelSlice, Concatenate, Reshape
from kernelet.ops.softmax import Softmax, SoftmaxGradient
from kernelet.ops.updates import AdamUpdate, ClipByNorm, ClipByValue, GlobalNorm, SGDUpdate
from kernelet.program import Op

ALL: tuple[type[Op], ...] = (
    Add,
    Rescale,
    BiasAdd,
    ChannelSum,
    Convolution,
    ConvolutionInputGradient,
    ConvolutionFilterGradient,
    MatrixProduct,
    OuterProductSum,
    Activate,
    ActivateGradient,
    Softmax,
    SoftmaxGradient,
    MaxPool,
    MaxPoolGradient,
    AveragePool,
    AveragePoolGradient,
    Reshape,
    Concatenate,
    ChannelSlice,
    Dropout,
    RandomFlip,
    RandomShift,
    ChannelMean,
    ChannelVariance,
    Normalize,
    NormalizedProductSum,
    NormalizeGradient,
    NormalizeFixedGradient,
    MovingAverage,
    OneHot,
    SoftmaxCrossEntropy,
    SoftmaxCrossEntropyGradient,
    CategoricalCrossEntropy,
    CategoricalCrossEntropyGradient,
    BinaryCrossEntropy,
    BinaryCrossEntropyGradient,
    SquaredError,
    SquaredErrorGradient,
    BatchMean,
    SampleShare,
    RequireFinite,
    TopKAccuracy,
    BinaryAccuracy,
    AbsoluteError,
    SGDUpdate,
    AdamUpdate,
    GlobalNorm,
    ClipByNorm,
    ClipByValue,
)
