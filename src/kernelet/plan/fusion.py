"""Operations become steps: one kernel each, with what can be fused into it.

A convolution or dense product takes the bias, the normalisation by fixed statistics and the
activation that follow it, other sums and normalisations the activation; the gradient of a pooling
goes on to that of the relu before it; a reshape disappears where it changes no element's place; an
input is packed together with the augmentation and rescaling that directly follow it.

In bfloat16, a convolution also takes the maximum pooling that follows it (`pooling_fusion.py`) and,
where it computes a gradient, that of the activation before; a gradient by filters sums up its
upstream gradient for the bias.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kernelet.ops.activation import Activate, ActivateGradient
from kernelet.ops.arithmetic import Rescale
from kernelet.ops.augmentation import RandomFlip, RandomShift
from kernelet.ops.bias import BiasAdd, ChannelSum
from kernelet.ops.convolution import ConvolutionFilterGradient
from kernelet.ops.dense import OuterProductSum
from kernelet.ops.normalization import Normalize
from kernelet.ops.updates import GlobalNorm
from kernelet.plan.candidate import Arguments, Candidate, Packed, Target
from kernelet.plan.norms import norm_steps
from kernelet.plan.pooling_fusion import IndexedPooling, Unpooled, pooling_of
from kernelet.plan.step import Step
from kernelet.program import Node, Program, Type, Value

if TYPE_CHECKING:
    from kernelet.plan.storage import Storage

# Activations whose derivative the sign of the output tells, and how many signs a float holds.
_BY_SIGN = ("relu", "leaky_relu")
_SIGNS_OF_FLOAT = 32
_ROUNDED_OF_FLOAT = 2


class Fusion:
    """Turns the nodes of a program into steps, in program order."""

    def __init__(self, program: Program, target: Target, storage: Storage) -> None:
        self.program = program
        self.target = target
        self.storage = storage
        self.readers = program.consumers()
        self.kept = set(program.outputs.values()) | set(program.updates.values())
        self.aliases: dict[Value, Value] = {}
        self._makers = {value: node for node in program.nodes for value in node.outputs}
        self._signs: dict[Value, Value] = {}
        self._pooled: dict[Value, IndexedPooling] = {}
        self._unpooled: dict[Value, Unpooled] = {}
        self._sums: dict[Value, Node] = {}
        self._rounded: set[Value] = set()
        self._done: set[Value] = set()

    def steps(self) -> list[Step]:
        """Return the steps of the program."""
        inputs = list(self.program.inputs.values())
        steps = [self._pack(k, v) for k, v in enumerate(inputs) if not self.storage.is_row(v)]
        for node in self.program.nodes:
            if node.output in self._done:
                continue
            if self.storage.keeps_place(node):
                self._keep_place(node)
                continue
            if node.output in self._pooled:
                steps += self._unpool(self._pooled[node.output], node)
                continue
            if (summing := self._summing(node)) is not None:
                self._sums[summing.output] = node
                continue
            steps += self._steps(node)
        batched = [v for v in self.program.outputs.values() if v.batched]
        steps += [self._unpack(k, v) for k, v in enumerate(batched) if not self.storage.is_row(v)]
        return steps

    def resolve(self, value: Value) -> Value:
        """Return the value whose memory this one shares."""
        return self.aliases.get(value, value)

    def _keep_place(self, node: Node) -> None:
        """Give the output of a node the memory of its input."""
        self.aliases[node.output] = self.resolve(node.inputs[0])
        if node.inputs[0] in self._rounded:
            self._rounded.add(node.output)

    def _resolved(self, values: Iterable[Value]) -> tuple[Value, ...]:
        return tuple(self.resolve(value) for value in values)

    def _sole_reader(self, value: Value) -> Node | None:
        readers = self.readers.get(value, [])
        return readers[0] if len(readers) == 1 and value not in self.kept else None

    def _steps(self, node: Node) -> list[Step]:
        """Return the step of a node and of what is fused into it, behind what it needs for that."""
        if isinstance(node.op, GlobalNorm):
            return norm_steps(node, self._resolved(node.inputs))
        candidate = self.storage.candidate(node)
        step = Step(
            kernel=candidate.kernel,
            arguments=candidate.arguments(node),
            inputs=self._resolved(node.inputs),
            outputs=node.outputs,
            constants=candidate.constants(node),
            workspace=candidate.workspace(node, self.target) if candidate.workspace else 0,
            divisible=candidate.divisible,
            packings=candidate.packings(node) if candidate.packings else (),
            pieces=candidate.pieces(node, self.target),
            sliceable=candidate.sliceable,
            whole_batch=candidate.whole_batch,
            nodes=(node,),
        )
        step = self._with_rounded_inputs(step, candidate)
        *before, step = self._with_bias(step, candidate) if candidate.bias else [step]
        return [*before, self._fused(step, candidate)]

    def _with_rounded_inputs(self, step: Step, candidate: Candidate) -> Step:
        """Return a step that knows which of its inputs are stored rounded."""
        inputs = step.nodes[0].inputs
        names = [name for k, name in candidate.reads_rounded.items() if inputs[k] in self._rounded]
        arguments = {**step.arguments, **{name: 1 for name in names if name is not None}}
        stored = {k for k, name in candidate.reads_rounded.items() if name is None}
        ready = {k for k in stored if inputs[k] in self._rounded}
        packings = tuple(one for one in step.packings if one.operand not in ready)
        return replace(step, arguments=arguments, packings=packings)

    def _fused(self, step: Step, candidate: Candidate) -> Step:
        """Return a step with what it takes behind its bias."""
        if candidate.bias or candidate.activation:
            step = self._with_activation(step)
        if candidate.derivative:
            step = self._with_derivative(step)
        if candidate.sums_upstream:
            step = self._with_sum(step)
        if candidate.unpools is not None:
            step = self._with_unpooling(step, candidate.unpools, candidate.reads_rounded)
        if candidate.pools:
            step = self._with_pooling(step)
        if candidate.derivative:
            step = self._with_signs(step)
        if candidate.rounds:
            step = self._with_rounding(step, candidate.rounds)
        if candidate.rectifies:
            step = self._rectified(step)
        if candidate.fused_workspace:
            step = replace(step, workspace=candidate.fused_workspace(step.arguments))
        return step

    def _with_bias(self, step: Step, candidate: Candidate) -> list[Step]:
        """Return a step with its bias, or with factors and offsets, behind what computes those."""
        bias: Value | None = None
        reader = self._sole_reader(step.outputs[0])
        if reader is not None and isinstance(reader.op, BiasAdd):
            bias = reader.inputs[1]
            step = self._absorb(step, reader)
            reader = self._sole_reader(step.outputs[0])
        if not candidate.factors:
            return [replace(step, inputs=(*step.inputs, bias))]
        if reader is None or not isinstance(reader.op, Normalize) or reader.op.batch_statistics:
            return [replace(step, inputs=(*step.inputs, bias, None))]
        factors = _normalization_factors(reader, bias)
        step = self._absorb(step, reader)
        inputs = (*step.inputs, *reversed(factors.outputs))
        return [factors, replace(step, inputs=inputs)]

    def _with_activation(self, step: Step) -> Step:
        reader = self._sole_reader(step.outputs[0])
        if reader is None or not isinstance(reader.op, Activate):
            return step
        chosen: Arguments = {"activation": reader.op.kind, "slope": float(reader.op.slope)}
        step = self._absorb(step, reader)
        return replace(step, arguments={**step.arguments, **chosen})

    def _with_derivative(self, step: Step) -> Step:
        """Return a step with what an activation saved, if the activation's gradient follows."""
        reader = self._sole_reader(step.outputs[0])
        if reader is None or not isinstance(reader.op, ActivateGradient):
            return replace(step, inputs=(*step.inputs, None))
        upstream, saved = reader.inputs
        known = saved.index < step.nodes[0].output.index
        if upstream is not step.outputs[0] or not known or step.arguments["activation"] != "linear":
            return replace(step, inputs=(*step.inputs, None))
        chosen: Arguments = {"derivative": reader.op.kind, "slope": float(reader.op.slope)}
        signs = self._signs.get(saved) if reader.op.kind in _BY_SIGN else None
        step = self._absorb(step, reader)
        return replace(
            step,
            inputs=(*step.inputs, signs or self.resolve(saved)),
            arguments={**step.arguments, **chosen, "signs": int(signs is not None)},
        )

    def _with_signs(self, step: Step) -> Step:
        """Return a step that saves signs, if the gradient of its activation follows a kernel.

        They are a bit a number: the output itself would have to be fetched from afar once more.
        """
        maps = step.outputs[0]
        kind = step.arguments["activation"]
        if step.arguments["pools"] or kind not in _BY_SIGN:
            return step
        if not any(self._follows_product(node, maps) for node in self.readers.get(maps, ())):
            return step
        size = -(-maps.size // _SIGNS_OF_FLOAT)
        self._signs[maps] = Value(maps.index, Type((size,)), f"{maps.name} signs")
        return replace(step, outputs=(*step.outputs, self._signs[maps]), constants=())

    def _follows_product(self, node: Node, saved: Value) -> bool:
        """Return whether a node is the gradient of an activation that a product takes."""
        if not isinstance(node.op, ActivateGradient) or node.inputs[1] is not saved:
            return False
        maker = self._makers.get(node.inputs[0])
        if maker is None or self._sole_reader(maker.output) is not node:
            return False
        if self.storage.keeps_place(maker):
            return False
        return maker.output.index > saved.index and self.storage.candidate(maker).derivative

    def _with_rounding(self, step: Step, argument: str) -> Step:
        """Return a step that stores its output rounded, if all that read it would round it.

        A value of half the size is fetched, and written, in half the time.
        """
        maps = step.outputs[0]
        readers = self.readers.get(maps, ())
        if maps in self.kept or not readers:
            return step
        if not all(self._reads_rounded(node, maps) for node in readers):
            return step
        size = -(-maps.size // _ROUNDED_OF_FLOAT)
        rounded = Value(maps.index, Type((size,)), f"{maps.name} rounded")
        self._rounded.add(maps)
        self.aliases[maps] = rounded
        arguments = {**step.arguments, argument: 1}
        return replace(step, outputs=(rounded, *step.outputs[1:]), arguments=arguments)

    def _reads_rounded(self, node: Node, maps: Value) -> bool:
        """Return whether a node can read a value that is stored rounded, or does without it."""
        if self.storage.keeps_place(node):
            readers = self.readers.get(node.output, ())
            known = bool(readers) and node.output not in self.kept
            return known and all(self._reads_rounded(reader, node.output) for reader in readers)
        if maps.shape[-1] % 2:
            return False
        if isinstance(node.op, ChannelSum):
            return self._summing(node) is not None
        if isinstance(node.op, ActivateGradient):
            return maps in self._signs and self._follows_product(node, maps)
        if node.output in self._pooled:
            return maps is not node.inputs[0] or self._all_unpool(self._pooled[node.output])
        allowed = self.storage.candidate(node).reads_rounded
        return all(k in allowed for k, value in enumerate(node.inputs) if value is maps)

    def _with_pooling(self, step: Step) -> Step:
        """Return a step with the maximum pooling that follows and nothing else reads for."""
        maps = step.outputs[0]
        pooling = pooling_of(maps, str(step.arguments["activation"]), self.readers, self.kept)
        if pooling is None:
            return step
        step = self._absorb(step, pooling.pool)
        chosen = {**pooling.arguments, "pools": 1, "rectified": int(pooling.rectified)}
        step = replace(step, arguments={**step.arguments, **chosen})
        if pooling.indices is None:
            return step
        self._pooled[pooling.gradient[0].output] = pooling
        return replace(step, outputs=(*step.outputs, pooling.indices), constants=())

    def _unpool(self, pooling: IndexedPooling, node: Node) -> list[Step]:
        """Return the step of the gradient of a pooling, or none where all readers do without."""
        self._done.add(pooling.output)
        unpooled = Unpooled(pooling, self.resolve(node.inputs[0]))
        if self._all_unpool(pooling):
            self._unpooled[pooling.output] = unpooled
            return []
        arguments = {**pooling.picture, **pooling.arguments}
        inputs = (unpooled.upstream, pooling.indices)
        return [Step("max_unpool", arguments, inputs, (pooling.output,), nodes=pooling.gradient)]

    def _all_unpool(self, pooling: IndexedPooling) -> bool:
        """Return whether nothing needs the gradient of a pooling as a whole."""
        readers = self.readers.get(pooling.output, [])
        return pooling.output not in self.kept and all(
            self._unpools(reader, pooling.output) for reader in readers
        )

    def _unpools(self, node: Node, gradient: Value) -> bool:
        """Return whether a node can read a gradient that is not stored."""
        if isinstance(node.op, ChannelSum):
            return self._summing(node) is not None
        if self.storage.keeps_place(node):
            return False
        candidate = self.storage.candidate(node)
        read = [k for k, value in enumerate(node.inputs) if value is gradient]
        return candidate.unpools is not None and read == [candidate.unpools]

    def _summing(self, node: Node) -> Node | None:
        """Return the gradient by filters that can do the sum of a node as well."""
        if not isinstance(node.op, ChannelSum):
            return None
        for reader in self.readers[node.inputs[0]]:
            if (
                isinstance(reader.op, ConvolutionFilterGradient | OuterProductSum)
                and reader.inputs[1] is node.inputs[0]
                and reader.output not in self._sums
                and reader.output.index > node.output.index
                and self.storage.candidate(reader).sums_upstream
            ):
                return reader
        return None

    def _with_sum(self, step: Step) -> Step:
        """Return a step that sums up its upstream gradient, if a node does that."""
        node = self._sums.get(step.outputs[0])
        if node is None:
            return step
        outputs, nodes = (*step.outputs, *node.outputs), (*step.nodes, node)
        return replace(step, outputs=outputs, nodes=nodes, constants=())

    def _with_unpooling(
        self, step: Step, operand: int, reads_rounded: Mapping[int, str | None]
    ) -> Step:
        """Return a step with the indices of its upstream gradient, where that is not stored."""
        unpooled = self._unpooled.get(step.nodes[0].inputs[operand])
        if unpooled is None:
            return replace(step, inputs=(*step.inputs, None))
        pooling = unpooled.pooling
        inputs = [*step.inputs, pooling.indices]
        inputs[operand] = unpooled.upstream
        arguments = {**step.arguments, **pooling.arguments, "unpools": 1}
        name = reads_rounded[operand]
        if name is not None and pooling.gradient[0].inputs[0] in self._rounded:
            arguments[name] = 1
        return replace(
            step,
            inputs=tuple(inputs),
            arguments=arguments,
            nodes=(*step.nodes, *pooling.gradient),
        )

    def _rectified(self, step: Step) -> Step:
        reader = self._sole_reader(step.outputs[0])
        if reader is None or not isinstance(reader.op, ActivateGradient):
            return step
        saved = self.resolve(reader.inputs[1])
        if reader.op.kind != "relu" or saved is not step.inputs[1]:
            return step
        step = self._absorb(step, reader)
        return replace(step, arguments={**step.arguments, "rectified": 1})

    def _absorb(self, step: Step, node: Node) -> Step:
        self._done.add(node.output)
        return replace(step, outputs=node.outputs, nodes=(*step.nodes, node))

    def _pack(self, index: int, value: Value) -> Step:
        chain: list[Node] = []
        reader = self._sole_reader(value)
        while reader is not None and isinstance(reader.op, RandomFlip | RandomShift | Rescale):
            chain.append(reader)
            reader = self._sole_reader(reader.output)
        packed = self.storage.pack(chain, index, value)
        self._done.update(node.output for node in chain)
        output = chain[-1].output if chain else value
        return _moving(packed, (), (output,), tuple(chain))

    def _unpack(self, index: int, value: Value) -> Step:
        return _moving(self.storage.unpack(index, value), (self.resolve(value),), (), ())


def _normalization_factors(node: Node, bias: Value | None) -> Step:
    """Return the step that computes factors and offsets of a normalisation behind a bias."""
    op = node.op
    assert isinstance(op, Normalize)
    mean, variance, *learned = node.inputs[1:]
    gamma = learned[0] if op.scale else None
    beta = learned[-1] if op.center else None
    kind = Type(mean.shape, batched=False)
    factors = Value(node.output.index, kind, f"{node.output.name} factors")
    offsets = Value(node.output.index, kind, f"{node.output.name} offsets")
    return Step(
        "normalization_factors",
        {"size": mean.size, "epsilon": float(op.epsilon)},
        (mean, variance, gamma, beta, bias),
        (factors, offsets),
    )


def _moving(
    packed: Packed,
    inputs: tuple[Value, ...],
    outputs: tuple[Value, ...],
    nodes: tuple[Node, ...],
) -> Step:
    return Step(
        packed.kernel,
        packed.arguments,
        inputs,
        outputs,
        packed.constants,
        pieces=packed.pieces,
        nodes=nodes,
    )
