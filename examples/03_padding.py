"""
Where the zeros go
==================

In the modes *same* and *full* the filter reaches beyond the border of the picture, and finds
imaginary zeros there. This is called *padding*.

**Question: how many zeros are there, and on which side?**
"""

# %%
# A picture that counts
# ---------------------
# Take a signal of ones and a filter of ones. Every product is 1 where the filter lies on the
# signal, and 0 where it lies on padding. So each sum *counts* how many weights lie on the signal.

import matplotlib.cbook
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import kernelet as kl

ones = np.ones(8, int)

# %%
# .. admonition:: Predict
#
#    A filter of three ones slides over eight ones in the mode *same*. What are the eight sums?

print(kl.correlate(ones, np.ones(3, int), mode="same"))
assert kl.correlate(ones, np.ones(3, int), mode="same").tolist() == [2, 3, 3, 3, 3, 3, 3, 2]

# %%
# Only the first and the last sum lack one product. So there is one zero before and one after:
# K − 1 = 2 zeros in all, as many on each side. For every odd K, *same* has (K − 1) / 2 zeros on
# each side, because an odd filter has a middle.
#
# .. admonition:: Predict
#
#    The same with the mode *full*: how many sums are there, and what are they?

print(kl.correlate(ones, np.ones(3, int), mode="full"))
assert kl.correlate(ones, np.ones(3, int), mode="full").tolist() == [1, 2, *[3] * 6, 2, 1]

# %%
# *Full* has K − 1 = 2 zeros on *each* side, and 8 + 3 − 1 = 10 sums.
#
# Filters without a middle
# ------------------------
# A filter of four ones has no middle. *Same* needs K − 1 = 3 zeros, and they cannot be shared
# equally. One side gets two, the other gets one.
#
# .. admonition:: Predict
#
#    Two zeros before the signal and one after it, or the other way round?

by_operator = kl.correlate(ones, np.ones(4, int), mode="same")
by_layer = kl.conv1d(ones[None, :, None], np.ones((4, 1, 1)), padding="same")[0, :, 0]
print("operator:", by_operator)
print("layer:   ", by_layer.astype(int))
assert by_operator.tolist() == [2, 3, 4, 4, 4, 4, 4, 3]
assert by_layer.tolist() == [3, 4, 4, 4, 4, 4, 3, 2]

# %%
# Both are in use. The operator does as SciPy does: two zeros before, one after. Layers do as Keras
# and TensorFlow do: one before, two after. Neither is wrong, but the results are shifted by one
# cell against each other, and it is good to know. Most filters in networks are odd for this
# reason.
#
# Steps of more than one
# ----------------------
# A filter may also skip places. With a *stride* of 2 it moves by two cells at a time, and the
# result is half as long. *Same* then means: as many places as steps begin in the signal, N / 2,
# rounded up.
#
# .. admonition:: Predict
#
#    A layer with a filter of 3 and a stride of 2 goes over eight ones in the mode *same*. It has
#    four places and needs only one zero. On which side is it?

strided = kl.conv1d(ones[None, :, None], np.ones((3, 1, 1)), strides=2, padding="same")[0, :, 0]
print(strided.astype(int))
assert strided.tolist() == [3, 3, 3, 2]
assert kl.output_length(8, 3, "same", stride=2) == 4

# %%
# After the signal: only the last window reaches beyond the border. The first window begins on the
# first cell, not before it.
#
# .. admonition:: Predict
#
#    The mode *valid* has no zeros. With a filter of 3 and a stride of 2 on eight cells: how many
#    places are there? Does the filter see the last cell?

print(kl.output_length(8, 3, "valid", stride=2))
assert kl.output_length(8, 3, "valid", stride=2) == (8 - 3) // 2 + 1 == 3
last = np.array([0, 0, 0, 0, 0, 0, 0, 1.0])
assert not kl.conv1d(last[None, :, None], np.ones((3, 1, 1)), strides=2).any()

# %%
# Three places: cells 1 to 3, 3 to 5 and 5 to 7. No window covers the eighth cell, so a 1 there
# leaves no trace. With a stride, *valid* may overlook the end of a picture.
#
# What padding does to a photo
# ----------------------------
# .. admonition:: Predict
#
#    A photo is blurred with a wide filter in the mode *same*. Black is 0. What will its border
#    look like?

with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
    photo = np.asarray(Image.open(file).convert("L"), np.float32)
blur = kl.filters.gaussian(16)
blurred = {
    "zeros": kl.correlate(photo, blur, mode="same"),
    "mirrored": kl.correlate(photo, blur, mode="same", boundary="symm"),
    "from the opposite side": kl.correlate(photo, blur, mode="same", boundary="wrap"),
}

figure, axes = plt.subplots(1, 3, figsize=(10, 4.3), layout="constrained")
for axis, (name, values) in zip(axes, blurred.items(), strict=True):
    axis.imshow(values, cmap="gray", vmin=0, vmax=255)
    axis.set(title=name, xticks=[], yticks=[])
plt.show()

corners = {name: float(values[0, -1]) for name, values in blurred.items()}
print({name: round(value) for name, value in corners.items()})
assert corners["zeros"] < 0.35 * corners["mirrored"]

# %%
# Zeros make a dark frame. In the corner three quarters of the filter lie on padding, so the
# result is about a quarter as bright as it should be. For photos the mirrored picture is the
# better choice; networks use zeros, because they are cheap and the network learns around them.
# The third choice takes the cells of the opposite border.
#
# What to remember
# ----------------
# *Same* needs K − 1 zeros. An odd filter has half of them on each side. For an even filter the
# operator puts the extra one before the signal, as SciPy does; a layer puts it after, as Keras
# does. A stride skips places, and zeros that no window would reach are left out.
