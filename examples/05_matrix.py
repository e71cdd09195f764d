"""
The same as a matrix
====================

A result of a sliding window is a sum of products. So is a result of a matrix product.
Every convolution can be written as one: the picture, laid out as one long row of numbers, times a
matrix.

**Question: what does that matrix look like, and how large is it?**
"""

# %%
# One row for each place
# ----------------------
# A signal of four numbers and a filter of two, *w₁* = 1 and *w₂* = 2. In the mode *valid* there
# are 4 − 2 + 1 = 3 places. Each row of the matrix makes one result.

import matplotlib.pyplot as plt
import numpy as np

import kernelet as kl
from kernelet.data import load_dataset

# %%
# .. admonition:: Predict
#
#    The first result is 1·a₁ + 2·a₂. Its row of the matrix is 1, 2, 0, 0. What are the other two
#    rows?

small = kl.convolution_matrix([1, 2], 4, mode="valid", flip=False)
print(small)
assert small.tolist() == [[1, 2, 0, 0], [0, 1, 2, 0], [0, 0, 1, 2]]

signal = np.array([3, 1, 4, 1])
assert np.array_equal(small @ signal, kl.correlate(signal, [1, 2], mode="valid"))

# %%
# The same two numbers, moved by one cell from row to row. A matrix with the same number along each
# diagonal is called a *Toeplitz* matrix; one with numbers near its diagonal only is *banded*.
#
# A picture
# ---------
# Now the picture of 5×5 and the filter of 3×3 from the first page. The picture becomes a row of 25
# numbers, one line of pixels after the other.
#
# .. admonition:: Predict
#
#    The result has 3×3 = 9 numbers. How many rows and columns does the matrix have? How many of
#    its cells can be other than zero? In how many bands will they lie?

picture = np.array(
    [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
)
weights = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
matrix = kl.convolution_matrix(weights, picture.shape, mode="valid", flip=False)
print(matrix.shape, "with", np.count_nonzero(matrix), "weights")
assert matrix.shape == (9, 25)
assert np.count_nonzero(matrix) == 9 * 9

by_matrix = (matrix @ picture.ravel()).reshape(3, 3)
assert np.array_equal(by_matrix, kl.correlate(picture, weights, mode="valid"))

figure, axis = plt.subplots(figsize=(10, 4.6), layout="constrained")
axis.imshow(np.where(matrix == 0, np.nan, matrix), cmap="viridis", vmin=-3, vmax=12)
for (row, column), value in np.ndenumerate(matrix):
    if value:
        axis.text(column, row, value, ha="center", va="center", color="white", fontsize=9)
axis.set_xticks(np.arange(-0.5, 25, 5), minor=True)
axis.set_yticks(np.arange(-0.5, 9, 3), minor=True)
axis.grid(which="minor", color="0.7")
axis.set(xlabel="pixel of the picture, line after line", ylabel="number of the result")
axis.set_title("Three bands, one for each line of the filter: 81 weights in 225 cells")
plt.show()

# %%
# Nine rows, 25 columns, nine weights in each row. Where a line of the filter lies on a line of the
# picture there is a small banded matrix; the thin lines show them. These blocks again lie in
# bands. It is a banded matrix of banded matrices.
#
# Only nine different numbers stand in it. They are used again and again: the weights are *shared*.
#
# How large it becomes
# --------------------
# A real picture: an ankle boot of 28×28 pixels, and a blur of 5×5 weights. The mode is *valid*.
#
# .. admonition:: Predict
#
#    The result is 24×24. How many cells does the matrix have? What share of them is zero?

data = load_dataset("sample")
boot = data.test.images[data.test.labels == data.class_names.index("ankle-boot")][0, :, :, 0]
boot = boot.astype(np.float32)
blur = kl.filters.gaussian(1, size=5)

large = kl.convolution_matrix(blur, boot.shape, mode="valid")
zeros = 1 - np.count_nonzero(large) / large.size
print(f"{large.shape[0]} × {large.shape[1]} = {large.size:,} cells, {zeros:.1%} of them zero")
assert large.shape == (24 * 24, 28 * 28)
assert large.size == 451_584
assert np.count_nonzero(large) == 576 * 25

by_matrix = (large @ boot.ravel()).reshape(24, 24)
by_window = kl.convolve(boot, blur, mode="valid")
assert np.allclose(by_matrix, by_window, rtol=0, atol=1e-3)

figure, axes = plt.subplots(1, 3, figsize=(10, 3.9), layout="constrained")
axes[0].imshow(boot, cmap="gray")
axes[0].set_title("28×28 pixels")
axes[1].spy(large, markersize=0.3)
axes[1].set_title("the matrix: 576 × 784")
axes[2].imshow(by_matrix, cmap="gray")
axes[2].set_title("their product: 24×24")
for axis in axes:
    axis.set(xticks=[], yticks=[])
plt.show()

# %%
# 25 weights have become 451,584 cells, and 97 % of them are zero. They would be multiplied all the
# same.
#
# A layer of a network
# --------------------
# A colour picture of 32×32 has 32·32·3 = 3,072 numbers. A layer with 64 filters of 5×5×3 makes 64
# results of 28×28 of it: 50,176 numbers.
#
# .. admonition:: Predict
#
#    How many weights do the filters have? How many cells would the matrix have, and how many bytes
#    at 4 bytes a cell?

ledger = kl.cost((32, 32, 3), (5, 5, 3, 64), mode="valid")
print(f"filters: {ledger.weights:,} weights, {4 * ledger.weights:,} bytes")
print(
    f"matrix: {ledger.matrix.rows:,} × {ledger.matrix.columns:,} = {ledger.dense_weights:,} cells,"
    f" {ledger.matrix.dense_bytes:,} bytes"
)
assert ledger.weights == 5 * 5 * 3 * 64 == 4_800
assert ledger.dense_weights == 50_176 * 3_072 == 154_140_672
assert ledger.matrix.dense_bytes == 616_562_688

# %%
# 4,800 weights take 19 kB. The matrix takes 617 MB, thirty-two thousand times as much. kernelet
# tells the size beforehand, and refuses matrices that would not fit into memory:

try:
    kl.convolution_matrix(np.ones((5, 5, 3, 64), np.float32), (4000, 6000, 3), mode="valid")
except kl.KerneletError as error:
    print(error)
else:
    raise AssertionError("such a matrix fits nowhere")

# %%
# What to remember
# ----------------
# A convolution is a product with a banded matrix that holds the same few weights again and again.
# The matrix is good for thinking. For computing it is far too large: the next page measures it.
