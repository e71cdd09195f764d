"""
What pooling forgives
=====================

A max pooling says that something is in a square, not where in it.
So a pattern may move a little, and the result stays the same.

**Question: how much movement is forgiven, and what is the price?**
"""

# %%
# A single bright pixel
# ---------------------
# A line of eight pixels, one of them bright. It is pooled by 4.

import matplotlib.pyplot as plt
import numpy as np

import kernelet as kl
from kernelet.data import load_dataset

lines = np.eye(8, dtype=np.float32)
print(lines.astype(int))

# %%
# .. admonition:: Predict
#
#    Each row of this table is such a line; from row to row the bright pixel moves by one. What are
#    the two numbers that are left of each line? At which step do they change?

pooled = kl.max_pool1d(lines[:, :, None], 4)[:, :, 0]
print(pooled.astype(int))
assert pooled[:4].tolist() == [[1, 0]] * 4
assert pooled[4:].tolist() == [[0, 1]] * 4

# %%
# Three steps go unnoticed, the fourth changes all. Pooling forgives movement *inside* a square, not
# across its border. How much is forgiven depends on where the pixel began.
#
# .. admonition:: Predict
#
#    If it moves by one pixel, and begins anywhere: how often does a pooling by 2 forgive it? By 4?
#    By 8?


places = np.eye(64, dtype=np.float32)[:, :, None]
moved = np.roll(places, 1, axis=1)
forgiven = {}
for size in (1, 2, 4, 8):
    same = kl.max_pool1d(places, size) == kl.max_pool1d(moved, size)
    forgiven[size] = int(same.all(axis=(1, 2)).sum())
    print(f"pooling by {size}: forgiven from {forgiven[size]} of 64 places")
assert forgiven == {1: 0, 2: 32, 4: 48, 8: 56}

# %%
# From size − 1 of size places: never, in a half, in three quarters, in seven eighths of them.
#
# Real pictures
# -------------
# Now 900 pictures of clothes, on a little black paper. Two edge filters make maps of them; the maps
# are pooled. Then every picture is moved by one pixel, and the same is done again.
#
# .. admonition:: Predict
#
#    By how much do the maps of edges change without pooling: by 8 %, or by 80 %? And what does
#    pooling by 2, 4, 8, 16 and 32 make of it? The maps are 32×32.

data = load_dataset("sample")
pictures = np.pad(data.test.images, ((0, 0), (2, 2), (2, 2), (0, 0))).astype(np.float32) / 255
edges = np.stack([kl.filters.sobel(axis)[::-1, ::-1] for axis in "xy"], axis=-1)[:, :, None]


def edge_maps(images):
    """Return maps of edges, rightwards and downwards, from dark to bright."""
    return kl.conv2d(images, edges, padding="same", activation="relu")


at_first, afterwards = edge_maps(pictures), edge_maps(np.roll(pictures, 1, axis=2))
changes = {}
for size in (1, 2, 4, 8, 16, 32):
    a, b = kl.max_pool2d(at_first, size), kl.max_pool2d(afterwards, size)
    changes[size] = float(np.linalg.norm(b - a) / np.linalg.norm(a))
    print(f"pooling by {size:>2}: the maps change by {changes[size]:.0%}")
assert 0.7 < changes[1] < 0.9
assert all(changes[size] > changes[2 * size] for size in (1, 2, 4, 8, 16))
assert changes[32] == 0

figure, axes = plt.subplots(2, 4, figsize=(10, 5.2), layout="constrained")
one, other = pictures[5], np.roll(pictures[5], 1, axis=1)
shown = [("picture", one, other)]
for size in (1, 4, 8):
    pair = [kl.max_pool2d(edge_maps(image[None])[..., :1], size)[0] for image in (one, other)]
    shown.append((f"edges, pooled by {size}", *pair))
for column, (name, upper, lower) in enumerate(shown):
    for axis, values in zip(axes[:, column], (upper, lower), strict=True):
        axis.imshow(values[:, :, 0], cmap="gray" if column == 0 else "magma")
        axis.set(xticks=[], yticks=[])
    axes[0, column].set_title(name)
axes[0, 0].set_ylabel("as it was")
axes[1, 0].set_ylabel("moved by 1")
plt.show()

