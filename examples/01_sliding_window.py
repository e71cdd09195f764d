"""
A window slides over a picture
==============================

A grey picture is a table of numbers, one for each pixel.
A *filter* is a smaller table, and its numbers are called *weights*.
The filter is laid over the picture. Each weight is multiplied by the number below it, and the
products are added up to one number.
Then the filter moves on by one pixel and the same is done again.
The table of all these sums is the result.

**Question: what comes out, and how large is it?**
"""

# %%
# One position, by hand
# ---------------------
# Here is a picture of 5×5 pixels and a filter of 3×3 weights. In the upper left corner the filter
# lies over these nine numbers:
#
# .. code-block:: text
#
#    picture    filter
#    3 3 2      0 1 2
#    0 0 1      2 2 0
#    3 1 2      0 1 2

import matplotlib.pyplot as plt
import numpy as np

import kernelet as kl

picture = np.array(
    [
        [3, 3, 2, 1, 0],
        [0, 0, 1, 3, 1],
        [3, 1, 2, 2, 3],
        [2, 0, 0, 2, 2],
        [2, 0, 0, 0, 1],
    ]
)
weights = np.array(
    [
        [0, 1, 2],
        [2, 2, 0],
        [0, 1, 2],
    ]
)

# %%
# .. admonition:: Predict
#
#    Multiply each number of the picture by the weight at the same place, and add up the nine
#    products. What is the sum?

shown = kl.explain.sliding_window(picture, weights, mode="valid")
first = shown.steps[0]
print("\n".join(shown.equations()[0]))
assert first.products.tolist() == [[0, 3, 4], [0, 0, 0], [0, 1, 4]]
assert first.total == 12

# %%
# All positions
# -------------
# The filter moves along the row, then down to the next one. It must lie on the picture with all
# of its nine weights. This is called the mode *valid*.
#
# .. admonition:: Predict
#
#    In how many places can a filter that is 3 wide lie on a picture that is 5 wide?
#    How large is the result?

print(shown.arithmetic)
print(shown.result)
assert shown.result.tolist() == [[12, 12, 17], [10, 17, 19], [9, 6, 14]]
assert kl.output_length(5, 3, "valid") == 5 - 3 + 1 == 3

# %%
# A picture of N and a filter of K leave N − K + 1 places. Here is every one of them. The small
# numbers in the corners are the weights.

shown

# %%
# The whole operation is one call:

result = kl.correlate(picture, weights, mode="valid")
assert np.array_equal(result, shown.result)

# %%
# Three modes
# -----------
# The filter may also move beyond the border. Out there lie imaginary zeros.
#
# - *valid*: the filter stays on the picture. N − K + 1 places.
# - *same*: the filter's middle goes to every pixel of the picture. N places.
# - *full*: the filter goes as far as it touches the picture at all. N + K − 1 places.
#
# .. admonition:: Predict
#
#    How large is the result of each mode for a picture of 5 and a filter of 3?
#    What is the number in the very corner of the *full* result, where only the filter's last
#    weight lies on the picture's first pixel?

results = {mode: kl.correlate(picture, weights, mode) for mode in ("valid", "same", "full")}
for mode, numbers in results.items():
    print(f"{mode}: {kl.explain.sliding_window(picture, weights, mode).arithmetic}")
    print(numbers, end="\n\n")

sizes = {mode: numbers.shape for mode, numbers in results.items()}
assert sizes == {"valid": (3, 3), "same": (5, 5), "full": (7, 7)}
assert results["full"][0, 0] == picture[0, 0] * weights[2, 2] == 6

# %%
# The smaller results lie inside the larger ones. The zeros change only sums near the border.

assert np.array_equal(results["full"][1:-1, 1:-1], results["same"])
assert np.array_equal(results["same"][1:-1, 1:-1], results["valid"])

figure, axes = plt.subplots(1, 3, figsize=(10, 3.9), layout="constrained")
for axis, (mode, numbers) in zip(axes, results.items(), strict=True):
    margin = (numbers.shape[0] - 3) // 2
    axis.imshow(numbers, cmap="Blues", vmin=0, vmax=30)
    for (row, column), number in np.ndenumerate(numbers):
        axis.text(column, row, number, ha="center", va="center")
    axis.add_patch(
        plt.Rectangle((margin - 0.5, margin - 0.5), 3, 3, fill=False, edgecolor="C1", linewidth=2)
    )
    axis.set(title=f"{mode}: {numbers.shape[0]}×{numbers.shape[1]}", xticks=[], yticks=[])
plt.show()

# %%
# What to remember
# ----------------
# A filter turns a picture into another picture. Each number of the result is a sum of products.
# The mode says how far the filter moves: *valid* gives N − K + 1 numbers, *same* N, *full*
# N + K − 1.
