"""
Colour
======

A colour picture holds three numbers for each pixel: how much red, how much green and how much
blue. It is a block of height × width × 3 numbers.
A filter for it is a block, too: rows × columns × 3 weights. It lies over all three colours at once,
and all its products are added up to *one* number.

**Question: can a filter look for something red and overlook the same thing in green?**
"""

# %%
# Red and green circles
# ---------------------
# A picture with a red circle on the left and a green one on the right.

import matplotlib.cbook
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw

import kernelet as kl

drawing = Image.new("RGB", (96, 48), (40, 40, 40))
pen = ImageDraw.Draw(drawing)
pen.ellipse((12, 12, 36, 36), fill=(230, 30, 30))
pen.ellipse((60, 12, 84, 36), fill=(30, 230, 30))
circles = np.asarray(drawing, np.float32)
print("picture:", " × ".join(map(str, circles.shape)))

# %%
# The filter is a disk of 25×25. Where the disk is, it counts red as +1, green and blue as −1/2.
# Elsewhere it is 0. The weights of one pixel add up to 0, so that grey and white do not count.

y, x = np.mgrid[-12:13, -12:13]
disk = np.hypot(x, y) <= 12
red_disk = disk[:, :, None] * np.array([1, -0.5, -0.5]) / disk.sum()
print("filter:", " × ".join(map(str, red_disk.shape)))

# %%
# .. admonition:: Predict
#
#    The filter slides over the picture in the mode *valid*. What is the shape of the result: does
#    it have a third axis? What does the filter answer to the middle of the red circle, and what to
#    the middle of the green one: something positive, zero, or negative?

answer = kl.conv2d(circles[None], red_disk[..., None])[0, :, :, 0]
at_red, at_green = float(answer[12, 12]), float(answer[12, 60])
print("result:", " × ".join(map(str, answer.shape)))
print(f"on the red circle {at_red:.0f}, on the green one {at_green:.0f}")
assert answer.shape == (48 - 25 + 1, 96 - 25 + 1)
assert round(at_red) == round(230 - 0.5 * 30 - 0.5 * 30) == 200
assert round(at_green) == round(30 - 0.5 * 230 - 0.5 * 30) == -100
row, column = np.unravel_index(answer.argmax(), answer.shape)
assert (row, column) == (12, 12)

# %%
# One flat map: the filter moves in two directions only, down and to the right, because it is as
# deep as the picture. It is (H − K + 1) × (W − K + 1). Red gets 200, green gets −100.
#
# Three maps in one
# -----------------
# The sum over the three colours can be made in two steps: one map for each colour, then their sum.
#
# .. admonition:: Predict
#
#    What does the red slice of the filter alone answer to the two circles? What do the green and
#    the blue slice add?

parts = np.stack(
    [kl.correlate(circles[:, :, c], red_disk[:, :, c], mode="valid") for c in range(3)], axis=2
)
assert np.allclose(parts.sum(axis=2), answer, rtol=0, atol=1e-3)
print("           red  green  blue    sum")
for name, place in (("red circle", (12, 12)), ("green one ", (12, 60))):
    numbers = [float(number) for number in parts[place]]
    print(name, "".join(f"{number:+6.0f}" for number in numbers), f"{sum(numbers):+7.0f}")
assert [round(float(n)) for n in parts[12, 12]] == [230, -15, -15]
assert [round(float(n)) for n in parts[12, 60]] == [30, -115, -15]

figure, axes = plt.subplots(2, 3, figsize=(10, 4.2), layout="constrained")
axes[0, 0].imshow(circles.astype(np.uint8))
axes[0, 0].set_title("picture")
maps = {"from red": 0, "from green": 1, "from blue": 2}
limits = {"cmap": "gray", "vmin": -230, "vmax": 230}
for axis, (name, channel) in zip(axes.flat[2:5], maps.items(), strict=True):
    axis.imshow(parts[:, :, channel], **limits)
    axis.set_title(name)
axes[0, 1].imshow(np.clip(255 * (0.5 + red_disk * disk.sum() / 2), 0, 255).astype(np.uint8))
axes[0, 1].set_title("filter (0 is grey)")
image = axes[1, 2].imshow(answer, **limits)
axes[1, 2].set_title("their sum: the answer")
for axis in axes.flat:
    axis.set(xticks=[], yticks=[])
figure.colorbar(image, ax=axes, shrink=0.6)
plt.show()

# %%
# Zero is grey, positive is brighter, negative is darker. Red alone would answer to both a little.
# The green slice decides: it takes 115 away from the green circle. A filter of a network does just
# that, with weights it has learned.
#
# A photo
# -------
# .. admonition:: Predict
#
#    Here is a smaller red filter, and a blue one of the same shape, on a photo. Where will each of
#    them answer most: on the face, the blue wall behind it, the stripes of the flag, the dark coat?

with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
    photo = np.asarray(Image.open(file), np.float32)
square = np.ones((9, 9, 1)) / 81
filters = np.stack([square * [1, -0.5, -0.5], square * [-0.5, -0.5, 1]], axis=-1)
red, blue = np.moveaxis(kl.conv2d(photo[None], filters, padding="same")[0], -1, 0)

regions = {
    "face": np.s_[200:300, 200:320],
    "wall": np.s_[60:300, 400:500],
    "red stripe": np.s_[310:350, 85:115],
    "coat": np.s_[420:470, 330:450],
}
print("            red filter  blue filter")
for name, region in regions.items():
    print(f"{name:10}  {red[region].mean():>10.0f}  {blue[region].mean():>11.0f}")
means = {name: (red[region].mean(), blue[region].mean()) for name, region in regions.items()}
assert max(means, key=lambda name: means[name][0]) == "red stripe"
assert max(means, key=lambda name: means[name][1]) == "wall"
assert all(abs(number) < 15 for number in means["coat"])

figure, axes = plt.subplots(1, 3, figsize=(10, 4.2), layout="constrained")
axes[0].imshow(photo.astype(np.uint8))
axes[0].set_title("photo")
for axis, name, values in zip(axes[1:], ("red filter", "blue filter"), (red, blue), strict=True):
    axis.imshow(values, cmap="gray", vmin=-150, vmax=150)
    axis.set_title(name)
for axis in axes:
    axis.set(xticks=[], yticks=[])
plt.show()

# %%
# The red filter answers most to the stripe and also to the skin; the blue one to the wall, and it
# turns negative where the picture is yellowish. Both leave the black coat and the white collar at
# about zero: there red, green and blue are alike, and the weights add up to 0.
#
# What to remember
# ----------------
# A filter is as deep as its picture, and its answer is one flat map: the sum over all channels.
# Where colours count with different signs, it tells colours apart.
