"""A film of a layer's filters as they form."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from kernelet.errors import ConfigurationError, UsageError
from kernelet.interchange.atomic import write_atomically
from kernelet.layers import Conv2D
from kernelet.training.callbacks.base import Callback, Logs

if TYPE_CHECKING:
    from PIL import Image

    from kernelet.model import Model

#: What a film may be written as, by the end of its name.
FORMATS = {".gif": "GIF", ".png": "PNG"}

_FRAME_MILLISECONDS = 150
_LAST_FRAME_MILLISECONDS = 2000


class FilterFilm(Callback):
    """Film the filters of a convolution while they are trained.

    The first frame shows the filters before the first step, the last one those at the end. All
    frames share one scale of colours, so that filters that grow are seen to grow.

    Parameters
    ----------
    filepath : str or Path
        Where to write the film, an animation: ``.gif``, or ``.png`` (with all colours). It
        replaces a file of that name when training is over, also where training was interrupted
        or failed.
    layer : str, optional
        Name of a `kernelet.Conv2D`. Default: the first one.
    save_freq : "epoch" or int
        A frame at the end of every epoch, or every so many steps. Steps make each step a call of
        the engine, which small networks feel.
    max_frames : int
        At least 2. Where there would be more, every other frame is left out, again and again, so
        that films and checkpoints of long trainings stay small.

    Attributes
    ----------
    frames : ndarray of float32, shape (frames, rows, columns, channels, filters)
        The filters of each frame.
    labels : list of str
        When each frame was taken: ``start``; ``epoch 1`` or ``step 20``, counted from 1; ``end``.

    Raises
    ------
    ConfigurationError
        If an argument makes no sense; when training begins, also if the model has no such layer.
    UsageError
        When training begins, if there is no folder to write to.

    Notes
    -----
    The frames are part of a checkpoint: a training that was interrupted and resumed writes the
    film, byte for byte, of one that was not.

    Examples
    --------
    >>> film = FilterFilm("filters.gif", save_freq=10)
    >>> film.labels
    []
    """

    def __init__(
        self,
        filepath: str | Path,
        layer: str | None = None,
        save_freq: Literal["epoch"] | int = "epoch",
        max_frames: int = 120,
    ) -> None:
        self.path = Path(filepath)
        if self.path.suffix.lower() not in FORMATS:
            raise ConfigurationError(
                f"a film is written to a file that ends in {' or '.join(FORMATS)}, not"
                f" {str(self.path)!r}."
            )
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise ConfigurationError(
                f'save_freq must be "epoch" or a number of steps of at least 1, not {save_freq!r}.'
            )
        if max_frames < 2:
            raise ConfigurationError(f"max_frames must be at least 2, not {max_frames}.")
        self.layer, self.save_freq, self.max_frames = layer, save_freq, max_frames
        self._forget()
        if save_freq != "epoch":
            # As an attribute, so that films of epochs leave several steps to one call.
            self.on_train_batch_end = self._count_step  # type: ignore[method-assign]

    def _forget(self) -> None:
        self._frames: list[NDArray[np.float32]] = []
        self.labels: list[str] = []
        self._steps = 0
        self._moments = 0
        # Every so many moments become a frame.
        self._spacing = 1

    @property
    def frames(self) -> NDArray[np.float32]:
        """The filters of each frame."""
        return np.stack(self._frames) if self._frames else np.zeros((0,) * 5, np.float32)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._forget()
        self._filmed = _layer_to_film(self.model, self.layer)
        folder = self.path.resolve().parent
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder} to write the film to; make it first.")
        self._take("start")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._take(f"epoch {epoch + 1}")

    def _count_step(self, batch: int, logs: Logs | None = None) -> None:
        assert self.save_freq != "epoch"
        self._steps += 1
        if self._steps % self.save_freq == 0:
            self._take(f"step {self._steps}")

    def close(self) -> None:
        """Write the film."""
        if not self._frames:
            return
        if not np.array_equal(self._frames[-1], self._filmed.kernel):
            # Steps after the last frame, or weights that another callback has put back.
            del self._frames[self.max_frames - 1 :], self.labels[self.max_frames - 1 :]
            self._append("end")
        write_atomically(self.path, self.to_bytes())

    def state(self) -> dict[str, Any]:
        counters = {"steps": self._steps, "moments": self._moments, "spacing": self._spacing}
        return {"frames": self.frames, "labels": self.labels, **counters}

    def restore(self, state: dict[str, Any]) -> None:
        self._frames, self.labels = list(state["frames"]), list(state["labels"])
        self._steps, self._moments = state["steps"], state["moments"]
        self._spacing = state["spacing"]

    def _take(self, label: str) -> None:
        """Make a frame of this moment if it is one of those to keep."""
        if len(self._frames) == self.max_frames and self._moments % self._spacing == 0:
            self._frames, self.labels = self._frames[::2], self.labels[::2]
            self._spacing *= 2
        if self._moments % self._spacing == 0:
            self._append(label)
        self._moments += 1

    def _append(self, label: str) -> None:
        self._frames.append(self._filmed.kernel.copy())
        self.labels.append(label)

    # -- the animation ---------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """Return the film as the bytes of a file of its kind.

        Raises
        ------
        UsageError
            If nothing was filmed yet.
        """
        if not self._frames:
            raise UsageError("nothing was filmed yet; give the callback to fit.")
        first, *rest = self._pictures()
        file = io.BytesIO()
        times = [_FRAME_MILLISECONDS] * len(rest) + [_LAST_FRAME_MILLISECONDS]
        kind = FORMATS[self.path.suffix.lower()]
        first.save(file, kind, save_all=True, append_images=rest, duration=times, loop=0)
        return file.getvalue()

    def _pictures(self) -> list[Image.Image]:
        from kernelet.explain.filter_sheet import filter_sheet

        limit = float(np.abs(self.frames).max())
        labelled = zip(self._frames, self.labels, strict=True)
        return [filter_sheet(frame, limit, label) for frame, label in labelled]

    def _repr_html_(self) -> str | None:
        """Show the film in notebooks."""
        if not self._frames:
            return None
        kind = FORMATS[self.path.suffix.lower()].lower()
        content = base64.b64encode(self.to_bytes()).decode()
        shape = "×".join(map(str, self._frames[0].shape[:2]))
        text = f"Film of {self._frames[0].shape[3]} filters of {shape} while they are trained"
        return f'<img src="data:image/{kind};base64,{content}" alt="{text}">'


def _layer_to_film(model: Model, name: str | None) -> Conv2D:
    """Return the layer of a name, or the first one that can be filmed."""
    if name is not None:
        layer = model.get_layer(name)
        if not isinstance(layer, Conv2D):
            raise ConfigurationError(
                f"only the filters of a Conv2D can be filmed; {name!r} is a {type(layer).__name__}."
            )
        return layer
    for layer in model.layers:
        if isinstance(layer, Conv2D):
            return layer
    raise ConfigurationError("the model has no Conv2D whose filters could be filmed.")
