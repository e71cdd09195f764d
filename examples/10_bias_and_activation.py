"""
Bias and activation
===================

A layer does two more things to each sum before it hands it on. It adds a number, the *bias*, and it
sends the result through a simple function, the *activation*. In short: σ(w ∗ x + b).

**Question: what are they good for?**
"""

# %%
# A threshold
# -----------
# The most common activation is *relu*: what is negative becomes 0, what is positive stays.

import matplotlib.cbook
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import kernelet as kl

with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
    photo = np.asarray(Image.open(file).convert("L"), np.float32)[None, :, :, None]
slope = kl.filters.sobel("x")[::-1, ::-1, None, None]

# %%
# .. admonition:: Predict
#
#    Four edge answers are −300, −20, 40 and 200. What does relu make of them? And what does it make
#    of them after a bias of −100 was added?

answers = np.array([-300, -20, 40, 200])
plain, biased = np.maximum(answers, 0), np.maximum(answers - 100, 0)
print("relu(x):      ", plain)
print("relu(x − 100):", biased)
assert plain.tolist() == [0, 0, 40, 200]
assert biased.tolist() == [0, 0, 0, 100]

by_layer = kl.Activation("relu")(answers[None] - 100.0)
assert np.array_equal(by_layer[0], biased)

# %%
# Relu keeps the edges of one kind: dark to bright. With a negative bias it keeps only the *strong*
# ones. The bias is a threshold.
#
# .. admonition:: Predict
#
#    The edge filter goes over the photo with biases of 0, −100 and −300. What will be left?

biases = [0, -100, -300]
maps = {b: kl.conv2d(photo, slope, bias=[b], padding="same", activation="relu") for b in biases}
lit = {b: float((values > 0).mean()) for b, values in maps.items()}
for b, share in lit.items():
    print(f"bias {b:>4}: {share:.1%} of the map is not zero")
assert lit[0] > 3 * lit[-100] > 6 * lit[-300] > 0

figure, axes = plt.subplots(1, 3, figsize=(10, 4.2), layout="constrained")
for axis, (b, values) in zip(axes, maps.items(), strict=True):
    axis.imshow(values[0, :, :, 0], cmap="gray", vmin=0, vmax=300)
    axis.set(title=f"bias {b}: {lit[b]:.0%} not zero", xticks=[], yticks=[])
plt.show()

# %%
# One bias a map
# --------------
# .. admonition:: Predict
#
#    A layer makes 64 maps of 28×28 from a picture of 32×32×3. It has 4,800 weights. How many biases
#    has it?

layer = kl.Conv2D(64, 5)
network = kl.Sequential([kl.Input((32, 32, 3)), layer])
kernel, bias = layer.get_weights()
print("weights", kernel.size, "biases", bias.size)
assert (kernel.size, bias.size) == (4_800, 64)
assert network.output_shape == (None, 28, 28, 64)

# %%
# 64, one for each map. It is added at every place of its map: this is called *broadcasting*. A
# threshold of its own for every place would forget that an edge is an edge anywhere.
#
# Without activation, layers melt
# -------------------------------
# The page on photos has shown that two blurs are one wider blur.
#
# .. admonition:: Predict
#
#    Two layers of one 3×3 filter each, without bias and activation, follow each other. Can a single
#    filter do the same? How large is it? And with relu between them?

first = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)[:, :, None, None]
second = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)[:, :, None, None]
one = kl.convolve(first[:, :, 0, 0], second[:, :, 0, 0])[:, :, None, None]
print("the single filter:", " × ".join(map(str, one.shape[:2])))

linear = kl.conv2d(kl.conv2d(photo, first), second)
assert one.shape[:2] == (5, 5)
assert np.array_equal(linear, kl.conv2d(photo, one))

bent = kl.conv2d(kl.conv2d(photo, first, activation="relu"), second)
changed = float((bent != linear).mean())
print(f"relu in between changes {changed:.0%} of the numbers")
assert changed > 0.3

# %%
# Without an activation, two layers of 3×3 are one layer of 5×5, number for number; a hundred layers
# would still be one. The bend of the activation makes depth worth something: no single filter does
# what the two do with relu in between.
#
# Is that so? Let the computer look for the best single filter, by least squares on the photo.
#
# .. admonition:: Predict
#
#    Without relu, how large will the error of the best single filter be? And with it?

windows = np.lib.stride_tricks.sliding_window_view(photo[0, :, :, 0], (5, 5))[::7, ::7]
inputs = windows.reshape(-1, 25).astype(np.float64)
errors = {}
for name, target in (("linear", linear), ("relu between", bent)):
    wanted = target[0, ::7, ::7, 0].ravel().astype(np.float64)
    best, *_ = np.linalg.lstsq(inputs, wanted, rcond=None)
    errors[name] = float(np.linalg.norm(inputs @ best - wanted) / np.linalg.norm(wanted))
    print(f"{name:12} error of the best 5×5 filter: {errors[name]:.1%}")
assert errors["linear"] < 1e-6
assert errors["relu between"] > 0.05

# %%
# What to remember
# ----------------
# A convolutional layer is σ(w ∗ x + b), a dense one σ(Wᵀx + b). The bias is a threshold, one for
# each map. The activation keeps layers from melting into one.
