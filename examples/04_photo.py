"""
Filters change pictures
=======================

Blurring, sharpening, finding edges: what picture editors do with a click is one small table of
weights that slides over the photo.

**Question: what do the weights of a filter tell about what it does?**
"""

# %%
# Four filters of nine weights
# ----------------------------

import matplotlib.cbook
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import kernelet as kl

with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
    photo = np.asarray(Image.open(file).convert("L"), np.float32)
print("a photo of", " × ".join(map(str, photo.shape)), "pixels")

filters = {
    "A": np.array([[1, 1, 1], [1, 1, 1], [1, 1, 1]], np.float32) / 9,
    "B": np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], np.float32),
    "C": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], np.float32),
    "D": np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], np.float32),
}
for name, weights in filters.items():
    print(f"\n{name}:")
    print(weights.round(2))

# %%
# .. admonition:: Predict
#
#    Which of them blurs the photo, which leaves it as it is, which sharpens it, and which shows
#    its edges?
#
#    A hint: think of an even wall, where all nine pixels have the same value. What is the sum?

answers = {name: kl.convolve(photo, w, "same", boundary="symm") for name, w in filters.items()}
titles = {"A": "A blurs", "B": "B changes nothing", "C": "C sharpens", "D": "D finds edges"}
top, left = slice(150, 260), slice(160, 370)

figure, axes = plt.subplots(2, 2, figsize=(10, 6), layout="constrained")
for axis, (name, values) in zip(axes.flat, answers.items(), strict=True):
    limits = {"vmin": -400, "vmax": 400} if name == "D" else {"vmin": 0, "vmax": 255}
    axis.imshow(values[top, left], cmap="gray", **limits)
    axis.set(title=titles[name], xticks=[], yticks=[])
plt.show()

assert np.array_equal(answers["B"], photo)

# %%
# **A** takes the average of nine pixels, so that details melt. **B** takes the middle pixel alone.
# **C** takes the middle pixel and adds its difference from its four neighbours: what differs,
# differs more. **D** takes the pixels on one side minus those on the other.
#
# The sum of the weights
# ----------------------
# .. admonition:: Predict
#
#    An even grey wall of brightness 100: what does each filter make of it?

wall = np.full((5, 5), 100, np.float32)
on_the_wall = {
    name: float(kl.convolve(wall, w, "valid")[0, 0].round(3)) for name, w in filters.items()
}
sums = {name: float(w.sum().round(3)) for name, w in filters.items()}
for name in filters:
    print(f"{name}: weights add up to {sums[name]:g}, the wall becomes {on_the_wall[name]:g}")
assert sums == {"A": 1, "B": 1, "C": 1, "D": 0}
assert on_the_wall == {"A": 100, "B": 100, "C": 100, "D": 0}

# %%
# Weights that add up to 1 keep brightness. Weights that add up to 0 forget brightness and answer
# to *differences*. Edge filters are of the second kind: their answers are negative, zero or
# positive. In the picture above 0 is grey, negative answers are darker and positive ones brighter.
#
# Two directions
# --------------
# D compares left with right. Turned by a quarter it compares above with below.
#
# .. admonition:: Predict
#
#    Which of the two answers more to the stripes of the ribbons, which stand upright? Which one to
#    the long brim of the cap, which lies almost level?

across = kl.convolve(photo, kl.filters.sobel("x"), "same", boundary="symm")
down = kl.convolve(photo, kl.filters.sobel("y"), "same", boundary="symm")
regions = {"ribbons": np.s_[500:526, 330:450], "brim": np.s_[120:140, 170:360]}

for name, region in regions.items():
    strength = [float(np.abs(values[region]).mean()) for values in (across, down)]
    print(f"{name:8} sobel-x {strength[0]:4.0f}   sobel-y {strength[1]:4.0f}")
    assert (strength[0] > strength[1]) == (name == "ribbons")

figure, axes = plt.subplots(1, 3, figsize=(10, 4.3), layout="constrained")
shown = {"photo": photo, "|sobel-x|": np.abs(across), "|sobel-y|": np.abs(down)}
for axis, (name, values) in zip(axes, shown.items(), strict=True):
    axis.imshow(values, cmap="gray", vmax=255 if name == "photo" else 400)
    for region in regions.values():
        rows, columns = region
        corner = columns.start, rows.start
        size = columns.stop - columns.start, rows.stop - rows.start
        axis.add_patch(plt.Rectangle(corner, *size, fill=False, edgecolor="C1"))
    axis.set(title=name, xticks=[], yticks=[])
plt.show()

# %%
# A filter answers to what looks like it. *sobel-x* has dark beside bright, and answers to upright
# edges; *sobel-y* has dark above bright, and answers to level ones.
#
# Twice is wider
# --------------
# .. admonition:: Predict
#
#    The photo is blurred with a Gaussian of width 3, and the result with one of width 4. One blur
#    does the same at once. How wide is it: 3.5, 5, 7 or 12?

twice = kl.convolve(
    kl.convolve(photo, kl.filters.gaussian(3), "same", boundary="symm"),
    kl.filters.gaussian(4),
    "same",
    boundary="symm",
)
once = {
    sigma: kl.convolve(photo, kl.filters.gaussian(sigma), "same", boundary="symm")
    for sigma in (3.5, 5, 7, 12)
}
inside = np.s_[80:-80, 80:-80]
differences = {
    sigma: float(np.abs(blurred - twice)[inside].mean()) for sigma, blurred in once.items()
}
for sigma, difference in differences.items():
    print(f"width {sigma:4}: differs by {difference:.3f} grey values on average")
assert min(differences, key=differences.get) == 5
assert differences[5] < 0.05

# %%
# Five, since 3² + 4² = 5². Two filters one after the other are one filter: the convolution of the
# two. This will matter for networks, which lay many filters after one another.
#
# What to remember
# ----------------
# Weights that add up to 1 change a picture and keep its brightness. Weights that add up to 0 ask
# about differences. A filter answers to what looks like it.
