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
from kernelet.layers.merging import Add, Concatenate, add, concatenate
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

# Keras' short names.
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D

__all__ = [
    "Activation",
    "Add",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
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
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "Input",
    "InputLayer",
    "Layer",
    "LeakyReLU",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "RandomFlip",
    "RandomTranslation",
    "ReLU",
    "Rescaling",
    "Reshape",
    "Softmax",
    "add",
    "concatenate",
]
