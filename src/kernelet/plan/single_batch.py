"""Dense layers of single samples: one by one, or all samples of a batch at once.

A sample that goes by itself reads all weights. Where these are many, samples go through them
together, a share of the weights after the other.
"""

from __future__ import annotations

from collections.abc import Callable

from kernelet.ops.dense import MatrixProduct, OuterProductSum
from kernelet.plan.candidate import NO_ACTIVATION, Arguments, Candidate, Target, round_up
from kernelet.plan.candidates_convolution import dense_arguments
from kernelet.plan.division import reads_once, sums_in_parts
from kernelet.plan.selection import CANDIDATES
from kernelet.plan.single_layout import SingleLayout
from kernelet.program import Node

# Samples whose upstream gradients the engine gathers at a time, its `gathered_samples`.
_GATHERED = 64

# Weights that every thread may read from a cache that threads share, for at least so many samples
# each.
_SHARED_WEIGHTS = 1 << 22
_MANY_SAMPLES = 5

Describe = Callable[[Node], Arguments]


class WholeBatch:
    """Which dense layers and gradients go by all samples of a batch at once, and how.

    Parameters
    ----------
    layout : SingleLayout
    batch_size : int
        Most samples a step.
    threads : int
        That share the work.
    """

    def __init__(self, layout: SingleLayout, batch_size: int, threads: int) -> None:
        self._layout = layout
        self._batch_size = batch_size
        self._threads = threads

    def pays(self, node: Node) -> bool:
        """Return whether samples should not go one by one."""
        if not isinstance(node.op, MatrixProduct | OuterProductSum):
            return False
        values = [*node.inputs, *node.outputs]
        own = sum(self._layout.floats(value) for value in values if value.batched)
        weights = sum(value.size for value in values if not value.batched)
        return reads_once(weights, own, self._batch_size)

    def candidate(self, node: Node) -> Candidate:
        """Return the kernel of a node."""
        if isinstance(node.op, OuterProductSum):
            return Candidate(
                "outer_product_single_batch",
                outer_product_arguments(self._layout),
                workspace=lambda node, target: (
                    _GATHERED * round_up(node.inputs[1].size, target.lanes)
                ),
                pieces=outer_product_pieces,
                whole_batch=True,
            )
        assert isinstance(node.op, MatrixProduct)
        return self._input_gradient() if node.op.transposed else self._product()

    def _product(self) -> Candidate:
        usual = dense_product_arguments(self._layout)
        return Candidate(
            "dense_single_batch",
            lambda node: {**usual(node), "parts": self._parts(node)},
            workspace=self._sums,
            bias=True,
            factors=True,
            pieces=lambda node, target: self._parts(node) * self._layout.groups(node.output),
            whole_batch=True,
        )

    def _sums(self, node: Node, target: Target) -> int:
        """Return the floats of the sums of one part of the inputs, of all samples."""
        samples = self._batch_size if sums_in_parts(node) else 1
        return samples * round_up(node.output.size, target.lanes)

    def _parts(self, node: Node) -> int:
        """Return the parts of the batch that threads take, rather than share outputs.

        Threads that share outputs read each weight once, but all of them read every input, and few
        groups of outputs divide badly.
        """
        near = node.inputs[1].size <= _SHARED_WEIGHTS
        if near and self._batch_size >= _MANY_SAMPLES * self._threads:
            return self._threads
        return min(self._batch_size, -(-self._threads // self._layout.groups(node.output)))

    def _input_gradient(self) -> Candidate:
        return Candidate(
            "dense_input_gradient_single_batch",
            dense_gradient_arguments(self._layout),
            workspace=lambda node, target: (
                target.lanes * round_up(node.inputs[0].size, target.lanes)
            ),
            pieces=lambda node, target: self._layout.groups(node.output),
            whole_batch=True,
        )


def single_dense_arguments(layout: SingleLayout) -> Describe:
    """Return what makes the arguments that all kernels of dense layers share."""

    def arguments(node: Node) -> Arguments:
        usual = dict(dense_arguments(node))
        del usual["inputs"]
        return {**usual, **layout.cells(node.inputs[0])}

    return arguments


def dense_product_arguments(layout: SingleLayout) -> Describe:
    """Return what makes the arguments of a dense layer in float32."""
    usual = single_dense_arguments(layout)
    return lambda node: {**usual(node), "in_parts": int(sums_in_parts(node))}


def dense_gradient_arguments(layout: SingleLayout) -> Describe:
    """Return what makes the arguments of the gradient by the input of a dense layer."""
    return lambda node: {
        "outputs": node.inputs[0].size,
        **NO_ACTIVATION,
        **layout.cells(node.output),
    }


def outer_product_arguments(layout: SingleLayout) -> Describe:
    """Return what makes the arguments of the gradient by the weights of a dense layer."""

    def arguments(node: Node) -> Arguments:
        usual = dict(CANDIDATES[OuterProductSum][0].arguments(node))
        del usual["inputs"]
        return {**usual, **layout.cells(node.inputs[0])}

    return arguments


def outer_product_pieces(node: Node, target: Target) -> int:
    """Return how many runs of inputs threads may share out."""
    return target.pieces_of("outer_product_sum", node.inputs[0].size)
