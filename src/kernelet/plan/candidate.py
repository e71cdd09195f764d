"""What a candidate is: one way in which the engine can run an operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from kernelet.program import Node

Arguments = Mapping[str, int | float | str]
Constants = Sequence[Sequence[float]]

#: The engine's: samples that it stores side by side, and channels that cells of single samples are
#: padded to.
LANES = 16
NO_ACTIVATION: Arguments = {"activation": "linear", "slope": 0.0}


class Packing(msgspec.Struct, frozen=True):
    """How a kernel wants its filters, or another input.

    Attributes
    ----------
    operand : int
        Which input that is.
    arguments : mapping
        Of the kernel that packs it.
    kernel : str
        Its name.
    size : int or None
        Floats of the packed input, of one sample where it is batched; by default as many as it has.
    pieces : callable
        How many parts of the packing threads may share out.
    """

    operand: int
    arguments: Arguments
    kernel: str = "pack_filters"
    size: int | None = None
    pieces: Callable[[Target], int] = msgspec.field(default=lambda target: 1)


class Packed(msgspec.Struct, frozen=True):
    """How a kernel moves numbers in or out: its name, arguments, constants, and pieces to share."""

    kernel: str
    arguments: Arguments
    constants: Constants = ()
    pieces: int = 1


class Candidate(msgspec.Struct, frozen=True):
    """One way to run an operation.

    Attributes
    ----------
    kernel : str
        Name in the engine's kernel list.
    arguments : callable
        Arguments of the kernel for a node, by name; an activation by its own name.
    applies : callable
        Whether the kernel can run the node.
    constants : callable
        Rows of constants that follow the outputs among the operands.
    workspace : callable or None
        Floats of scratch memory that the kernel wants as its last operand.
    divisible : bool
        For a kernel on shared values, whether threads may divide the elements among them.
    packings : callable or None
        The inputs to pack: filters before the batch begins, what is batched block by block.
    pieces : callable
        How many parts of its work on a block threads may share out.
    sliceable : bool
        Whether threads may share slices of the result, each over the whole batch: of a sum over it,
        where every piece reads a part of the first input and all of the second, or of a product,
        where every piece reads all of the first and a part of the weights.
    whole_batch : bool
        Whether the kernel takes a share of its work for all single samples of a batch at once.
    bias : bool
        Whether the kernel takes a bias (or nothing) behind its inputs, and an activation:
        what follows the operation may be fused into it.
    factors : bool
        Whether it takes factors of the channels (or nothing) behind the bias, so that a
        normalisation by fixed statistics may be fused too.
    derivative : bool
        Whether a kernel with bias and factors takes what an activation saved (or nothing) behind
        those, so that the gradient of the activation may be fused too; and can save, as a second
        output, the signs that the gradient of a relu needs.
    pools : bool
        Whether a kernel with bias and factors can go on to the maximum pooling that follows, with
        the indices of the maxima as a second output.
    unpools : int or None
        Which input may be the upstream gradient of a maximum pooling, whose indices (or nothing)
        come behind all other inputs. That gradient may be stored rounded.
    sums_upstream : bool
        Whether a gradient by filters can sum up each channel of its second input as well, as a
        second output.
    rounds : str or None
        The argument that says whether the output is stored rounded to bfloat16.
    reads_rounded : mapping of int to str or None
        Inputs that may be stored so, each with the argument that says whether it is; None for one
        that is then what packing would make of it.
    fused_workspace : callable or None
        Floats of scratch memory by the arguments, with what was fused.
    activation : bool
        For a kernel without bias, whether it takes an activation.
    rectifies : bool
        Whether it can go on to the gradient by the input of the relu whose output its second
        operand is.
    """

    kernel: str
    arguments: Callable[[Node], Arguments] = msgspec.field(default=lambda node: {})
    applies: Callable[[Node], bool] = msgspec.field(default=lambda node: True)
    constants: Callable[[Node], Constants] = msgspec.field(default=lambda node: ())
    workspace: Callable[[Node, Target], int] | None = None
    divisible: bool = False
    packings: Callable[[Node], tuple[Packing, ...]] | None = None
    pieces: Callable[[Node, Target], int] = msgspec.field(default=lambda node, target: 1)
    sliceable: bool = False
    whole_batch: bool = False
    bias: bool = False
    factors: bool = False
    derivative: bool = False
    pools: bool = False
    unpools: int | None = None
    sums_upstream: bool = False
    rounds: str | None = None
    reads_rounded: Mapping[int, str | None] = msgspec.field(default_factory=dict)
    fused_workspace: Callable[[Arguments], int] | None = None
    activation: bool = False
    rectifies: bool = False


class Target(msgspec.Struct, frozen=True):
    """What planning must know of the engine.

    Attributes
    ----------
    lanes : int
        Samples that are stored side by side.
    alignment : int
        Shared values begin at a multiple of this many floats.
    pieces : mapping of str to int
        For kernels that divide elements into pieces, how many elements a piece has.
    """

    lanes: int
    alignment: int
    pieces: Mapping[str, int]

    def pieces_of(self, kernel: str, elements: int) -> int:
        """Return how many pieces a kernel makes of a number of elements."""
        return -(-elements // self.pieces[kernel])


def round_up(value: int, multiple: int) -> int:
    """Return the smallest multiple that is not below a value."""
    return -(-value // multiple) * multiple
