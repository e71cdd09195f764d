"""What each kernel really multiplies, with the lanes that it leaves idle and without the border.

Operations count by their definition: every tap of every output cell, padding included. Kernels
leave out taps outside the picture, fill up vectors, or get by with fewer products.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import msgspec

from kernelet.geometry import connections
from kernelet.plan import single_tiles
from kernelet.plan.candidate import Arguments, round_up
from kernelet.plan.candidates_winograd import POINTS, POSITIONS

Products = Callable[[Mapping[str, int], int], int]

# Operations of the transforms in engine/kernels/winograd_transforms.h: of the cells of one
# channel of a tile, and of its sums, or its gradient, for one map, by taps.
_CELLS = 144
_SUMS = {3: 120, 5: 64}
_UPSTREAM = {3: 80, 5: 32}

_AXES = ("depth", "height", "width")
_LENGTHS = ("", "output_", "kernel_", "stride_", "dilation_", "pad_")


class Account(msgspec.Struct, frozen=True):
    """How a kernel's work is counted.

    Attributes
    ----------
    products : callable or None
        Multiply-adds that it does on one block of samples, from its arguments and the lanes of a
        vector; None where it multiplies as often as its operations say, or not at all.
    additions : callable or None
        Other operations on a block that its operations do not have, such as those of transforms.
    numbers : str
        Kind of number whose multiply-adds limit it; a key of `Rates.multiply_adds`.
    """

    products: Products | None = None
    additions: Products | None = None
    numbers: str = "float32"


def connected(arguments: Mapping[str, int]) -> int:
    """Return how many pairs of an input cell and an output cell a window connects.

    Examples
    --------
    >>> axis = {"": 4, "output_": 4, "kernel_": 3, "stride_": 1, "pad_": 1, "dilation_": 1}
    >>> row = {f"{name}width": length for name, length in axis.items()}
    >>> single = {"": 1, "output_": 1, "kernel_": 1, "stride_": 1, "pad_": 0, "dilation_": 1}
    >>> others = {f"{n}{a}": v for n, v in single.items() for a in ("depth", "height")}
    >>> connected(row | others)  # 3·4, but for the neighbours that the ends of the row lack
    10
    """
    pairs = 1
    for axis in _AXES:
        pairs *= _along(arguments, axis)
    return pairs


def _along(arguments: Mapping[str, int], axis: str) -> int:
    return connections(*(arguments[f"{name}{axis}"] for name in _LENGTHS))


def _window(arguments: Mapping[str, int], lanes: int) -> int:
    channels = arguments["channels"] // arguments["groups"]
    return lanes * connected(arguments) * channels * arguments["filters"]


def _single_window(arguments: Mapping[str, int], lanes: int) -> int:
    groups = arguments["groups"]
    apart = groups // arguments.get("merged", 1)
    filters = apart * round_up(arguments["filters"] // apart, lanes)
    return connected(arguments) * arguments["channels"] // groups * filters


def _single_gradient(arguments: Mapping[str, int], lanes: int) -> int:
    turned = {"channels": arguments["filters"], "filters": arguments["channels"]}
    return _single_window({**arguments, **turned}, lanes)


def _whole_filters(arguments: Mapping[str, int], lanes: int) -> int:
    return lanes * _single_window(arguments, lanes)


def _depthwise(arguments: Mapping[str, int], lanes: int) -> int:
    return connected(arguments) * round_up(arguments["channels"], lanes)


def _single_cells(arguments: Mapping[str, int], lanes: int) -> int:
    rows = _along(arguments, "depth") * _along(arguments, "height")
    columns = arguments["kernel_width"] * round_up(arguments["output_width"], lanes)
    channels = arguments["channels"] // arguments["groups"]
    return rows * columns * channels * arguments["filters"]


def _single_cells_gradient(arguments: Mapping[str, int], lanes: int) -> int:
    # Cells that are a stride apart have the same taps, and share vectors.
    cells = round_up(-(-arguments["width"] // arguments["stride_width"]), lanes)
    rows = _along(arguments, "depth") * _along(arguments, "height")
    channels = arguments["channels"] // arguments["groups"]
    return rows * cells * arguments["kernel_width"] * channels * arguments["filters"]


def _matrix(arguments: Mapping[str, int], lanes: int) -> int:
    return lanes * arguments["inputs"] * arguments["outputs"]


def _whole_tiles(arguments: Mapping[str, int], lanes: int) -> int:
    inputs, outputs = (round_up(arguments[name], lanes) for name in ("inputs", "outputs"))
    return lanes * inputs * outputs


def _single_matrix(arguments: Mapping[str, int], lanes: int) -> int:
    inputs = arguments["cells"] * arguments["channels"]
    return inputs * round_up(arguments["outputs"], lanes)


def _tiles(arguments: Mapping[str, int]) -> int:
    """Return the tiles that Winograd's algorithm takes."""
    outputs = POINTS + 1 - arguments["taps"]
    rows, columns = (-(-arguments[f"output_{axis}"] // outputs) for axis in ("height", "width"))
    return rows * columns


def _winograd(arguments: Mapping[str, int], lanes: int) -> int:
    positions = lanes * POSITIONS * _tiles(arguments)
    return positions * arguments["channels"] * arguments["filters"]


def _single_winograd(arguments: Mapping[str, int], lanes: int) -> int:
    filters = round_up(arguments["filters"], lanes)
    return POSITIONS * _tiles(arguments) * arguments["channels"] * filters


def _transforms(of_filters: Mapping[int, int], *, single: bool = False) -> Products:
    """Return what counts the operations of the transforms of a tile's cells and of its maps."""

    def count(arguments: Mapping[str, int], lanes: int) -> int:
        channels, filters = arguments["channels"], arguments["filters"]
        if single:
            channels, filters, lanes = round_up(channels, lanes), round_up(filters, lanes), 1
        maps = of_filters[arguments["taps"]]
        return lanes * _tiles(arguments) * (_CELLS * channels + maps * filters)

    return count


def _pairs(arguments: Mapping[str, int], lanes: int) -> int:
    """Count the numbers of all pairs, where an odd one out has a zero for a partner.

    Input cells lie a step apart, as in a gradient by the input of a convolution with strides.
    """
    positions = {axis: (arguments[axis] - 1) * arguments[f"step_{axis}"] + 1 for axis in _AXES}
    taps = arguments["run_taps"] * (arguments["kernel_height"] if arguments["rows_together"] else 1)
    runs = connected({**arguments, **positions}) / taps
    return round(2 * lanes * runs * arguments["run_slots"] * arguments["filters"])


def _paired_cells(arguments: Mapping[str, int], lanes: int) -> int:
    """Count every tap of every cell, and of an empty cell at the end of a row of odd length."""
    cells = arguments["output_depth"] * arguments["output_height"]
    cells *= round_up(arguments["output_width"], 2)
    taps = math.prod(arguments[f"kernel_{axis}"] for axis in _AXES)
    channels = arguments["channels"] // arguments["groups"]
    return lanes * cells * taps * channels * arguments["filters"]


_AS_DEFINED = Account()

#: Every kernel of the engine.
ACCOUNTS: Mapping[str, Account] = {
    "convolution": Account(_window),
    "convolution_input_gradient": Account(_window),
    "convolution_filter_gradient": Account(_window),
    "convolution_input_gradient_single": Account(_single_gradient),
    "convolution_single": Account(_single_window),
    "convolution_single_bfloat16": Account(
        single_tiles.multiplied, single_tiles.operations, numbers="bfloat16"
    ),
    "convolution_single_cells": Account(_single_cells),
    "convolution_input_gradient_single_cells": Account(_single_cells_gradient),
    "depthwise": Account(_window),
    "depthwise_filter_gradient": Account(_window),
    "depthwise_input_gradient": Account(_window),
    "depthwise_single": Account(_depthwise),
    "depthwise_input_gradient_single": Account(_depthwise),
    "depthwise_filter_gradient_single": Account(_depthwise),
    "convolution_bfloat16": Account(_pairs, numbers="bfloat16"),
    "convolution_filter_gradient_strips": Account(_whole_filters),
    "convolution_filter_gradient_single": Account(_single_window),
    "convolution_filter_gradient_single_cells": Account(_single_cells),
    "convolution_filter_gradient_bfloat16": Account(_paired_cells, numbers="bfloat16"),
    "dense": Account(_matrix),
    "dense_bfloat16": Account(_whole_tiles, numbers="bfloat16"),
    "dense_input_gradient_single": Account(),
    "dense_input_gradient_single_batch": Account(),
    "dense_single": Account(_single_matrix),
    "dense_single_bfloat16": Account(_single_matrix, numbers="bfloat16"),
    "dense_single_batch": Account(_single_matrix),
    "outer_product_sum": Account(_matrix),
    "outer_product_sum_batch": Account(_matrix),
    "outer_product_sum_bfloat16": Account(_whole_tiles, numbers="bfloat16"),
    "outer_product_single": Account(_single_matrix),
    "outer_product_single_batch": Account(_single_matrix),
    "winograd_convolution": Account(_winograd, _transforms(_SUMS)),
    "winograd_filter_gradient": Account(_winograd, _transforms(_UPSTREAM)),
    "winograd_filter_gradient_single": Account(
        _single_winograd, _transforms(_UPSTREAM, single=True)
    ),
    "winograd_single": Account(_single_winograd, _transforms(_SUMS, single=True)),
    **dict.fromkeys(
        (
            "absolute_error",
            "absolute_error_single",
            "activate",
            "activate_gradient",
            "adam_update",
            "add",
            "add_shared",
            "average_pool",
            "average_pool_gradient",
            "average_pool_single",
            "batch_mean",
            "bias_add",
            "bias_add_single",
            "binary_accuracy",
            "binary_accuracy_single",
            "binary_cross_entropy",
            "binary_cross_entropy_gradient",
            "binary_cross_entropy_gradient_single",
            "binary_cross_entropy_single",
            "categorical_cross_entropy",
            "categorical_cross_entropy_gradient",
            "channel_mean",
            "channel_mean_single",
            "channel_slice",
            "channel_slice_single",
            "channel_sum",
            "channel_sum_single",
            "channel_variance",
            "channel_variance_single",
            "clip_by_norm",
            "clip_by_value",
            "concatenate",
            "concatenate_single",
            "dropout",
            "dropout_single",
            "global_norm",
            "max_pool",
            "max_pool_gradient",
            "max_pool_single",
            "max_unpool",
            "momentum_update",
            "moving_average",
            "normalization_factors",
            "normalize",
            "normalize_fixed_gradient",
            "normalize_fixed_gradient_single",
            "normalize_gradient",
            "normalize_gradient_single",
            "normalize_single",
            "normalized_product_sum",
            "normalized_product_sum_single",
            "one_hot",
            "pack_augmented_single",
            "pack_cells_bfloat16",
            "pack_filters",
            "pack_filters_bfloat16",
            "pack_filters_single",
            "pack_filters_single_bfloat16",
            "pack_filters_winograd",
            "pack_inputs_bfloat16",
            "pack_samples",
            "pack_single",
            "require_finite",
            "rescale",
            "rescale_single",
            "reshape_single",
            "sample_share",
            "sgd_update",
            "softmax",
            "softmax_cross_entropy",
            "softmax_cross_entropy_gradient",
            "softmax_gradient",
            "softmax_gradient_single",
            "softmax_single",
            "square_sums",
            "squared_error",
            "squared_error_gradient",
            "squared_error_gradient_single",
            "squared_error_single",
            "sum_partials",
            "top_k_accuracy",
            "unpack_samples",
            "unpack_single",
        ),
        _AS_DEFINED,
    ),
}


# Shares of their limits that kernels reach: medians over the layers of four networks on a Zen 4
# core, in percent; of single samples by Winograd's algorithm on a Zen 3 core, by tiles on one of
# Emerald Rapids.
_REACHED = {
    "activate_gradient": 65,
    "adam_update": 100,
    "average_pool": 45,
    "average_pool_gradient": 8,
    "channel_mean": 85,
    "channel_sum": 80,
    "channel_variance": 22,
    "convolution": 85,
    "convolution_bfloat16": 80,
    "convolution_filter_gradient": 76,
    "convolution_filter_gradient_bfloat16": 60,
    "convolution_input_gradient": 93,
    "convolution_input_gradient_single": 80,
    "convolution_single": 85,
    "convolution_single_bfloat16": 100,
    "dense": 90,
    "dense_single": 70,
    "dense_single_bfloat16": 90,
    "depthwise": 33,
    "depthwise_filter_gradient": 20,
    "depthwise_filter_gradient_single": 25,
    "depthwise_input_gradient": 33,
    "depthwise_input_gradient_single": 32,
    "depthwise_single": 36,
    "dropout": 6,
    "square_sums": 100,
    "max_pool": 80,
    "max_pool_gradient": 45,
    "normalize": 55,
    "outer_product_sum": 55,
    "outer_product_sum_batch": 85,
    "pack_filters": 40,
    "pack_filters_bfloat16": 15,
    "pack_filters_single": 40,
    "pack_filters_winograd": 40,
    "pack_samples": 30,
    "pack_single": 20,
    "softmax": 3,
    "softmax_cross_entropy": 4,
    "softmax_cross_entropy_gradient": 3,
    "sum_partials": 30,
    "winograd_convolution": 75,
    "winograd_filter_gradient": 61,
    "winograd_single": 60,
}
_REACHED_BY_OTHERS = 60


def reached(kernel: str) -> float:
    """Return the share of what limits a kernel, multiply-adds or bytes, that it usually reaches."""
    return _REACHED.get(kernel, _REACHED_BY_OTHERS) / 100


def products(kernel: str, arguments: Arguments, lanes: int) -> int | None:
    """Return the multiply-adds that a kernel does on a block; None where as many as defined."""
    return _counted(ACCOUNTS[kernel].products, arguments, lanes)


def additions(kernel: str, arguments: Arguments, lanes: int) -> int:
    """Return the other operations on a block that a kernel does beside those of its operations."""
    return _counted(ACCOUNTS[kernel].additions, arguments, lanes) or 0


def _counted(count: Products | None, arguments: Arguments, lanes: int) -> int | None:
    whole = {name: value for name, value in arguments.items() if isinstance(value, int)}
    return None if count is None else count(whole, lanes)
