"""
A network that tells clothes apart
==================================

*LeNet-5*, made by Yann LeCun and others in 1998 to read the digits on cheques, was the first
convolutional network in daily use. All later ones follow its plan: twice a convolution and a
*pooling*, which makes maps smaller, and then dense layers that decide.

**Question: how do the sizes come about, what do the filters become, and what does the network
confuse?**
"""

# %%
# The plan
# --------
# The pictures have 28×28 pixels. The layers, in their order:
#
# 1. convolution, 6 filters of 5×5, mode *same*
# 2. pooling: of each 2×2 cells only the largest is kept
# 3. convolution, 16 filters of 5×5, mode *valid*
# 4. pooling as before
# 5. all that is left in one row of numbers (*flatten*)
# 6. dense layers of 120, 84 and 10 outputs, one for each kind of clothes
#
# .. admonition:: Predict
#
#    How large are the maps after each of the first four layers? How many numbers are in the row?

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import kernelet as kl
from kernelet.callbacks import FilterFilm
from kernelet.data import load_dataset

data = load_dataset("sample")
model = kl.networks.lenet5(data.image_shape, len(data.class_names), seed=0)
model.summary()

shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
assert shapes["conv1"] == (28, 28, 6)
assert shapes["pool1"] == (14, 14, 6)
assert shapes["conv2"] == (10, 10, 16)
assert shapes["pool2"] == (5, 5, 16)
assert shapes["flatten"] == (400,)
assert model.count_params() == 61_706

# %%
# 28, 14, 14 − 5 + 1 = 10, 5. Sixteen maps of 5×5 are 400 numbers. The picture becomes smaller and
# deeper: less and less *where*, more and more *what*. The same as a drawing:

kl.explain.diagram(model)

# %%
# Training
# --------
# 4,860 pictures of ten kinds of clothes to learn from, and 900 others to be tested on.
#
# .. admonition:: Predict
#
#    How many of 100 test pictures does the network name rightly before it has learned anything?
#    How many after ten rounds, which take about a second?

train, test = data.train, data.test
model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
_, untrained = model.evaluate(test.images, test.labels, verbose=0)
first_filters = model.get_layer("conv1").get_weights()[0]

film = FilterFilm(Path(tempfile.gettempdir()) / "lenet_filters.gif", save_freq=38)
history = model.fit(
    train.images,
    train.labels,
    batch_size=32,
    epochs=10,
    validation_data=(test.images, test.labels),
    verbose=0,
    callbacks=[film],
)
loss, accuracy = model.evaluate(test.images, test.labels, verbose=0)
print(f"before: {untrained:.0%}, after: {accuracy:.0%}")
assert untrained < 0.25
assert accuracy > 0.8

figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
epochs = range(1, 11)
for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
    axis.plot(epochs, history.history[name], marker="o", label="on what it learns from")
    axis.plot(epochs, history.history[f"val_{name}"], marker="o", label="on other pictures")
    axis.set(xlabel="epoch", title=name, xticks=epochs)
    axis.legend()
plt.show()

# %%
# Before, it guesses: about one in ten. Afterwards it is right for more than eight in ten. It is a
# little better on the pictures that it has learned from than on others, because it has begun to
# know them by heart.
#
# What the first filters became
# -----------------------------
# .. admonition:: Predict
#
#    The six filters of the first layer began at random. Nobody has told them what an edge is. What
#    will they look like?

film

# %%
# They become patches of light against dark: edges in several directions. It can be measured. In
# noise, neighbouring weights have nothing to do with each other; in an edge, they are alike.

last_filters = model.get_layer("conv1").get_weights()[0]


def likeness(filters):
    """Correlate each weight with its right and lower neighbour."""
    pairs = [(filters[:, 1:], filters[:, :-1]), (filters[1:], filters[:-1])]
    return float(np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]))


print(
    f"neighbouring weights correlate: before {likeness(first_filters):.2f}, "
    f"after {likeness(last_filters):.2f}"
)
assert likeness(last_filters) > likeness(first_filters) + 0.15