# %%
# Edges are thin. Moved by one pixel, a thin line hardly meets itself, so 80 % changes. With pooling
# less and less does. Pooled by 32 there is one number left for each map: whether there is such an
# edge anywhere. That does not change at all.
#
# The price
# ---------
# .. admonition:: Predict
#
#    In each square of 4×4 of an edge map, the sixteen numbers are shuffled. The map is spoilt. What
#    does max pooling by 4 say about it?

rng = np.random.default_rng(0)
whole = edge_maps(one[None])[0, :, :, 0]
squares = whole.reshape(8, 4, 8, 4).swapaxes(1, 2).reshape(64, 16)
mixed = rng.permuted(squares, axis=1).reshape(8, 8, 4, 4).swapaxes(1, 2).reshape(32, 32)
results = [kl.max_pool2d(values[None, :, :, None], 4)[0, :, :, 0] for values in (whole, mixed)]
print(
    f"{(whole != mixed).mean():.0%} of the numbers moved; pooled the same: "
    f"{np.array_equal(*results)}"
)
assert (whole != mixed).mean() > 0.2
assert np.array_equal(*results)

figure, axes = plt.subplots(1, 4, figsize=(10, 2.9), layout="constrained")
titles = ("a map", "shuffled in squares", "the map pooled", "shuffled, pooled")
for axis, title, values in zip(axes, titles, (whole, mixed, *results), strict=True):
    axis.imshow(values, cmap="magma")
    axis.set(title=title, xticks=[], yticks=[])
plt.show()

# %%
# The same as before. What pooling forgives it also forgets: it cannot tell the two maps apart. This
# is why networks pool by a little, several times, with convolutions in between that look at what is
# left.
#
# A whole network
# ---------------
# LeNet-5 pools twice by 2, and then its dense layers have a weight for each place of the maps of
# 5×5 that are left.
#
# .. admonition:: Predict
#
#    It names 86 % of the test pictures rightly. How many when they are moved by 1 pixel? By 4?


def trained(shift):
    """Train LeNet-5, with pictures moved at random by up to a share of their size."""
    network = kl.networks.lenet5(data.image_shape, 10, shift=shift, seed=0)
    network.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    network.fit(data.train.images, data.train.labels, batch_size=32, epochs=10, verbose=0)
    return network


report = kl.explain.shift(trained(0), data, displacements=[1, 2, 4], fill="constant")
middle = report.displacements.index(0)
right = dict(zip(report.displacements, report.accuracy[middle].tolist(), strict=True))
print("moved to the right by " + ", ".join(f"{d}: {right[d]:.0%}" for d in (0, 1, 2, 4)))
assert right[0] > 0.8
assert right[1] > right[0] - 0.1
assert right[4] < right[0] - 0.25

# %%
# One pixel is mostly forgiven, four are not: its dense layers have learned clothes in the middle of
# the picture. The report shows both directions, and below the layers: inside, every map moves along
# exactly (0.000). Convolution and pooling do not lose anything; the dense layers do.

report

# %%
# What else helps
# ---------------
# .. admonition:: Predict
#
#    The same network is trained on pictures that are moved at random, by up to 4 pixels, anew in
#    every round. How good is it now on pictures moved by 4?

steadier = kl.explain.shift(trained(0.15), data, displacements=[1, 2, 4], fill="constant")
now = dict(zip(steadier.displacements, steadier.accuracy[middle].tolist(), strict=True))
for name, values in (("as they are", right), ("moved at random", now)):
    print(f"{name:16}" + "  ".join(f"{d}: {values[d]:.0%}" for d in (0, 1, 2, 4)))
assert now[4] > right[4] + 0.2

figure, axis = plt.subplots(figsize=(8, 3.8), layout="constrained")
for name, values in (("learned from pictures as they are", right), ("moved at random", now)):
    axis.plot(list(values), [100 * value for value in values.values()], marker="o", label=name)
axis.set(xlabel="pixels to the right", ylabel="% recognised", ylim=(0, 100))
axis.set_title("LeNet-5 on pictures that are moved")
axis.legend()
plt.show()

# %%
# Much better: what a network is to forgive, it can be shown. It is a little worse on pictures that
# were not moved, since it had more to learn in the same ten rounds.
#
# What to remember
# ----------------
# Pooling forgives movement inside its squares, and forgets where something was. A little pooling
# after every convolution is a good trade. The rest is done by examples that move.
