"""
A filter is learned
===================

So far somebody has chosen the weights. In a network nobody does: they are *learned* from examples.
An example is an input together with the answer that is wanted.

**Question: can a computer find a filter if it sees only pictures before and after?**
"""

# %%
# Pictures before and after
# -------------------------
# A thousand pictures of clothes, and what an edge filter makes of them. The weights of that filter
# are the secret to be found out.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import kernelet as kl
from kernelet.callbacks import FilterFilm
from kernelet.data import load_dataset
from kernelet.layers import Conv2D, Input
from kernelet.optimizers import Adam

data = load_dataset("sample")
before = data.train.images[:1000].astype(np.float32) / 255
secret = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)
after = kl.conv2d(before, secret[:, :, None, None])
print("before:", before.shape, " after:", after.shape)

figure, axes = plt.subplots(2, 6, figsize=(10, 3.4), layout="constrained")
for upper, lower, picture, answer in zip(*axes, before[:6], after[:6], strict=True):
    upper.imshow(picture[:, :, 0], cmap="gray")
    lower.imshow(answer[:, :, 0], cmap="gray", vmin=-3, vmax=3)
    upper.set(xticks=[], yticks=[])
    lower.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("before")
axes[1, 0].set_ylabel("after")
plt.show()

# %%
# A network of one filter
# -----------------------
# The network is a single filter of 3×3. Its nine weights begin at random.
#
# Learning goes like this. Apply the filter to a few pictures. Measure how far its answers are from
# those wanted: the *loss*, here the mean of the squared differences. Work out for each weight
# whether the loss falls if the weight grows or shrinks: the *gradient*. Move every weight a little
# in the better direction. Repeat. This is *gradient descent*, and ``fit`` does it.

model = kl.Sequential([Input((28, 28, 1)), Conv2D(1, 3, use_bias=False)], seed=0)
model.compile(Adam(learning_rate=0.05), "mean_squared_error")
start = model.get_weights()[0][:, :, 0, 0]
print(start.round(2))

# %%
# .. admonition:: Predict
#
#    After twenty rounds over all pictures (*epochs*): will the weights be near to the secret ones?
#    Will they be the secret ones to two decimals? Or will another filter do as well?

path = Path(tempfile.gettempdir()) / "learned_filter.gif"
film = FilterFilm(path, save_freq=8)
history = model.fit(before, after, batch_size=32, epochs=20, verbose=0, callbacks=[film])
learned = model.get_weights()[0][:, :, 0, 0]
print(learned.round(2) + 0.0)
print(f"the largest difference from the secret filter is {np.abs(learned - secret).max():.1e}")
assert np.abs(start - secret).max() > 1
assert np.abs(learned - secret).max() < 0.005

# %%
# All nine weights are found. The film shows how they form: blue is below 0, white is 0, red is
# above.

film

# %%
# The loss
# --------
# .. admonition:: Predict
#
#    Draw the loss, epoch by epoch. Where does it fall fastest?

losses = history.history["loss"]
print(f"epoch 1: {losses[0]:.4f}, epoch 5: {losses[4]:.6f}, epoch 20: {losses[-1]:.1e}")
assert losses[0] > 100 * losses[4]
assert losses[-1] < 1e-5

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
left.plot(range(1, 21), losses, marker="o")
left.set(xlabel="epoch", ylabel="loss", title="the loss (each line is 10 times less)")
left.set_yscale("log")
left.set_xticks([1, 5, 10, 15, 20])
steps = [8 * frame for frame in range(len(film.frames))]
right.plot(steps, film.frames.reshape(len(steps), 9))
for wanted in np.unique(secret):
    right.axhline(wanted, color="0.7", linewidth=0.8, zorder=0)
right.set(xlabel="step", ylabel="weight", title="the nine weights on their way")
plt.show()

# %%
# At the beginning, where the filter is most wrong. Then smaller and smaller corrections follow.
# The grey lines are the secret weights, −2, −1, 0, 1 and 2; each of the nine curves ends on one.
#
# What was not shown cannot be learned
# ------------------------------------
# .. admonition:: Predict
#
#    Another network sees only one kind of picture: even grey walls, all pixels alike, with the
#    answer 0 that the edge filter gives to them. Which filter will it find?

walls = np.ones((200, 28, 28, 1), np.float32) * np.linspace(0, 1, 200)[:, None, None, None]
blind = kl.Sequential([Input((28, 28, 1)), Conv2D(1, 3, use_bias=False)], seed=0)
blind.compile(Adam(learning_rate=0.05), "mean_squared_error")
nothing = np.zeros((200, 26, 26, 1), np.float32)
blind.fit(walls.astype(np.float32), nothing, epochs=100, verbose=0)
found = blind.get_weights()[0][:, :, 0, 0]
loss = blind.evaluate(walls, nothing, verbose=0)
print(found.round(2))
print(f"sum of the weights {abs(found.sum()):.4f}, loss {loss:.1e}")
assert abs(found.sum()) < 0.01
assert np.abs(found - secret).max() > 1

# %%
# One whose weights add up to 0, and otherwise what it was at the beginning. On walls it is perfect,
# and it has no idea of edges. A network learns what its examples tell, and nothing else.
#
# What to remember
# ----------------
# Filters are found by gradient descent on examples. Nothing here was made for edges: with other
# answers, the same nine numbers would have become a blur.
