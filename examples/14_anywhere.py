"""
Found anywhere
==============

A shoe is a shoe, wherever it lies on the picture. To people this goes without saying.

**Question: does a network that has seen shoes in one corner only recognise them elsewhere?**
"""

# %%
# Pictures in one corner
# ----------------------
# Clothes of 28×28 are laid on black paper of 48×48. All pictures to learn from lie in the upper
# left corner.

import matplotlib.pyplot as plt
import numpy as np

import kernelet as kl
from kernelet.data import load_dataset
from kernelet.layers import (
    Conv2D,
    Dense,
    Flatten,
    GlobalMaxPooling2D,
    Input,
    MaxPooling2D,
    Rescaling,
)

SIDE, FREE = 48, 48 - 28
data = load_dataset("sample")
train, test = data.train, data.test


def placed(pictures, down, right):
    """Lay pictures on black paper."""
    paper = np.zeros((len(pictures), SIDE, SIDE, 1), np.uint8)
    paper[:, down : down + 28, right : right + 28] = pictures
    return paper


corner = placed(train.images, 0, 0)

# %%
# Two networks
# ------------
# The *dense* network has a weight of its own for every pixel. The *convolutional* one slides its
# filters over the whole paper, and then keeps only the largest answer of each map (*global max
# pooling*): whether a pattern is there, not where. Zeros are put around the maps (mode *full*), and
# there is no bias before the end, so that black paper answers nothing.

SLIDING = {"padding": "full", "use_bias": False, "activation": "relu"}


def dense_network():
    """Return a network of dense layers."""
    layers = [
        Input((SIDE, SIDE, 1)),
        Rescaling(1 / 255),
        Flatten(),
        Dense(128, activation="relu"),
        Dense(10, activation="softmax"),
    ]
    return kl.Sequential(layers, seed=0)


def convolutional_network():
    """Return a network that keeps no places."""
    layers = [
        Input((SIDE, SIDE, 1)),
        Rescaling(1 / 255),
        Conv2D(8, 5, **SLIDING),
        MaxPooling2D(),
        Conv2D(16, 5, **SLIDING),
        MaxPooling2D(),
        Conv2D(32, 5, **SLIDING),
        GlobalMaxPooling2D(),
        Dense(10, activation="softmax"),
    ]
    return kl.Sequential(layers, seed=0)


def train_on(network, pictures):
    """Let a network learn from pictures of the training set."""
    optimizer = kl.optimizers.Adam(0.002)
    network.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    network.fit(pictures, train.labels, batch_size=32, epochs=6, verbose=0)
    return network


networks = {
    "dense": train_on(dense_network(), corner),
    "convolutional": train_on(convolutional_network(), corner),
}
for name, network in networks.items():
    print(f"{name}: {network.count_params():,} numbers learned")
counts = {name: network.count_params() for name, network in networks.items()}
assert counts["dense"] > 15 * counts["convolutional"]

# %%
# .. admonition:: Predict
#
#    Test pictures that were not learned from, in the *same* corner: how good are the two, about?
#    And in the lower right corner, 20 pixels down and to the right?


def accuracy(network, down, right):
    """Return the share of test pictures named rightly at one place."""
    pictures = placed(test.images, down, right)
    return network.evaluate(pictures, test.labels, verbose=0)[1]


for name, network in networks.items():
    same, opposite = accuracy(network, 0, 0), accuracy(network, FREE, FREE)
    print(f"{name:14} same corner {same:.0%}, opposite corner {opposite:.0%}")
    assert same > 0.78
    assert opposite < 0.3 if name == "dense" else opposite == same

# %%
# In the corner both are good. In the opposite corner the dense network guesses: its weights for
# those pixels have never seen anything. The convolutional network is exactly as good as before.
#
# Everywhere
# ----------
# .. admonition:: Predict
#
#    The test pictures are laid in steps of 4 over the whole paper. How far does the dense network
#    get before it fails?

