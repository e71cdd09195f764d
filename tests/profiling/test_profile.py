"""Networks taken apart: times that add up, models left as they were."""

from __future__ import annotations

import numpy as np
import pytest

import kernelet as kl
from kernelet.layers import Layer
from kernelet.layers.symbolic import SymbolicTensor
from kernelet.profiling import MachineProfile, measure_machine, profile
from kernelet.profiling.records import profile_record
from kernelet.profiling.speed import measure_speed


@pytest.fixture(scope="module")
def machine() -> MachineProfile:
    return measure_machine([2], [])


def network(**options: object) -> kl.Sequential:
    layers: list[Layer | SymbolicTensor] = [
        kl.Input((12, 12, 1)),
        kl.Rescaling(1 / 255),
        kl.Conv2D(4, 3, activation="relu"),
        kl.BatchNormalization(),
        kl.MaxPooling2D(),
        kl.Flatten(),
        kl.Dense(3, activation="softmax"),
    ]
    model = kl.Sequential(layers, name="small")
    model.compile(**options)  # type: ignore[arg-type]
    return model


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("batch_size", [1, 40])
def test_steps_waiting_and_the_rest_add_up(
    machine: MachineProfile, training: bool, batch_size: int
) -> None:
    times = profile(network(), batch_size, training=training, threads=2, machine=machine)
    assert sum(times.parts().values()) == pytest.approx(times.elapsed)
    assert times.fastest <= times.elapsed <= times.slowest
    assert times.outside >= 0
    assert [step.description for step in times.steps] == list(times.plan.steps)
    assert all(step.seconds > 0 for step in times.steps if not step.description.once)
    for step in times.steps:
        once = step.description.once
        expected = 0 if once else step.description.bound / step.seconds
        assert step.share == pytest.approx(expected)
    excess = [step.excess for step in times.slowest_steps(100)]
    assert excess == sorted(excess, reverse=True)


def test_a_model_stays_as_it_is(machine: MachineProfile) -> None:
    model = network()
    before = [w.copy() for w in model.get_weights()]
    profile(model, 16, training=True, threads=1, machine=measure_machine([1], []))
    after = model.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert not model.trainer.slots.buffer.any()
    assert model.trainer.iterations == 0


def test_what_a_model_is_ready_for_is_timed(machine: MachineProfile) -> None:
    model = network()
    assert profile(model, 8, threads=2, machine=machine).training
    unready = kl.networks.lenet5()
    assert not profile(unready, 8, threads=2, machine=machine).training
    with pytest.raises(kl.KerneletError, match="compile"):
        profile(unready, 8, training=True)


def test_given_samples_are_checked_as_for_fit(machine: MachineProfile) -> None:
    model = network()
    x, y = np.zeros((20, 12, 12, 1), np.float32), np.zeros(20, np.int32)
    assert profile(model, 8, threads=2, x=x, y=y, machine=machine).plan.batch_size == 8
    with pytest.raises(kl.KerneletError, match="give y, or leave out x"):
        profile(model, 8, x=x)
    with pytest.raises(kl.KerneletError, match="x must have shape"):
        profile(model, 8, x=x[:, :5], y=y)


@pytest.mark.parametrize(("loss", "units"), [("mean_squared_error", 5), ("binary_crossentropy", 1)])
def test_made_up_labels_suit_the_loss(machine: MachineProfile, loss: str, units: int) -> None:
    model = kl.Sequential([kl.Input((7,)), kl.Dense(units, activation="sigmoid")])
    model.compile("sgd", loss)
    assert profile(model, 8, threads=2, machine=machine).training


def test_networks_with_several_inputs_are_timed(machine: MachineProfile) -> None:
    a, b = kl.Input((6,)), kl.Input((6,))
    model = kl.Model([a, b], kl.Add()([kl.Dense(6)(a), b]))
    assert not profile(model, 8, threads=2, machine=machine).training


def test_the_table_shows_parts_and_the_steps_with_most_to_gain(machine: MachineProfile) -> None:
    times = profile(network(), 64, training=True, threads=2, precision="float32", machine=machine)
    lines = str(times).split("\n")
    assert max(map(len, lines)) <= 100
    isa = machine.instruction_set
    assert lines[0] == f"small: training step, batch 64 in blocks of 16, 2 threads, {isa}, float32"
    for start in ("forward", "gradients", "update", "waiting", "outside", "a step"):
        assert sum(line.startswith(start) for line in lines) == 1
    slowest = times.slowest_steps()
    assert slowest
    assert sum("◀" in line for line in lines) == len(slowest)
    assert sum(line.startswith("most to gain") for line in lines) == len(slowest)


def test_a_record_holds_everything(machine: MachineProfile) -> None:
    times = profile(network(), 64, training=True, threads=2, machine=machine)
    record = profile_record(times)
    assert record["seconds"] == times.elapsed
    assert sum(record["parts"].values()) == pytest.approx(record["seconds"])
    assert len(record["steps"]) == len(times.steps)
    assert sum(s["multiply_adds"] for s in record["steps"]) == record["multiply_adds"]


def test_whole_steps_are_timed() -> None:
    speed = measure_speed(network(), 8, training=True, threads=1)
    assert (speed.network, speed.training, speed.batch_size, speed.threads) == ("small", True, 8, 1)
    assert 0 < speed.fastest <= speed.seconds <= speed.slowest
    assert speed.multiply_adds > 8 * 10 * 10 * 9 * 4
