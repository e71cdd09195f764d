"""
Convolution turns the filter round
==================================

There are two ways to lay a filter over a picture: as it is written, or turned round by half a turn.
The first is called *correlation*, the second *convolution*.
Everything else is the same: multiply, add up, move on.

**Question: when does it matter which of the two is used?**
"""

# %%
# A single one
# ------------
# The simplest signal that there is: zeros with a single 1. The filter is 1, 2, 3.

import matplotlib.cbook
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import kernelet as kl

signal = np.array([0, 0, 1, 0, 0])
weights = np.array([1, 2, 3])

# %%
# .. admonition:: Predict
#
#    Slide 1, 2, 3 over the signal without turning it, with one zero beyond each end. Which weight
#    meets the 1 first: the left one or the right one? Write down the five sums.

correlated = kl.correlate(signal, weights, mode="same")
print(kl.explain.sliding_window(signal, weights, mode="same").to_text())
assert correlated.tolist() == [0, 3, 2, 1, 0]

# %%
# The filter comes in from the left, so its *right* end meets the 1 first: the answer is the filter
# backwards.
#
# .. admonition:: Predict
#
#    Now the filter is turned round before it slides: 3, 2, 1. What are the five sums?

convolved = kl.convolve(signal, weights, mode="same")
print(kl.explain.sliding_window(signal, weights, mode="same", flip=True).to_text())
assert convolved.tolist() == [0, 1, 2, 3, 0]

# %%
# Convolution gives the filter back the right way round. This is why mathematics prefers it: each
# 1 of the signal is replaced by a copy of the filter. It has another advantage. With *full*,
# signal and filter may change places:

assert np.array_equal(kl.convolve(signal, weights), kl.convolve(weights, signal))
assert not np.array_equal(kl.correlate(signal, weights), kl.correlate(weights, signal))

# %%
# One from the other
# ------------------
# The picture and the filter of the first page:

picture = np.array(
    [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
)
window = np.array([[0, 1, 2], [2, 2, 0], [0, 1, 2]])

# %%
# .. admonition:: Predict
#
#    In two dimensions the filter is turned upside down *and* left to right. If you turn it
#    yourself first and then convolve, it has been turned twice. What comes out?

turned = window[::-1, ::-1]
print(turned)
twice = kl.convolve(picture, turned, mode="valid")
assert np.array_equal(twice, kl.correlate(picture, window, mode="valid"))
assert twice.tolist() == [[12, 12, 17], [10, 17, 19], [9, 6, 14]]
once = kl.convolve(picture, window, mode="valid")
print(once)
assert not np.array_equal(once, twice)

# %%
# Turned twice is not turned at all: the convolution with the turned filter is the correlation.
#
# Looking for something
# ---------------------
# Correlation asks at every place: how much does this part of the picture look like the filter?
# Cut a piece out of a photo, take its mean off, and use the piece as the filter. The photo shows
# Grace Hopper, who wrote one of the first compilers; the piece is the emblem on her cap.

with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
    photo = np.asarray(Image.open(file).convert("L"), np.float32)
row, column, size = 26, 232, 56
piece = photo[row : row + size, column : column + size]
pattern = piece - piece.mean()

# %%
# .. admonition:: Predict
#
#    Where will the correlation of the photo with the piece be largest? And will the convolution
#    be largest at the same place?

answers = {
    "correlation": kl.correlate(photo, pattern, mode="valid"),
    "convolution": kl.convolve(photo, pattern, mode="valid"),
}
places = {name: np.unravel_index(values.argmax(), values.shape) for name, values in answers.items()}
for name, (found_row, found_column) in places.items():
    print(f"{name}: largest at row {found_row}, column {found_column}")
assert places["correlation"] == (row, column)
assert places["convolution"] != (row, column)

figure, axes = plt.subplots(1, 3, figsize=(10, 4.2), layout="constrained")
axes[0].imshow(piece, cmap="gray")
axes[0].set_title("the piece")
for axis, (name, (found_row, found_column)) in zip(axes[1:], places.items(), strict=True):
    axis.imshow(photo, cmap="gray")
    axis.add_patch(
        plt.Rectangle(
            (found_column, found_row), size, size, fill=False, edgecolor="C1", linewidth=2
        )
    )
    axis.set_title(f"{name}: found here")
for axis in axes:
    axis.set(xticks=[], yticks=[])
plt.show()

# %%
# The correlation finds the piece where it was cut out. The convolution looks for the piece turned
# upside down, and finds something else.
#
# When it does not matter
# -----------------------
# .. admonition:: Predict
#
#    Which filters give the same with both?

blur = kl.filters.gaussian(3)
assert np.array_equal(blur, blur[::-1, ::-1])
assert np.array_equal(kl.convolve(photo, blur, "same"), kl.correlate(photo, blur, "same"))

slope = kl.filters.sobel("x")
assert np.array_equal(slope, -slope[::-1, ::-1])
assert np.array_equal(kl.convolve(photo, slope, "same"), -kl.correlate(photo, slope, "same"))
print("gaussian: the same; sobel: the same with the other sign")

# %%
# Those that look the same after half a turn, such as every round blur.
#
# It does not matter for networks either. They *learn* their weights. A network that convolves
# would learn the same weights turned round. So the layers of kernelet, as those of every
# framework, spare the turn: what they call convolution is a correlation.
#
# What to remember
# ----------------
# Convolution is correlation with the filter turned by half a turn. Convolution for signals and
# filters that somebody designed; correlation to look for patterns, and in networks.
