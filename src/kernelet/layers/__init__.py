"""The layers of networks, one family a file; names, arguments and defaults are Keras'."""

from kernelet.layers.activation import Activation, LeakyReLU, ReLU, Softmax
from kernelet.layers.augmentation import RandomFlip, RandomTranslation
from kernelet.layers.base import Layer
from kernelet.layers.convolution import Conv1D, Conv2D, Conv3D
from kernelet.layers.dense import Dense
from kernelet.layers.dropout import Dropout
from kernelet.layers.global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
)
from kernelet.layers.input import Input, InputLayer
from kernelet.layers.merging import Add, Concatenate
from kernelet.layers.normalization import BatchNormalization
from kernelet.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from kernelet.layers.rescaling import Rescaling
from kernelet.layers.shape import Flatten, Reshape
from kernelet.layers.transposed import Conv1DTranspose, Conv2DTranspose, Conv3DTranspose

__all__ = [
    "Activation",
    "Add",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "BatchNormalization",
    "Concatenate",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "Input",
    "InputLayer",
    "Layer",
    "LeakyReLU",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "RandomFlip",
    "RandomTranslation",
    "ReLU",
    "Rescaling",
    "Reshape",
    "Softmax",
]
