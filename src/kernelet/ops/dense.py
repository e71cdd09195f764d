"""The dense product Wᵀx and its gradients."""

from __future__ import annotations

from collections.abc import Sequence

from kernelet.errors import ShapeError
from kernelet.program import Array, Cost, Node, Op, ProgramBuilder, StepContext, Type, Value


class MatrixProduct(Op, frozen=True):
    """Product of each sample with a shared matrix: ``(x, w) → x · w``, or ``x · wᵀ``.

    Attributes
    ----------
    transposed : bool
        Whether the matrix is used transposed, as the gradient by ``x`` does.
    """

    transposed: bool = False
    name = "matrix_product"

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        x, w = inputs
        rows, columns = w.shape[::-1] if self.transposed else w.shape
        if not x.batched or w.batched or x.shape != (rows,):
            raise ShapeError(f"a dense product of {w.shape} weights cannot take {x.shape} inputs.")
        return (Type((columns,)),)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=inputs[1].size)

    def gradient(
        self, build: ProgramBuilder, node: Node, upstream: Value, needed: Sequence[bool]
    ) -> Sequence[Value | None]:
        x, w = node.inputs
        left, right = (upstream, x) if self.transposed else (x, upstream)
        return (
            build.add(MatrixProduct(not self.transposed), upstream, w) if needed[0] else None,
            build.add(OuterProductSum(), left, right) if needed[1] else None,
        )

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        x, w = inputs
        return (x @ (w.T if self.transposed else w),)


class OuterProductSum(Op, frozen=True):
    """Sum of the outer products of two vectors a sample over the batch: ``Σ x yᵀ``."""

    name = "outer_product_sum"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        x, y = inputs
        return (Type((*x.shape, *y.shape), batched=False),)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=inputs[0].size * inputs[1].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        x, y = inputs
        return (x.T @ y,)
