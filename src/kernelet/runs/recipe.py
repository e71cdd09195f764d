"""How each network is trained unless told otherwise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
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
    label_smoothing : float
        Share of every target that is spread over all classes.
    """

    epochs: int = 15
    batch_size: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    label_smoothing: float = 0.0


_RECIPES = {
    "lenet5": Recipe(epochs=8, learning_rate=6e-3, weight_decay=0.05),
}

#: Peak learning rate by optimizer, as a multiple of AdamW's.
LEARNING_RATE_FACTORS = {"adamw": 1.0, "adam": 1.0, "sgd": 20.0}

#: Fewest steps a training should have: small collections need more passes, not fewer steps.
_MINIMUM_STEPS = 600
_MAXIMUM_EPOCHS = 100


def recipe_for(network: str) -> Recipe:
    """Return how a network is trained unless told otherwise."""
    return _RECIPES.get(network, Recipe())


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
