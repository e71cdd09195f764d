"""
Sharing weights
===============

A network turns pictures into answers, and it has to learn every one of its weights.
The plainest layer is the *dense* one: each of its outputs has one weight for every input.
A *convolutional* layer slides a few small filters over the picture instead, so that all places
share the same weights.

**Question: how many weights does sharing save?**
"""

# %%
# How many numbers a picture is
# -----------------------------
# One output of a dense layer has as many weights as the picture has numbers: height × width ×
# channels. A colour picture has three channels, red, green and blue.
#
# .. admonition:: Predict
#
#    How many weights does one single dense output need: for a grey picture of 28×28, and for
#    colour pictures of 32×32, of 224×224, and of 1280×720?

import matplotlib.pyplot as plt
import numpy as np

import kernelet as kl

sizes = [(28, 28, 1), (32, 32, 3), (224, 224, 3), (720, 1280, 3)]
table = kl.explain.savings(sizes)
for shape, layer in zip(sizes, table.layers, strict=True):
    print(f"{'×'.join(map(str, shape)):>10}: {layer.matrix.columns:>9,} weights an output")
counts = [layer.matrix.columns for layer in table.layers]
assert counts == [784, 3_072, 150_528, 2_764_800]

# %%
# 784, 3,072, 150,528, and 2.8 million. For *one* output.
#
# A layer of 64 maps
# ------------------
# A convolutional layer with 64 filters of 5×5 makes 64 new pictures, its *feature maps*. On a
# picture of 32×32×3 each map has 32 − 5 + 1 = 28 rows and columns.
#
# .. admonition:: Predict
#
#    How many weights do 64 filters of 5×5×3 have? How many would a dense layer need that makes the
#    same 28×28×64 numbers from the same 32×32×3?

colour = table.layers[1]
print(f"convolution: {colour.weights:>11,} weights")
print(f"dense:       {colour.dense_weights:>11,} weights")
assert colour.weights == 5 * 5 * 3 * 64 == 4_800
assert colour.dense_weights == (32 * 32 * 3) * (28 * 28 * 64) == 154_140_672

# %%
# 4,800 against 154 million.
#
# .. admonition:: Predict
#
#    Now the picture grows to 224×224. How many weights do the filters have then?

weights = [layer.weights for layer in table.layers]
print(weights)
assert weights[1] == weights[2] == weights[3] == 4_800

figure, axis = plt.subplots(figsize=(8, 4.4), layout="constrained")
places = np.arange(len(sizes))
names = ["29 million", "154 million", "466 billion", "162 trillion"]
axis.bar(places - 0.2, [layer.dense_weights for layer in table.layers], 0.4, label="dense")
axis.bar(places + 0.2, weights, 0.4, label="convolution")
for place, layer, name in zip(places, table.layers, names, strict=True):
    axis.text(place - 0.2, layer.dense_weights * 1.4, name, ha="center")
    axis.text(place + 0.2, layer.weights * 1.4, f"{layer.weights:,}", ha="center")
axis.set_yscale("log")
axis.set_ylim(top=3e16)
axis.set_xticks(places, ["×".join(map(str, shape)) for shape in sizes])
axis.set(title="Weights of one layer that makes 64 maps", ylabel="each line is 100 times more")
axis.legend(loc="upper left")
plt.show()

# %%
# Still 4,800: the filters do not grow with the picture. A dense layer for the largest would
# have 1.6·10¹⁴ weights. No computer holds them. All of it as a table, with the multiplications and
# the memory:

table

# %%
# A whole network
# ---------------
# *LeNet-5* is a small network of 1998 that reads digits. It has two convolutional layers, and three
# dense ones at its end.
#
# .. admonition:: Predict
#
#    What share of its weights do you expect in the convolutional layers?

lenet = kl.networks.lenet5()
savings = kl.explain.savings(lenet)
total = lenet.count_params()
print(f"{savings.weights:,} of {total:,} numbers are shared: {savings.weights / total:.1%}")
print(f"as dense layers they would be {savings.dense_weights:,}")
assert savings.weights == 5 * 5 * 1 * 6 + 5 * 5 * 6 * 16 == 2_550
assert total == 61_706
assert savings.dense_weights == 784 * 4_704 + 1_176 * 1_600 == 5_569_536

# %%
# Four per cent. The two layers that look at the picture need 2,550 weights; as dense layers they
# would need 5.6 million. The few dense layers at the end hold the rest.

savings

# %%
# What to remember
# ----------------
# A dense layer has inputs × outputs weights. A convolutional one has height × width × channels of
# its filters × their number, whatever the size of the picture. It can afford this since an edge is
# an edge anywhere: the same weights serve at every place.
