"""Which values of single samples lie without padding."""

from __future__ import annotations

import kernelet as kl
from kernelet.model import Model
from kernelet.ops.convolution import Convolution
from kernelet.plan.tight_cells import tight_values
from kernelet.program import Program
from kernelet.training.losses import MeanSquaredError
from kernelet.training.optimizers import SGD
from kernelet.training.programs import Objective, prediction_program, training_program


def maps(program: Program, kept: frozenset[object]) -> list[bool]:
    """Return of each convolution's maps whether they lie without padding."""
    return [n.output in kept for n in program.nodes if isinstance(n.op, Convolution)]


def tight_maps(model: Model, *, training: bool = True) -> list[bool]:
    objective = Objective(MeanSquaredError())
    program = (
        training_program(model.graph, objective, SGD(0.1))
        if training
        else prediction_program(model.graph)
    )
    return maps(program, tight_values(program, frozenset()))


def test_few_maps_are_where_nothing_needs_whole_vectors_of_them() -> None:
    layers = [kl.Conv2D(8, 3, activation="relu"), kl.Conv2D(9, 3), kl.Conv2D(2, 1)]
    assert tight_maps(kl.Sequential([kl.Input((9, 9, 3)), *layers])) == [True, False, True]


def test_what_is_pooled_is_not_nor_what_lies_like_it() -> None:
    x = kl.Input((8, 8, 1))
    left, right, apart = (kl.Conv2D(4, 3, padding="same")(x) for _ in range(3))
    joined = kl.MaxPooling2D()(kl.Add()([left, right]))
    model = kl.Model(x, kl.Conv2D(1, 1)(kl.Add()([joined, kl.Conv2D(4, 2, strides=2)(apart)])))
    assert tight_maps(model) == [False, False, True, False, True]


def test_depthwise_maps_are_not() -> None:
    layers = [kl.Conv2D(4, 3), kl.Conv2D(4, 3, groups=4), kl.Conv2D(1, 3)]
    assert tight_maps(kl.Sequential([kl.Input((9, 9, 1)), *layers])) == [False, False, True]


def test_normalized_maps_are_where_statistics_are_fixed() -> None:
    layers = [kl.Conv2D(4, 3), kl.BatchNormalization(), kl.Activation("relu"), kl.Conv2D(1, 3)]
    model = kl.Sequential([kl.Input((9, 9, 1)), *layers])
    assert tight_maps(model) == [False, True]
    assert tight_maps(model, training=False) == [True, True]
