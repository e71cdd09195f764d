"""Occlusion against pictures covered by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kernelet import layers
from kernelet.errors import UsageError
from kernelet.explain import occlusion
from kernelet.layers import Input
from kernelet.model import Model, Sequential
from small_networks import full_network, pictures


def test_probabilities_are_those_of_covered_pictures() -> None:
    model = full_network()
    images, _ = pictures(1)
    found = occlusion(model, images[0], 2, window=3, stride=2)
    assert found.rows == found.columns == (0, 2, 4, 5)
    colour = np.round(images[0].mean(axis=(0, 1))).astype(np.uint8)
    drops = np.zeros((8, 8, 16))
    covers = np.zeros((8, 8, 16), bool)
    for place, (i, j) in enumerate(np.ndindex(4, 4)):
        copy = images[:1].copy()
        under = (
            slice(found.rows[i], found.rows[i] + 3),
            slice(found.columns[j], found.columns[j] + 3),
        )
        copy[0][under] = colour
        expected = model.predict(copy)[0, 2]
        assert found.probabilities[i, j] == pytest.approx(expected, abs=1e-6)
        drops[..., place] = model.predict(images[:1])[0, 2] - expected
        covers[..., place][under] = True
    mean = (drops * covers).sum(axis=-1) / covers.sum(axis=-1)
    np.testing.assert_allclose(found.heat, mean, atol=1e-6)
    assert found.probability == pytest.approx(model.predict(images[:1])[0, 2])


def brightness() -> Model:
    """A network that looks at the upper left quarter alone."""
    model = Sequential(
        [Input((10, 6, 1)), layers.Flatten(), layers.Dense(1, activation="sigmoid", name="dense")]
    )
    kernel = np.zeros((10, 6))
    kernel[:5, :3] = 0.2
    model.set_weights([kernel.reshape(60, 1), [-1.0]])
    return model


def test_heat_is_where_the_network_looks() -> None:
    picture = np.ones((10, 6, 1), np.float32)
    found = occlusion(brightness(), picture, fill=0.0)
    assert (found.target, found.window) == (1, 1)
    assert (found.heat[:5, :3] > 0).all()
    assert not found.heat[5:].any()
    assert not found.heat[:, 3:].any()
    other = occlusion(brightness(), picture, 0, fill=[0.0])
    np.testing.assert_allclose(other.heat, -found.heat, atol=1e-6)


def test_windows_reach_every_pixel_of_odd_sizes() -> None:
    model = Sequential(
        [Input((61, 130, 1)), layers.GlobalAveragePooling2D(), layers.Dense(2, "softmax")]
    )
    found = occlusion(model, np.zeros((61, 130, 1), np.uint8))
    assert found.window == 12
    assert (found.rows[-1], found.columns[-1]) == (49, 118)
    assert max(len(found.rows), len(found.columns)) <= 25
    assert np.isfinite(found.heat).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window": 7}, "window is 7; expected a side of 1 to 6 pixels."),
        ({"window": 0}, "window is 0"),
        ({"window": 2, "stride": 3}, "stride is 3; expected 1 to 2, the side of the window."),
        ({"fill": [1, 2]}, "fill has the shape (2,); expected one number or 1, one a channel."),
        ({"target": 2}, "target is 2; expected the number of a class, 0 to 1."),
    ],
)
def test_mistakes(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        occlusion(brightness(), np.zeros((10, 6, 1)), **arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)
