"""Train, explain and ship convolutional networks on ordinary processors.

Names are imported when they are first used, so that ``import kernelet`` takes no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kernelet._version import __version__

if TYPE_CHECKING:
    from kernelet import (
        activations,
        callbacks,
        datasets,
        explain,
        initializers,
        layers,
        losses,
        metrics,
        models,
        networks,
        optimizers,
        utils,
    )
    from kernelet.convolution import (
        choose_method,
        convolution_matrix,
        convolve,
        correlate,
        cost,
        filters,
    )
    from kernelet.convolution.functional import conv1d, conv2d, conv3d
    from kernelet.convolution.pooling import (
        average_pool1d,
        average_pool2d,
        average_pool3d,
        max_pool1d,
        max_pool2d,
        max_pool3d,
    )
    from kernelet.convolution.transposed import (
        conv1d_transpose,
        conv2d_transpose,
        conv3d_transpose,
    )
    from kernelet.errors import KerneletError
    from kernelet.geometry import output_length
    from kernelet.interchange.safetensors import load_model
    from kernelet.layers import (
        Activation,
        Add,
        AveragePooling1D,
        AveragePooling2D,
        AveragePooling3D,
        BatchNormalization,
        Concatenate,
        Conv1D,
        Conv1DTranspose,
        Conv2D,
        Conv2DTranspose,
        Conv3D,
        Conv3DTranspose,
        Dense,
        Dropout,
        Flatten,
        GlobalAveragePooling1D,
        GlobalAveragePooling2D,
        GlobalAveragePooling3D,
        GlobalMaxPooling1D,
        GlobalMaxPooling2D,
        GlobalMaxPooling3D,
        Input,
        LeakyReLU,
        MaxPooling1D,
        MaxPooling2D,
        MaxPooling3D,
        RandomFlip,
        RandomTranslation,
        ReLU,
        Rescaling,
        Reshape,
        Softmax,
    )
    from kernelet.model import Model, Sequential

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
    "KerneletError",
    "LeakyReLU",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Model",
    "RandomFlip",
    "RandomTranslation",
    "ReLU",
    "Rescaling",
    "Reshape",
    "Sequential",
    "Softmax",
    "__version__",
    "activations",
    "average_pool1d",
    "average_pool2d",
    "average_pool3d",
    "callbacks",
    "choose_method",
    "conv1d",
    "conv1d_transpose",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "convolution_matrix",
    "convolve",
    "correlate",
    "cost",
    "datasets",
    "explain",
    "filters",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "metrics",
    "models",
    "networks",
    "optimizers",
    "output_length",
    "utils",
]

# A capital letter is a layer, unless it stands here; a small one is a module.
_HOMES = {
    "KerneletError": "kernelet.errors",
    "Model": "kernelet.model",
    "Sequential": "kernelet.model",
    "average_pool1d": "kernelet.convolution.pooling",
    "average_pool2d": "kernelet.convolution.pooling",
    "average_pool3d": "kernelet.convolution.pooling",
    "choose_method": "kernelet.convolution",
    "conv1d": "kernelet.convolution.functional",
    "conv1d_transpose": "kernelet.convolution.transposed",
    "conv2d": "kernelet.convolution.functional",
    "conv2d_transpose": "kernelet.convolution.transposed",
    "conv3d": "kernelet.convolution.functional",
    "conv3d_transpose": "kernelet.convolution.transposed",
    "convolution_matrix": "kernelet.convolution",
    "convolve": "kernelet.convolution",
    "correlate": "kernelet.convolution",
    "cost": "kernelet.convolution",
    "filters": "kernelet.convolution",
    "load_model": "kernelet.interchange.safetensors",
    "max_pool1d": "kernelet.convolution.pooling",
    "max_pool2d": "kernelet.convolution.pooling",
    "max_pool3d": "kernelet.convolution.pooling",
    "output_length": "kernelet.geometry",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'kernelet' has no attribute {name!r}")
    if name not in _HOMES and name[0].islower():
        return import_module(f"kernelet.{name}")
    value = getattr(import_module(_HOMES.get(name, "kernelet.layers")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
