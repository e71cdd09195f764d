"""How each network is trained unless told otherwise."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec.structs import replace


class Recipe(msgspec.Struct, frozen=True):
    """Settings of a training.

    Attributes
    ----------
    epochs : int
        Passes over the training pictures.
    batch_size : int
        Pictures a step.
    learning_rate : float
        Peak of the one-cycle schedule, for AdamW.
    weight_decay : float
        Of AdamW.
    pct_start : float
        Share of the steps in which the learning rate rises.
    anneal_strategy : {"cos", "linear"}
        How it rises and falls, see `kernelet.optimizers.schedules.OneCycle`.
    beta_2 : float
        Of Adam and AdamW: the share of squared gradients that each step keeps.
    label_smoothing : float
        Share of every target that is spread over all classes.
    """

    epochs: int = 15
    batch_size: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    pct_start: float = 0.25
    anneal_strategy: Literal["cos", "linear"] = "cos"
    beta_2: float = 0.999
    label_smoothing: float = 0.0


_LENET5 = Recipe(
    epochs=8, learning_rate=6e-3, weight_decay=0.05, pct_start=0.2, anneal_strategy="linear"
)
# By network: for any number of training pictures, and from so many on. Of few pictures, which come
# again more often, faster recipes learn details that others do not have.
_RECIPES = {
    "lenet5": {
        0: _LENET5,
        8_000: replace(_LENET5, learning_rate=8e-3, weight_decay=0.1, beta_2=0.95),
    },
}

#: Peak learning rate by optimizer, as a multiple of AdamW's. A step pulls weights towards zero by
#: learning rate times decay, so that the decay is divided by it.
LEARNING_RATE_FACTORS = {"adamw": 1.0, "adam": 1.0, "sgd": 20.0}

#: Fewest steps a training should have: small collections need more passes, not fewer steps.
_MINIMUM_STEPS = 600
_MAXIMUM_EPOCHS = 100


def recipe_for(network: str, pictures: int) -> Recipe:
    """Return how a network is trained on so many pictures unless told otherwise.

    Examples
    --------
    >>> recipe_for("lenet5", 1_000).learning_rate, recipe_for("lenet5", 54_000).learning_rate
    (0.006, 0.008)
    """
    recipes = _RECIPES.get(network, {0: Recipe()})
    return recipes[max(least for least in recipes if least <= pictures)]


def default_batch_size(recipe: Recipe, pictures: int) -> int:
    """Return the recipe's batch size, halved until an epoch has at least eight steps.

    Examples
    --------
    >>> default_batch_size(Recipe(), 60_000), default_batch_size(Recipe(), 300)
    (128, 32)
    """
    size = recipe.batch_size
    while size > 16 and pictures < 8 * size:
        size //= 2
    return size


def default_epochs(recipe: Recipe, pictures: int, batch_size: int) -> int:
    """Return the recipe's epochs, or more where so few pictures make too few steps.

    Examples
    --------
    >>> default_epochs(Recipe(epochs=15), 60_000, 128), default_epochs(Recipe(epochs=15), 300, 32)
    (15, 60)
    """
    steps = -(-pictures // batch_size)
    return min(max(recipe.epochs, -(-_MINIMUM_STEPS // steps)), _MAXIMUM_EPOCHS)
