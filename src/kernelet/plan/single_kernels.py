"""Kernels of single samples: which one runs which operation, and with what arguments.

A kernel that treats all channels alike does not notice how samples are stored: it is told the
number of groups of channels in place of the number of channels.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from kernelet.ops.activation import Activate, ActivateGradient
from kernelet.ops.arithmetic import Add, Rescale
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
    SquaredError,
    SquaredErrorGradient,
)
from kernelet.ops.metrics import AbsoluteError, BinaryAccuracy
from kernelet.ops.normalization import (
    ChannelMean,
    ChannelVariance,
    Normalize,
    NormalizedProductSum,
    NormalizeFixedGradient,
    NormalizeGradient,
)
from kernelet.ops.pooling import AveragePool, AveragePoolGradient, MaxPool, MaxPoolGradient
from kernelet.ops.shape import ChannelSlice, Concatenate, Reshape
from kernelet.ops.softmax import Softmax, SoftmaxGradient
from kernelet.plan import candidates_winograd as winograd
from kernelet.plan.candidate import Arguments, Candidate, Target, round_up
from kernelet.plan.candidates_convolution import is_depthwise
from kernelet.plan.candidates_single import Panels
from kernelet.plan.filter_gradient_strips import strips
from kernelet.plan.selection import CANDIDATES, select
from kernelet.plan.single_batch import (
    WholeBatch,
    dense_gradient_arguments,
    dense_product_arguments,
    outer_product_arguments,
    outer_product_pieces,
)
from kernelet.plan.single_bfloat16 import SingleBfloat16
from kernelet.plan.single_cells import by_cells, gradient_by_cells
from kernelet.plan.single_depthwise import depthwise
from kernelet.plan.single_elements import needs_elements
from kernelet.plan.single_layout import SingleLayout
from kernelet.plan.single_times import lanes_hold_cells, lanes_hold_cells_of_gradient
from kernelet.program import Node, Op


class SingleKernels:
    """Candidates for the operations of a program.

    Parameters
    ----------
    layout : SingleLayout
        Of its values.
    whole_batch : WholeBatch
        What goes by all samples at once.
    rounded : SingleBfloat16, optional
        What goes in bfloat16; without it, all is float32.
    lasting : bool
        Whether weights last for many calls, as in predictions.
    """

    def __init__(
        self,
        layout: SingleLayout,
        whole_batch: WholeBatch,
        rounded: SingleBfloat16 | None = None,
        *,
        lasting: bool = False,
    ) -> None:
        self.layout = layout
        self._whole_batch = whole_batch
        self._rounded = rounded
        self._lasting = lasting
        self._lanes = layout.lanes

    def candidate(self, node: Node) -> Candidate:
        """Return the kernel of a node."""
        usual = self._usual(node)
        return (self._rounded and self._rounded.candidate(node, usual)) or usual

    def _usual(self, node: Node) -> Candidate:
        """Return the kernel of a node in float32."""
        op = node.op
        if not needs_elements(node) and not isinstance(op, Reshape):
            return select(node)
        if not has_kernel(node):
            return select(node, alone=True)
        if is_depthwise(op):
            return depthwise(node, self.layout)
        if isinstance(op, Convolution | ConvolutionInputGradient) and winograd.pays_alone(
            node, lasting=self._lasting
        ):
            return self._winograd()
        if isinstance(op, ConvolutionFilterGradient) and winograd.single_gradient_pays(node):
            return self._winograd_gradient()
        if isinstance(op, Convolution | ConvolutionInputGradient) and lanes_hold_cells(op):
            return by_cells(node, self.layout)
        if isinstance(op, ConvolutionFilterGradient) and lanes_hold_cells_of_gradient(op):
            return gradient_by_cells(node, self.layout)
        if self._whole_batch.pays(node):
            return self._whole_batch.candidate(node)
        if isinstance(op, MatrixProduct) and op.transposed:
            return self._dense_input_gradient()
        return _KERNELS[type(node.op)](self)

    def _channels(self, node: Node) -> Arguments:
        cells = self.layout.cells(node.inputs[0])
        return {"cells": cells["cells"], "channels": cells["channels"]}

    def _winograd(self) -> Candidate:
        return Candidate(
            "winograd_single",
            self._winograd_arguments,
            workspace=lambda node, target: winograd.single_workspace(node, target.lanes),
            packings=lambda node: (winograd.packing(node, panels=True),),
            bias=True,
            factors=True,
            pieces=lambda node, target: winograd.single_pieces(node, target.lanes),
        )

    def _winograd_arguments(self, node: Node) -> Arguments:
        return {**winograd.single_arguments(node, self._lanes), **self.layout.distances(node)}

    def _winograd_gradient(self) -> Candidate:
        return Candidate(
            "winograd_filter_gradient_single",
            lambda node: {
                **winograd.single_gradient_arguments(node, self._lanes),
                **self._gradient_distances(node),
            },
            workspace=lambda node, target: winograd.single_gradient_workspace(node, target.lanes),
            pieces=winograd.gradient_pieces,
        )

    def _panels(self, kernel: str) -> Candidate:
        return Candidate(
            kernel,
            lambda node: {
                **Panels(node, self._lanes).arguments(),
                **self.layout.distances(node),
            },
            workspace=lambda node, target: Panels(node, target.lanes).workspace(),
            packings=lambda node: (Panels(node, self._lanes).packing(),),
            bias=True,
            factors=True,
            pieces=lambda node, target: Panels(node, target.lanes).pieces(),
        )

    def _dense_input_gradient(self) -> Candidate:
        return Candidate(
            "dense_input_gradient_single",
            dense_gradient_arguments(self.layout),
            pieces=lambda node, target: self.layout.groups(node.output),
        )

    def _filter_gradient(self, node: Node) -> Arguments:
        return {
            **CANDIDATES[ConvolutionFilterGradient][-1].arguments(node),
            **strips(node, single=True).arguments(),
            **self._gradient_distances(node),
        }

    def _gradient_distances(self, node: Node) -> Arguments:
        """Return the floats between the cells of a convolution's input and of what it gets back."""
        read, upstream = (self.layout.form(value) for value in node.inputs)
        return {"input_floats": read.cell_floats, "upstream_floats": upstream.cell_floats}

    def _reshape(self, node: Node) -> Arguments:
        before, after = self.layout.form(node.inputs[0]), self.layout.form(node.output)
        return {
            "size": node.output.size,
            "channels": before.channels,
            "cell_floats": before.cell_floats,
            "new_channels": after.channels,
            "new_cell_floats": after.cell_floats,
        }

    def _dropout(self, node: Node) -> Arguments:
        arguments = dict(CANDIDATES[Dropout][0].arguments(node))
        del arguments["size"]
        return {**arguments, **self._channels(node)}

    def _pooling_gradient(self, op: type[Op]) -> Candidate:
        """Return the kernel of blocks of samples, told of groups of channels as channels."""
        usual = CANDIDATES[op][0]

        def arguments(node: Node) -> Arguments:
            channels = self.layout.form(node.output).cell_floats // self._lanes
            return {**usual.arguments(node), "channels": channels}

        return replace(usual, arguments=arguments)

    def _pooling(self, op: type[Op], kernel: str) -> Candidate:
        usual = CANDIDATES[op][0]

        def arguments(node: Node) -> Arguments:
            distances = self.layout.distances(node)
            read, written = distances.values()
            # What pads both alike may take part: whole vectors are faster.
            padded = {"channels": read} if read == written else {}
            return {**usual.arguments(node), **padded, **distances}

        return replace(usual, kernel=kernel, arguments=arguments)

    def _alike(self, op: type[Op]) -> Candidate:
        """Return the kernel of blocks of samples, with groups of channels for its pieces."""
        return replace(CANDIDATES[op][0], pieces=lambda node, _: self.layout.groups(node.output))

    def _like(
        self,
        op: type[Op],
        kernel: str,
        pieces: Callable[[Node, Target], int] = lambda node, target: 1,
    ) -> Candidate:
        """Return a kernel that takes the constants of the usual one, and its arguments."""
        return replace(CANDIDATES[op][0], kernel=kernel, pieces=pieces)

    def _by_cells_of(self, op: type[Op], kernel: str) -> Candidate:
        """Return a kernel whose pieces are cells of the output."""
        return self._like(op, kernel, pieces=lambda node, _: self.layout.form(node.output).cells)

    def _of_elements(self, kernel: str, prediction: int = 0) -> Candidate:
        """Return the kernel of a mean over the elements of a prediction, or of its gradient."""

        def arguments(node: Node) -> Arguments:
            usual = dict(CANDIDATES[type(node.op)][0].arguments(node))
            del usual["size"]
            return {**self.layout.cells(node.inputs[prediction]), **usual}

        return Candidate(kernel, arguments)

    def _slopes(self, kernel: str) -> Candidate:
        """Return the kernel of the gradient of such a mean."""
        return replace(
            self._of_elements(kernel, prediction=1),
            pieces=lambda node, _: self.layout.form(node.output).cells,
        )

    def _by_channels_of(self, op: type[Op], kernel: str) -> Candidate:
        """Return a kernel whose pieces are groups of channels."""
        return self._like(
            op, kernel, pieces=lambda node, target: -(-node.output.size // target.lanes)
        )


# The kernel of each operation that single samples have one for.
_KERNELS: dict[type[Op], Callable[[SingleKernels], Candidate]] = {
    Convolution: lambda own: own._panels("convolution_single"),
    ConvolutionInputGradient: lambda own: own._panels("convolution_input_gradient_single"),
    MatrixProduct: lambda own: Candidate(
        "dense_single",
        dense_product_arguments(own.layout),
        bias=True,
        factors=True,
        pieces=lambda node, target: own.layout.groups(node.output),
    ),
    ConvolutionFilterGradient: lambda own: Candidate(
        "convolution_filter_gradient_single",
        own._filter_gradient,
        workspace=lambda node, target: strips(node, single=True).workspace(),
        pieces=lambda node, target: strips(node, single=True).pieces(target),
    ),
    OuterProductSum: lambda own: Candidate(
        "outer_product_single",
        outer_product_arguments(own.layout),
        pieces=outer_product_pieces,
    ),
    MaxPool: lambda own: own._pooling(MaxPool, "max_pool_single"),
    MaxPoolGradient: lambda own: own._pooling_gradient(MaxPoolGradient),
    AveragePool: lambda own: own._pooling(AveragePool, "average_pool_single"),
    AveragePoolGradient: lambda own: own._pooling_gradient(AveragePoolGradient),
    Add: lambda own: own._alike(Add),
    Activate: lambda own: own._alike(Activate),
    ActivateGradient: lambda own: own._alike(ActivateGradient),
    Rescale: lambda own: own._by_cells_of(Rescale, "rescale_single"),
    BiasAdd: lambda own: own._by_cells_of(BiasAdd, "bias_add_single"),
    ChannelSum: lambda own: replace(
        own._by_channels_of(ChannelSum, "channel_sum_single"),
        arguments=lambda node: own.layout.cells(node.inputs[0]),
    ),
    ChannelMean: lambda own: own._by_channels_of(ChannelMean, "channel_mean_single"),
    ChannelVariance: lambda own: own._by_channels_of(ChannelVariance, "channel_variance_single"),
    NormalizedProductSum: lambda own: own._by_channels_of(
        NormalizedProductSum, "normalized_product_sum_single"
    ),
    Normalize: lambda own: own._by_cells_of(Normalize, "normalize_single"),
    NormalizeGradient: lambda own: own._by_cells_of(NormalizeGradient, "normalize_gradient_single"),
    NormalizeFixedGradient: lambda own: own._by_cells_of(
        NormalizeFixedGradient, "normalize_fixed_gradient_single"
    ),
    Softmax: lambda own: own._by_cells_of(Softmax, "softmax_single"),
    SoftmaxGradient: lambda own: own._by_cells_of(SoftmaxGradient, "softmax_gradient_single"),
    Concatenate: lambda own: own._like(Concatenate, "concatenate_single"),
    ChannelSlice: lambda own: own._like(ChannelSlice, "channel_slice_single"),
    Dropout: lambda own: Candidate(
        "dropout_single",
        own._dropout,
        workspace=lambda node, target: round_up(node.output.size, 4 * target.lanes) + target.lanes,
    ),
    Reshape: lambda own: Candidate("reshape_single", own._reshape),
    BinaryCrossEntropy: lambda own: own._of_elements("binary_cross_entropy_single"),
    BinaryCrossEntropyGradient: lambda own: own._slopes("binary_cross_entropy_gradient_single"),
    SquaredError: lambda own: own._of_elements("squared_error_single"),
    SquaredErrorGradient: lambda own: own._slopes("squared_error_gradient_single"),
    AbsoluteError: lambda own: own._of_elements("absolute_error_single"),
    BinaryAccuracy: lambda own: own._of_elements("binary_accuracy_single"),
}


def has_kernel(node: Node) -> bool:
    """Return whether single samples have a kernel for a node."""
    return type(node.op) in _KERNELS
