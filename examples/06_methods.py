"""
Three ways to compute the same
==============================

The definition says: multiply and add, at every place. The matrix does the same with many more
numbers. And there is a third way, the *fast Fourier transform* (FFT): it takes picture and filter
apart into waves, multiplies wave by wave, and puts the result together again.

**Question: which of the three is fastest, and does it depend on the size of the filter?**
"""

# %%
# All three agree
# ---------------

import time

import matplotlib.cbook
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import kernelet as kl

with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
    photo = np.asarray(Image.open(file).convert("L"), np.float32)
corner = photo[:40, :40]
blur = kl.filters.gaussian(2, size=9)

direct = kl.convolve(corner, blur, mode="same", method="direct")
fft = kl.convolve(corner, blur, mode="same", method="fft")
matrix = kl.convolution_matrix(blur, corner.shape, mode="same")
product = (matrix @ corner.ravel()).reshape(corner.shape)
for name, values in (("FFT", fft), ("matrix", product)):
    print(f"{name}: differs from direct by at most {np.abs(values - direct).max():.1g}")
    assert np.allclose(values, direct, rtol=0, atol=1e-3)

# %%
# They differ only by rounding, since computers keep about seven digits of such numbers.
#
# How much work it is
# -------------------
# The photo has 600×512 = 307,200 pixels. Count one multiplication with its addition as one.
#
# .. admonition:: Predict
#
#    How many multiply-adds does the definition need for a filter of 31×31? And the matrix, which
#    multiplies its zeros, too?

cells, taps = photo.size, 31 * 31
work = {"direct": cells * taps, "matrix": cells * cells}
prediction = kl.choose_method(photo.shape, (31, 31), mode="same")
print(prediction)
by_name = {one.method: one for one in prediction.predictions}
work["FFT"] = by_name["fft"].multiply_adds
for name, count in work.items():
    print(f"{name:7} {count:>17,}")
assert by_name["direct"].multiply_adds == work["direct"] == 295_219_200
assert work["matrix"] == 94_371_840_000
assert work["FFT"] < work["direct"] / 4

# %%
# The definition needs as many for each pixel as the filter has weights: 961. The matrix needs one
# for each *pair* of pixels, 320 times as many. The FFT needs far fewer than both.
#
# The table has more ways. *separable* takes filters that are a column times a row, such as a
# Gaussian, and does one after the other. *matmul* is the matrix idea made bearable: small blocks,
# used again and again.
#
# Memory
# ------
# .. admonition:: Predict
#
#    How many bytes would the matrix of this photo take, at 4 bytes a number? Would it fit into your
#    computer?

size = kl.cost(photo.shape, (31, 31), mode="same").matrix
print(f"the matrix: {size.dense_bytes / 1e9:,.0f} GB; the photo: {photo.nbytes / 1e6:.1f} MB")
assert size.dense_bytes == 4 * 307_200**2 == 377_487_360_000
sparse = size.sparse_bytes
print(f"without its zeros: {sparse / 1e9:.1f} GB")
assert sparse > 1000 * photo.nbytes

# %%
# 377 GB for a photo of 1.2 MB. Leaving out the zeros makes it 2.3 GB, still two thousand times
# the photo.
#
# Time
# ----
# .. admonition:: Predict
#
#    A filter that is twice as wide has four times as many weights. How does the time of *direct*
#    grow with the width? And that of the FFT?

widths = [3, 5, 7, 11, 15, 21, 31, 41]
methods = ("direct", "fft")
rng = np.random.default_rng(0)


def milliseconds(width, method):
    """Measure the best of five calls."""
    weights = rng.normal(size=(width, width)).astype(np.float32)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        kl.convolve(photo, weights, mode="same", method=method)
        times.append(1e3 * (time.perf_counter() - began))
    return min(times)


measured = {name: [milliseconds(width, name) for width in widths] for name in methods}

side = 40
began = time.perf_counter()
matrix @ corner.ravel()
matrix_milliseconds = 1e3 * (time.perf_counter() - began)

print("width   " + "".join(f"{name:>12}" for name in methods))
for number, width in enumerate(widths):
    times = "".join(f"{measured[name][number]:>9.2f} ms" for name in methods)
    print(f"{width:>2}×{width:<5}{times}")
print(f"the matrix, for a corner of {side}×{side} alone: {matrix_milliseconds:.2f} ms")

figure, axis = plt.subplots(figsize=(8, 4.2), layout="constrained")
for name in methods:
    axis.plot(widths, measured[name], marker="o", label=name)
axis.set(xlabel="width of the filter", ylabel="milliseconds", title="A photo of 600×512, measured")
axis.set_ylim(bottom=0)
axis.legend()
plt.show()

# %%
# *direct* grows with the number of weights, the square of the width. The FFT takes about as long
# for every filter. So small filters are best done directly, large ones by FFT. Where the curves
# cross depends on the computer; kernelet measures yours, and ``method="auto"`` chooses.

choices = {width: kl.choose_method(photo.shape, (width, width), "same") for width in (3, 41)}
for width, choice in choices.items():
    print(f"{width}×{width}: {choice.method}")
grows = {
    name: large.multiply_adds / small.multiply_adds
    for name in methods
    for small, large in [
        [one for c in choices.values() for one in c.predictions if one.method == name]
    ]
}
for name, factor in grows.items():
    print(f"{name}: {factor:.1f} times as many multiply-adds for 41×41 as for 3×3")
assert round(grows["direct"]) == round(41**2 / 3**2) == 187
assert grows["fft"] < 4

# %%
# What to remember
# ----------------
# Direct: few numbers, little memory, best for small filters, which are what networks have. FFT:
# best for large filters. The full matrix: correct, and never worth it.
