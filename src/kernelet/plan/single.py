"""How single samples are stored and run: a vector holds sixteen channels of one sample.

Blocks of sixteen samples leave lanes idle where there are fewer samples. Here a block is one
sample, its cells in row-major order, the channels of a cell padded to a multiple of the lanes. A
kernel that treats all channels alike does not notice the difference: it is told the number of
groups of channels in place of the number of channels.
"""

from __future__ import annotations

from collections.abc import Callable

from kernelet.ops.activation import Activate
from kernelet.ops.arithmetic import Add, Rescale
from kernelet.ops.bias import BiasAdd
from kernelet.ops.convolution import Convolution
from kernelet.ops.dense import MatrixProduct
from kernelet.ops.normalization import Normalize
from kernelet.ops.pooling import AveragePool, MaxPool
from kernelet.ops.shape import Concatenate, Reshape
from kernelet.ops.softmax import Softmax
from kernelet.plan import candidates_winograd as winograd
from kernelet.plan.candidate import Arguments, Candidate, Packed, Target, round_up
from kernelet.plan.candidates_convolution import rows_of_cells
from kernelet.plan.packing import pack_arguments
from kernelet.plan.selection import CANDIDATES
from kernelet.program import Node, Op, Program, Value

# They read any distance between cells, so that few channels need not be padded.
_READ_ANY_CELLS = (Convolution, MatrixProduct)


