"""
Pooling: the largest or the average
===================================

Between convolutions, networks make their maps smaller. *Pooling* divides a map into small squares
and keeps one number of each: the largest (*max pooling*) or the average (*average pooling*).
There is nothing to learn in it, it has no weights.

**Question: what does each of the two keep, and which is better?**
"""

# %%
# By hand
# -------

import matplotlib.cbook
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import kernelet as kl
from kernelet.data import load_dataset
from kernelet.layers import (
    AveragePooling2D,
    Conv2D,
    Dense,
    Flatten,
    Input,
    MaxPooling2D,
    Rescaling,
)

small = np.array([[1, 3, 0, 0], [2, 2, 0, 8], [5, 5, 1, 2], [5, 5, 3, 4]], np.float32)
print(small.astype(int))

# %%
# .. admonition:: Predict
#
#    Squares of 2×2, side by side. What is the largest number of each, and what is the average?

largest = kl.max_pool2d(small[None, :, :, None], 2)[0, :, :, 0]
average = kl.average_pool2d(small[None, :, :, None], 2)[0, :, :, 0]
print("largest:")
print(largest)
print("average:")
print(average)
assert largest.tolist() == [[3, 8], [5, 4]]
assert average.tolist() == [[2, 2], [5, 2.5]]

# %%
# Look at the upper two squares. To the average they are the same: 2. To the maximum they are not:
# one has an 8 in it.
#
# Sizes
# -----
# .. admonition:: Predict
#
#    A map of 100×100 is pooled by 2. How large is it then? And after three poolings? How many of
#    the 10,000 numbers are left?

sizes = [100]
for _ in range(3):
    sizes.append(kl.output_length(sizes[-1], 2, "valid", stride=2))
print(sizes, f"{sizes[-1] ** 2 / 100**2:.1%} of the numbers are left")
assert sizes == [100, 50, 25, 12]

# %%
# 50, 25, 12: the last of 25 lines finds no partner and is left out. Each pooling makes all further
# work four times smaller.
#
# A photo
# -------
# .. admonition:: Predict
#
#    A photo with a thin white line and a few white dots on its dark parts is pooled by 8. In which
#    of the two results will line and dots survive?

with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
    photo = np.asarray(Image.open(file).convert("L"), np.float32)[:600, :512].copy()
photo[408:592, 380] = 255
photo[500:590:16, 40:200:32] = 255
pooled = {
    "max": kl.max_pool2d(photo[None, :, :, None], 8)[0, :, :, 0],
    "average": kl.average_pool2d(photo[None, :, :, None], 8)[0, :, :, 0],
}
assert pooled["max"].shape == (75, 64)
line = {name: float(values[52:73, 380 // 8].mean()) for name, values in pooled.items()}
beside = {name: float(values[52:73, 380 // 8 + 4].mean()) for name, values in pooled.items()}
for name in pooled:
    print(f"{name:8} on the line {line[name]:4.0f}, beside it {beside[name]:4.0f}")
assert line["max"] > 240
assert line["average"] < 100

figure, axes = plt.subplots(1, 3, figsize=(10, 4.2), layout="constrained")
shown = {"photo": photo, "max by 8": pooled["max"], "average by 8": pooled["average"]}
for axis, (name, values) in zip(axes, shown.items(), strict=True):
    axis.imshow(values, cmap="gray", vmin=0, vmax=255)
    axis.set(title=f"{name}: {values.shape[0]}×{values.shape[1]}", xticks=[], yticks=[])
plt.show()

# %%
# The maximum keeps them, as wide as a whole cell. The average all but loses them, and gives the
# better small photo. The two ask different questions: *is there something anywhere in the square*,
# or *how much is there on the whole*.
#
# Which one for a network?
# ------------------------
# A map tells where a pattern was found. So the first question is the one to ask.
#
# .. admonition:: Predict
#
#    Two networks that differ in their pooling alone are trained three times each, from different
#    first weights. Will max pooling be better? In all three?

data = load_dataset("sample")
train, test = data.train, data.test


def accuracy(pooling, seed):
    """Train a small network and return the share of test pictures that it names rightly."""
    layers = [
        Input(data.image_shape),
        Rescaling(1 / 255),
        Conv2D(16, 3, activation="relu"),
        pooling(2),
        Conv2D(32, 3, activation="relu"),
        pooling(2),
        Flatten(),
        Dense(10, activation="softmax"),
    ]
    model = kl.Sequential(layers, seed=seed)
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(train.images, train.labels, batch_size=32, epochs=8, verbose=0, seed=seed)
    return model.evaluate(test.images, test.labels, verbose=0)[1]


results = {
    "max": [accuracy(MaxPooling2D, seed) for seed in range(3)],
    "average": [accuracy(AveragePooling2D, seed) for seed in range(3)],
}
for name, values in results.items():
    print(f"{name:8} " + "  ".join(f"{value:.1%}" for value in values))
assert np.mean(results["max"]) > np.mean(results["average"])

# %%
# On these pictures max pooling is ahead by two or three points. Measured on 900 pictures, each
# number is uncertain by about one point, so three of them say more than one. It is no law: where a
# whole surface matters, the average may win. The kind of pooling is a choice to try out, a
# *hyperparameter*.
#
# What to remember
# ----------------
# Pooling by 2 halves height and width. The maximum asks whether something is there, the average how
# much. It has no weights, and it makes all later layers cheaper.
