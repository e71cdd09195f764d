"""
Feature maps stack
==================

One filter makes one map. Several filters make several maps of the same size, and these are stacked
like the colours of a picture. So the result of a layer is a picture again, only with more channels.
And where there is a picture, the next layer can slide its filters over it.

**Question: what can a second layer see that the first one cannot?**
"""

# %%
# Four filters, four maps
# -----------------------
# A picture of a bag from Fashion-MNIST, 28×28, and four edge filters of 3×3: from dark to bright
# and from bright to dark, downwards and to the right.

import matplotlib.pyplot as plt
import numpy as np

import kernelet as kl
from kernelet.data import load_dataset
from kernelet.layers import Conv2D, Input

data = load_dataset("sample")
bag = data.test.images[data.test.labels == data.class_names.index("bag")][6]
picture = bag.astype(np.float32) / 255

down = np.array([[-1, -1, -1], [0, 0, 0], [1, 1, 1]], np.float32) / 3
names = ["brighter below", "darker below", "brighter right", "darker right"]
edges = np.stack([down, -down, down.T, -down.T], axis=-1)[:, :, None, :]

# %%
# A layer of a network holds these four filters. Filters are stored as rows × columns × channels of
# the picture × number of filters.
#
# .. admonition:: Predict
#
#    The layer has the mode *valid*. What is the shape of the filters? What is the shape of the
#    result?

layer = Conv2D(4, 3, use_bias=False, activation="relu", name="edges")
network = kl.Sequential([Input((28, 28, 1)), layer])
layer.set_weights([edges])

maps = kl.explain.feature_maps(network, picture[None])["edges"][0]
print("filters:", " × ".join(map(str, edges.shape)))
print("maps:   ", " × ".join(map(str, maps.shape)))
assert edges.shape == (3, 3, 1, 4)
assert maps.shape == (28 - 3 + 1, 28 - 3 + 1, 4) == (26, 26, 4)

figure, axes = plt.subplots(1, 5, figsize=(10, 2.5), layout="constrained")
axes[0].imshow(picture[:, :, 0], cmap="gray")
axes[0].set_title("picture")
for axis, name, values in zip(axes[1:], names, np.moveaxis(maps, -1, 0), strict=True):
    axis.imshow(values, cmap="magma", vmin=0, vmax=1)
    axis.set_title(name)
for axis in axes:
    axis.set(xticks=[], yticks=[])
plt.show()

# %%
# Each filter tells where its kind of edge is. Negative answers were set to zero here; the next
# page says why. (To make them opposite to each other, the filters come in pairs.)
#
# The second layer reads all of them
# ----------------------------------
# The result is a picture of 26×26 with four channels. A filter of the next layer is 3×3×4: it lies
# over all four maps, as a colour filter lies over three colours.
#
# .. admonition:: Predict
#
#    How many weights has *one* filter of 3×3 in the second layer? How many have eight of them, and
#    what is the shape of their result?

second = Conv2D(8, 3, use_bias=False, name="second")
deeper = kl.Sequential([Input((28, 28, 1)), layer, second], seed=0)
stacked = kl.explain.feature_maps(deeper, picture[None])
filters = second.get_weights()[0]
print("filters:", " × ".join(map(str, filters.shape)), "=", f"{filters.size} weights")
print("maps:   ", " × ".join(map(str, stacked["second"][0].shape)))
assert filters[..., 0].size == 3 * 3 * 4 == 36
assert filters.size == 288
assert stacked["second"][0].shape == (24, 24, 8)

# %%
# One number, by hand
# -------------------
# One number of map *c* at row *i* and column *j* is the sum over rows i′ and columns j′ of the
# filter, and over all channels c′:
#
# .. code-block:: text
#
#    B(i, j, c) = Σ  A(i + i′, j + j′, c′) · w(i′, j′, c′, c)
#               i′,j′,c′
#
# .. admonition:: Predict
#
#    How many products are added up for one number? Over which part of the first maps?

i, j, c = 10, 12, 5
total = 0.0
for row in range(3):
    for column in range(3):
        for channel in range(4):
            below = float(maps[i + row, j + column, channel])
            total += below * float(filters[row, column, channel, c])
print(f"by hand {total:.5f}, by the layer {stacked['second'][0, i, j, c]:.5f}")
assert np.isclose(total, stacked["second"][0, i, j, c], rtol=0, atol=1e-5)

# %%
# 36 products: rows 10 to 12, columns 12 to 14, all four maps. Every number of a feature map of
# every network is made this way.
#
# What a second layer can see
# ---------------------------
# A *corner* of a bright thing has an edge above it and an edge beside it. No single edge filter
# tells corners from long edges. A filter of the second layer can: it adds up what two maps say in
# the same place.
#
# .. admonition:: Predict
#
#    A second filter averages "brighter below" and "brighter right" over 3×3 cells each and adds
#    them up. Then 0.75 is taken away, and what is negative becomes 0, so that one edge alone is not
#    enough. Which corner of a white square will it mark? Which one of the bag?

weights = np.zeros((3, 3, 4, 1), np.float32)
weights[:, :, names.index("brighter below")] = 1 / 9
weights[:, :, names.index("brighter right")] = 1 / 9
corner = Conv2D(1, 3, activation="relu", name="corner")
finder = kl.Sequential([Input((28, 28, 1)), layer, corner])
corner.set_weights([weights, [-0.75]])

square = np.zeros((28, 28, 1), np.float32)
square[8:20, 8:20] = 1
pictures = np.stack([square, picture])
found = kl.explain.feature_maps(finder, pictures)["corner"][..., 0]

# Two valid layers of 3×3 take two pixels off each side.
marked = [{(int(row) + 2, int(column) + 2) for row, column in np.argwhere(one)} for one in found]
print("square: marked pixels", sorted(marked[0]))
print("bag:    marked pixels", sorted(marked[1]))
assert marked[0] == {(8, 8), (8, 9), (9, 8)}
assert marked[1] == {(8, 4)}

figure, axes = plt.subplots(1, 4, figsize=(10, 2.9), layout="constrained")
for number, title in enumerate(("square", "bag")):
    axes[2 * number].imshow(pictures[number, :, :, 0], cmap="gray")
    axes[2 * number].set_title(title)
    padded = np.pad(found[number], 2)
    axes[2 * number + 1].imshow(padded, cmap="magma")
    axes[2 * number + 1].set_title("corner found here")
for axis in axes:
    axis.set(xticks=[], yticks=[])
plt.show()

# %%
# The upper left one: only there it becomes brighter both downwards and to the right. Along a single
# edge the sum stays below 0.75, and nothing is marked.
#
# What to remember
# ----------------
# C filters make C maps, stacked to H × W × C: a picture again. So layers chain. A filter of the
# next layer is as deep as there are maps, and combines what they found: edges become corners,
# corners become shapes.