class SingleSamples:
    """Storage of one sample a block.

    Parameters
    ----------
    program : Program
        One that `supports` holds for.
    lanes : int
        Floats that the channels of a cell are padded to a multiple of.
    spread : bool
        Whether threads share each sample, instead of taking samples of their own.
    """

    block = 1

    def __init__(self, program: Program, lanes: int, *, spread: bool) -> None:
        self.spread = spread
        self._lanes = lanes
        self._origins = _origins(program)
        self._unpadded = _unpadded(program, self._origins)

    def floats(self, value: Value) -> int:
        """Return the floats that a value of one sample takes."""
        cells = self._cells(value)
        return cells["cells"] * cells["cell_floats"]

    def candidate(self, node: Node) -> Candidate:
        """Return the kernel of a node."""
        if isinstance(node.op, Convolution) and winograd.pays_alone(node):
            return self._winograd()
        if isinstance(node.op, Convolution) and lanes_hold_cells(node.op, self._lanes):
            return self._by_cells()
        return _KERNELS[type(node.op)](self)

    def pack(self, chain: list[Node], index: int, value: Value) -> Packed:
        """Return how an input is loaded, with the rescalings behind it."""
        _, (scale, offset, _) = pack_arguments(chain, index, value.shape)
        output = chain[-1].output if chain else value
        cells = self._cells(output)
        return Packed("pack_single", {"input": index, **cells}, (scale, offset), cells["cells"])

    def unpack(self, index: int, value: Value) -> Packed:
        """Return how an output is stored."""
        cells = self._cells(value)
        return Packed("unpack_single", {"output": index, **cells}, pieces=cells["cells"])

    def _cells(self, value: Value) -> dict[str, int]:
        """Return cells, channels, and the floats between cells, as they lie in memory."""
        origin = self._origins.get(value, value)
        unpadded = origin in self._unpadded
        # Where a reshape has moved the padding, its readers see the cells of what was reshaped.
        whole = unpadded or _same_padding(origin, value, self._lanes)
        cells, channels = _form(value if whole else origin)
        floats = channels if unpadded else round_up(channels, self._lanes)
        return {"cells": cells, "channels": channels, "cell_floats": floats}

    def _channels(self, node: Node) -> Arguments:
        cells = self._cells(node.inputs[0])
        return {"cells": cells["cells"], "channels": cells["channels"]}

    def _groups(self, node: Node) -> int:
        """Return the groups of channels of the output, all cells together."""
        return self.floats(node.output) // self._lanes

    def _convolution(self, node: Node) -> Arguments:
        arguments = CANDIDATES[Convolution][-1].arguments(node)
        return {**arguments, "cell_floats": self._cells(node.inputs[0])["cell_floats"]}

    def _winograd(self) -> Candidate:
        return Candidate(
            "winograd_single",
            self._winograd_arguments,
            workspace=lambda node, target: winograd.single_workspace(node, target.lanes),
            packing=lambda node: winograd.packing(node, rows=True),
            bias=True,
            factors=True,
            pieces=lambda node, target: winograd.rows_of_tiles(node),
        )

    def _winograd_arguments(self, node: Node) -> Arguments:
        cell_floats = self._cells(node.inputs[0])["cell_floats"]
        return {**winograd.single_arguments(node, self._lanes), "cell_floats": cell_floats}

    def _by_cells(self) -> Candidate:
        return Candidate(
            "convolution_single_cells",
            self._convolution,
            workspace=_ring,
            bias=True,
            factors=True,
            pieces=lambda node, target: rows_of_cells(node.output),
        )

    def _dense(self, node: Node) -> Arguments:
        arguments = dict(CANDIDATES[MatrixProduct][0].arguments(node))
        del arguments["inputs"]
        return {**arguments, **self._cells(node.inputs[0])}

    def _pooling(self, node: Node) -> Arguments:
        arguments = CANDIDATES[type(node.op)][0].arguments(node)
        floats = self._cells(node.output)["cell_floats"]
        return {**arguments, "channels": floats // self._lanes}

    def _alike(self, op: type[Op]) -> Candidate:
        """Return the kernel of blocks of samples, told of groups of channels as elements."""
        usual = CANDIDATES[op][0]
        return Candidate(
            usual.kernel,
            lambda node: {**usual.arguments(node), "size": self._groups(node)},
            activation=usual.activation,
        )

    def _like(
        self, op: type[Op], kernel: str, arguments: Callable[[Node], Arguments] | None = None
    ) -> Candidate:
        """Return a kernel that takes the constants of the usual one, and its arguments."""
        usual = CANDIDATES[op][0]
        return Candidate(
            kernel,
            arguments or usual.arguments,
            constants=usual.constants,
            activation=usual.activation,
        )


# The kernel of each operation that single samples have one for.
_KERNELS: dict[type[Op], Callable[[SingleSamples], Candidate]] = {
    Convolution: lambda own: Candidate(
        "convolution_single",
        own._convolution,
        bias=True,
        factors=True,
        pieces=lambda node, target: rows_of_cells(node.output),
    ),
    MatrixProduct: lambda own: Candidate(
        "dense_single",
        own._dense,
        bias=True,
        factors=True,
        pieces=lambda node, target: own._groups(node),
    ),
    MaxPool: lambda own: Candidate("max_pool", own._pooling),
    AveragePool: lambda own: Candidate("average_pool", own._pooling),
    Add: lambda own: own._alike(Add),
    Activate: lambda own: own._alike(Activate),
    Rescale: lambda own: own._like(Rescale, "rescale_single", own._channels),
    BiasAdd: lambda own: own._like(BiasAdd, "bias_add_single", own._channels),
    Normalize: lambda own: own._like(Normalize, "normalize_single"),
    Softmax: lambda own: own._like(Softmax, "softmax_single", own._channels),
    Concatenate: lambda own: own._like(Concatenate, "concatenate_single"),
}


# The most filters that `convolution_single_cells` has sums in registers for.
_MOST_CELL_FILTERS = 8


def lanes_hold_cells(op: Convolution, lanes: int) -> bool:
    """Return whether vectors of neighbouring cells take less time than vectors of channels."""
    depth, _, width = op.window.volume
    flat = depth.length == depth.kernel == depth.output == 1
    if not flat or width.stride > 1 or op.groups > 1 or op.filters > _MOST_CELL_FILTERS:
        return False
    # Copying the input channel by channel, and transposing the result, take their time too.
    return 4 * op.filters * -(-width.output // lanes) < 3 * width.output


def idle_lanes(op: Convolution, lanes: int) -> float:
    """Return how many lanes of the vectors that hold results there are to one that is used."""
    used = op.window.output[-1] if lanes_hold_cells(op, lanes) else op.filters // op.groups
    return round_up(used, lanes) / used


def _ring(node: Node, target: Target) -> int:
    """Return the floats of the input rows that one output row reads, with zeros around them."""
    op = node.op
    assert isinstance(op, Convolution)
    _, height, width = op.window.volume
    rows = (height.kernel - 1) * height.dilation + 1
    row = round_up(width.output, target.lanes) + (width.kernel - 1) * width.dilation
    return rows * op.channels * row


def supports(program: Program, lanes: int) -> bool:
    """Return whether single samples can run a program: predictions by the usual operations."""
    if program.updates or not program.nodes:
        return False
    return all(
        node.output.batched and (_has_kernel(node.op) or _keeps_place(node, program, lanes))
        for node in program.nodes
    )


def _has_kernel(op: Op) -> bool:
    backward = isinstance(op, MatrixProduct) and op.transposed
    return type(op) in _KERNELS and not backward


def _keeps_place(node: Node, program: Program, lanes: int) -> bool:
    """Return whether a reshape leaves every number where its readers look for it."""
    if not isinstance(node.op, Reshape):
        return False
    if _same_padding(_origins(program)[node.output], node.output, lanes):
        return True
    readers = program.consumers().get(node.output, [])
    return all(isinstance(reader.op, MatrixProduct) for reader in readers)


def _same_padding(origin: Value, value: Value, lanes: int) -> bool:
    """Return whether a reshaped value lies in memory as one of its shape would."""
    before, after = _form(origin)[1], _form(value)[1]
    return before == after or (before % lanes == 0 and after % lanes == 0)


def _form(value: Value) -> tuple[int, int]:
    """Return cells and channels."""
    channels = value.shape[-1] if value.shape else 1
    return value.size // channels, channels


def _origins(program: Program) -> dict[Value, Value]:
    """Return, for each reshaped value, the one whose memory it shares."""
    origins: dict[Value, Value] = {}
    for node in program.nodes:
        if isinstance(node.op, Reshape):
            origins[node.output] = origins.get(node.inputs[0], node.inputs[0])
    return origins


def _unpadded(program: Program, origins: dict[Value, Value]) -> set[Value]:
    """Return the loaded inputs that only kernels read for which cells may lie anywhere."""
    readers, kept = program.consumers(), set(program.outputs.values())
    found: set[Value] = set()
    for value in program.inputs.values():
        loaded = value
        # Loading takes in the rescalings behind it, up to a value that somebody else wants too.
        while (
            loaded not in kept
            and len(readers.get(loaded, [])) == 1
            and isinstance(readers[loaded][0].op, Rescale)
        ):
            loaded = readers[loaded][0].output
        shared = [loaded, *(alias for alias, origin in origins.items() if origin == loaded)]
        using = [reader for one in shared for reader in readers.get(one, [])]
        if all(isinstance(reader.op, (*_READ_ANY_CELLS, Reshape)) for reader in using):
            found.add(loaded)
    return found
