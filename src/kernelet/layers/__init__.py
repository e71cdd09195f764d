"""The layers of networks, one family a file; names, arguments and defaults are Keras'."""

from kernelet.layers.activation import Activation, LeakyReLU, ReLU, Softmax
from kernelet.layers.augmentation import RandomFlip, RandomTranslation
from kernelet.layers.base import Layer
from kernelet.layers.convolution import Conv2D
from kernelet.layers.dense import Dense
from kernelet.layers.dropout import Dropout
from kernelet.layers.input import Input, InputLayer
from kernelet.layers.merging import Add, Concatenate
from kernelet.layers.normalization import BatchNormalization
from kernelet.layers.pooling import (
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
)
from kernelet.layers.rescaling import Rescaling
from kernelet.layers.shape import Flatten, Reshape

__all__ = [
    "Activation",
    "Add",
    "AveragePooling2D",
    "BatchNormalization",
    "Concatenate",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "Input",
    "InputLayer",
    "Layer",
    "LeakyReLU",
    "MaxPooling2D",
    "RandomFlip",
    "RandomTranslation",
    "ReLU",
    "Rescaling",
    "Reshape",
    "Softmax",
]