# %%
# What the layers make of a picture
# ---------------------------------
# .. admonition:: Predict
#
#    A picture of a sneaker goes through the network. In which layer will you still recognise it?

sneaker = test.images[test.labels == data.class_names.index("sneaker")][0]
maps = kl.explain.feature_maps(model, sneaker[None])

figure, axes = plt.subplots(4, 8, figsize=(10, 5.4), layout="constrained")
for axis in axes.flat:
    axis.axis("off")
axes[0, 0].imshow(sneaker[:, :, 0], cmap="gray")
axes[0, 0].set_title("picture", fontsize=9)
for k in range(6):
    axes[0, k + 2].imshow(maps["conv1"][0, :, :, k], cmap="magma")
    axes[1, k + 2].imshow(maps["pool1"][0, :, :, k], cmap="magma")
axes[0, 2].set_title("conv1: 28×28", fontsize=9)
axes[1, 2].set_title("pool1: 14×14", fontsize=9)
for k in range(8):
    axes[2, k].imshow(maps["conv2"][0, :, :, k], cmap="magma")
    axes[3, k].imshow(maps["pool2"][0, :, :, k], cmap="magma")
axes[2, 0].set_title("conv2: 10×10", fontsize=9)
axes[3, 0].set_title("pool2: 5×5", fontsize=9)
plt.show()

answer = maps["classes"][0]
best = np.argsort(answer)[::-1][:3]
print(", ".join(f"{data.class_names[k]} {answer[k]:.1%}" for k in best))
assert data.class_names[best[0]] == "sneaker"
assert np.isclose(answer.sum(), 1, atol=1e-5)

# %%
# In the first layer it is a shoe, seen by six kinds of eyes. After the second pooling there are
# tables of 5×5 that mean something to the dense layers only. These end in ten numbers, which add up
# to 1: how sure the network is of each kind.
#
# What it confuses
# ----------------
# A *confusion matrix* has a row for what is on the picture and a column for what the network says.
# What is right lies on the diagonal.
#
# .. admonition:: Predict
#
#    Which two kinds of clothes will be confused most? Trousers and bags? Sneakers and ankle boots?
#    Or shirts and something else?

said = model.predict(test.images).argmax(axis=1)
confusion = np.zeros((10, 10), int)
np.add.at(confusion, (test.labels, said), 1)
recall = confusion.diagonal() / confusion.sum(axis=1)
for k in np.argsort(recall):
    print(f"{data.class_names[k]:12} {recall[k]:.0%} recognised")

confused = np.triu(confusion + confusion.T, 1)
pair = [data.class_names[k] for k in np.unravel_index(confused.argmax(), confused.shape)]
print(f"confused most: {pair[0]} and {pair[1]}, {confused.max()} times")

assert confusion.sum() == 900
assert np.isclose(confusion.trace() / 900, accuracy)
assert "shirt" in pair
assert recall[data.class_names.index("trouser")] > 0.9

figure, axis = plt.subplots(figsize=(7.5, 6.4), layout="constrained")
axis.imshow(np.sqrt(confusion), cmap="Blues")
for (row, column), count in np.ndenumerate(confusion):
    if count:
        colour = "white" if count > 40 else "black"
        axis.text(column, row, count, ha="center", va="center", color=colour)
axis.set_xticks(range(10), data.class_names, rotation=45, ha="right")
axis.set_yticks(range(10), data.class_names)
axis.set(xlabel="what the network says", ylabel="what it is", title="900 test pictures")
plt.show()

# %%
# Shirts, with T-shirts, pullovers and coats: at 28×28 pixels people confuse them, too. Trousers
# look like nothing else.
#
# What to remember
# ----------------
# Convolution, pooling, convolution, pooling, then dense layers. The maps become smaller and more.
# Nobody designs the filters: they become edge finders because that helps to tell clothes apart.