steps = range(0, FREE + 1, 4)
grids = {
    name: np.array([[accuracy(network, down, right) for right in steps] for down in steps])
    for name, network in networks.items()
}
for name, grid in grids.items():
    print(f"{name}, to the right: " + "  ".join(f"{value:.0%}" for value in grid[0]))
assert np.ptp(grids["convolutional"]) == 0
assert grids["dense"][0, 1] < 0.5 * grids["dense"][0, 0]

figure, axes = plt.subplots(1, 3, figsize=(10, 3.9), layout="constrained")
both = np.maximum(placed(test.images[:1], 0, 0), placed(test.images[:1], FREE, FREE))[0, :, :, 0]
axes[0].imshow(both, cmap="gray")
axes[0].set(title="learned above, tested below", xticks=[], yticks=[])
for axis, (name, grid) in zip(axes[1:], grids.items(), strict=True):
    axis.imshow(grid, cmap="Blues", vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(grid):
        colour = "white" if value > 0.6 else "black"
        axis.text(column, row, f"{100 * value:.0f}", ha="center", va="center", color=colour)
    axis.set_xticks(range(len(steps)), steps)
    axis.set_yticks(range(len(steps)), steps)
    axis.set(title=f"{name}: % recognised", xlabel="pixels to the right", ylabel="pixels down")
plt.show()

# %%
# Four pixels are enough to lose the dense network. The convolutional one does not notice.
#
# The small print
# ---------------
# .. admonition:: Predict
#
#    The steps above were of 4 pixels. The network pools twice by 2. Is it also the same after a
#    step of 1, 2 or 3 pixels?

convolutional = networks["convolutional"]
answers = {d: convolutional.predict(placed(test.images, d, d)) for d in (0, 1, 2, 3, 4)}
for d, values in answers.items():
    agree = (values.argmax(axis=1) == answers[0].argmax(axis=1)).mean()
    print(
        f"moved by {d}: largest change of a probability {np.abs(values - answers[0]).max():.1e},"
        f" {agree:.0%} of the answers the same"
    )
assert np.allclose(answers[4], answers[0], rtol=0, atol=1e-5)
assert not np.allclose(answers[1], answers[0], rtol=0, atol=1e-2)
assert (answers[1].argmax(axis=1) == answers[0].argmax(axis=1)).mean() > 0.8

# %%
# Not quite. Two poolings by 2 work in squares of 4×4. Moved by 4, every square holds what another
# one held before: nothing changes. Moved by 1, the squares cut the picture elsewhere. Most answers
# stay, not all. Convolution alone knows no places; pooling knows the borders of its squares.
#
# Can the dense network learn it?
# -------------------------------
# It would have to see shoes in all places.
#
# .. admonition:: Predict
#
#    Another dense network learns from the same pictures, each laid at a random place. It is tested
#    at random places, too. Will it reach what the convolutional one reaches?

rng = np.random.default_rng(0)


def scattered(pictures):
    """Lay each picture at a place of its own."""
    places = rng.integers(0, FREE + 1, (len(pictures), 2))
    laid = [placed(one[None], *place) for one, place in zip(pictures, places, strict=True)]
    return np.concatenate(laid)


laid_out, unseen = scattered(train.images), scattered(test.images)
taught = train_on(dense_network(), laid_out)
reached = {
    "dense, shown everywhere": taught.evaluate(unseen, test.labels, verbose=0)[1],
    "convolutional, shown one corner": networks["convolutional"].evaluate(
        unseen, test.labels, verbose=0
    )[1],
}
for name, value in reached.items():
    print(f"{name}: {value:.0%}")
assert reached["dense, shown everywhere"] < reached["convolutional, shown one corner"] - 0.1

# %%
# No. It has to learn a shoe in each place separately, and has too few examples for each. The
# network that was shown one corner only is well ahead of it.
#
# What to remember
# ----------------
# Shared weights do not know where they are, so what was learned in one place holds in all. This is
# *translational invariance*. Dense layers do not have it, and learn every place anew.
