"""`load_dataset`: from whatever names a data set to pictures in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from msgspec.structs import replace

from kernelet.data.arrays import LabelledArrays, to_splits
from kernelet.data.cache import PictureCache, cache_key
from kernelet.data.dataset import Dataset, Split, row_name
from kernelet.data.fashion_mnist import CLASS_NAMES, find_fashion_mnist, is_fashion_mnist
from kernelet.data.idx import find_idx_files, labels_beside, read_idx
from kernelet.data.listing import quoted
from kernelet.data.npz import read_npz
from kernelet.data.sizing import Resize, check_channels, check_image_size, check_resize
from kernelet.data.splits import choose_validation, separate_validation
from kernelet.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kernelet.data.layout import Layout
    from kernelet.data.listing import PictureTree
    from kernelet.data.reading import Decoded

Source = str | os.PathLike[str] | tuple[str | os.PathLike[str], str | os.PathLike[str]] | None

#: A larger share of broken pictures is an error.
MAXIMUM_BROKEN_SHARE = 0.2

_SAMPLE = "sample"
_FASHION_MNIST = "fashion-mnist"


def load_dataset(
    source: Source = None,
    *,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    resize: str = "crop",
    class_names: Sequence[str] | None = None,
    validation_split: float = 0.1,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    cache: bool = True,
    exclude: Collection[str] = (),
) -> Dataset:
    """Load pictures and their classes into memory.

    Parameters
    ----------
    source : path, (path, path), str or None
        A folder or zip archive of class folders (``root/cat/1.jpg``), or of ``train``,
        ``validation`` (``val``, ``valid``) and ``test`` with class folders in them; a folder of
        IDX files, an IDX file of pictures, or a pair (pictures, labels); an ``.npz`` archive;
        ``"fashion-mnist"``; ``"sample"`` or None for the sample that comes with kernelet.
    image_size : int or (int, int), optional
        Side, or (height, width), in pixels. Default: the size that most pictures share; if they
        differ, see `kernelet.data.choose_image_size`.
    channels : {1, 3}, optional
        Default: 1 if all pictures are stored as grey values, else 3.
    resize : {"crop", "stretch"}
        How pictures of other proportions fit: cut the middle out, or distort.
    class_names : sequence of str, optional
        Classes in the order of their numbers, as a trained model has them. Default: the class
        folders of train, sorted.
    validation_split : float
        Share of each class of train that becomes validation where there is none, from 0 up to
        but not including 1.
    seed : int
        Decides which pictures that are.
    threads : int, optional
        Default: as many as there are processors to use. The result does not depend on it.
    progress : callable, optional
        Called as ``progress(done, total)``, in pictures, while they are decoded.
    cache : bool
        Keep decoded pictures in the user's cache folder for the next time.
    exclude : collection of str
        Pictures to leave out: names of files inside the source, or rows of arrays such as
        ``train[12]``.

    Returns
    -------
    Dataset
        uint8 pictures (NHWC) and int32 labels. Files that could not be decoded are in
        ``broken``.

    Raises
    ------
    DataError
        If there is nothing to load, classes do not match, more than 20 % of the pictures are
        broken, the pictures do not fit into memory, or none of those to leave out is there.

    Examples
    --------
    >>> import kernelet.data
    >>> dataset = kernelet.data.load_dataset("sample", cache=False)
    >>> dataset.image_shape
    (28, 28, 1)
    >>> dataset.class_names[:3]
    ('ankle-boot', 'bag', 'coat')
    """
    size = check_image_size(image_size)
    check_channels(channels)
    way = check_resize(resize)
    choose_validation(np.zeros(0, np.int32), validation_split, seed)
    left_out = frozenset(exclude)
    options = _Options(size, channels, way, class_names, threads, progress, cache, left_out)
    with open_source(source) as (opened, name):
        if isinstance(opened, LabelledArrays):
            dataset = _from_arrays(opened, name, options)
        else:
            dataset = _from_tree(opened, name, options)
    return _with_validation(dataset, validation_split, seed)


@contextmanager
def open_source(source: Source) -> Iterator[tuple[PictureTree | LabelledArrays, str]]:
    """Open what names a data set, as `load_dataset` takes it, and give it with a name for it."""
    if source == "":  # as a path, that would be the current folder
        raise DataError(
            "The name of the data set is empty; expected a folder, a file or a known name."
        )
    if source is not None and not isinstance(source, str | os.PathLike | tuple):
        raise DataError(
            f"source is of type {type(source).__name__}; expected a folder, a file, a known name,"
            " or the (pictures, labels) of IDX files.\n"
            "  Arrays need no data set: give them to fit, or save them with numpy.savez."
        )
    if isinstance(source, tuple):
        if len(source) != 2:
            raise DataError(f"source has {len(source)} paths; expected (pictures, labels).")
        yield _idx_pair(*source), quoted(os.fspath(source[0]))
    elif source == _FASHION_MNIST and not Path(_FASHION_MNIST).exists():
        yield _idx_folder(find_fashion_mnist()), "Fashion-MNIST"
    elif source is None or (source == _SAMPLE and not Path(_SAMPLE).exists()):
        sample = resources.files("kernelet.data") / "sample" / "fashion-mnist-sample.zip"
        with resources.as_file(sample) as path, _opened(path) as found:
            yield found
    else:
        with _opened(Path(source)) as found:
            yield found


@contextmanager
def _opened(path: Path) -> Iterator[tuple[PictureTree | LabelledArrays, str]]:
    where = quoted(str(path))
    try:
        opened = _open(path, where)
    except OSError as error:
        raise DataError(f"{where} cannot be read: {error.strerror or error}.") from error
    if isinstance(opened, LabelledArrays):
        yield opened, where
        return
    try:
        yield opened, str(path)
    finally:
        opened.close()


class _Options(msgspec.Struct, frozen=True):
    """What the caller asks for; see `load_dataset`."""

    image_size: tuple[int, int] | None
    channels: int | None
    resize: Resize
    class_names: Sequence[str] | None
    threads: int | None
    progress: Callable[[int, int], None] | None
    cache: bool
    exclude: frozenset[str]


def _open(path: Path, where: str) -> PictureTree | LabelledArrays:
    """Tell by its kind and extension what a path holds."""
    if path.is_dir():
        if find_idx_files(path):
            return _idx_folder(path)
        from kernelet.data.folders import FolderTree

        return FolderTree(path)
    if path.is_file():
        if path.suffix.lower() == ".npz":
            return read_npz(path)
        if path.suffix.lower() == ".zip":
            from kernelet.data.archives import ZipTree

            return ZipTree(path)
        return _idx_beside(path)
    if path.exists():
        raise DataError(f"{where} is neither a file nor a folder.")
    raise DataError(
        f"{where} does not exist.\n"
        "  Expected a folder or .zip of class folders, IDX files, an .npz, or the name "
        f"{_FASHION_MNIST} or {_SAMPLE}."
    )


def _from_tree(tree: PictureTree, source: str, options: _Options) -> Dataset:
    store = PictureCache()
    key = cache_key(
        tree.fingerprint,
        image_size=options.image_size,
        channels=options.channels,
        resize=options.resize,
        class_names=list(options.class_names) if options.class_names is not None else None,
        **({"exclude": sorted(options.exclude)} if options.exclude else {}),
    )
    cached = store.load(key) if options.cache else None
    if cached is not None:
        return cached
    dataset = _decode_tree(tree, source, options)
    if options.cache:
        try:
            store.store(key, dataset)
        except OSError as error:
            note = f"the decoded pictures were not cached: {error.strerror or error}"
            return replace(dataset, notes=(*dataset.notes, note))
    return dataset


def _decode_tree(tree: PictureTree, source: str, options: _Options) -> Dataset:
    from kernelet.data.layout import find_layout
    from kernelet.data.reading import read_pictures

    listed = [entry for entry in tree.entries if entry.name not in options.exclude]
    excluded = _note_excluded(len(tree.entries) - len(listed), options.exclude, source)
    layout = find_layout(listed, source, options.class_names, tree.folders)
    entries = [entry for split in layout.splits.values() for entry in split.entries]
    decoded = read_pictures(
        tree,
        entries,
        image_size=options.image_size,
        channels=options.channels,
        resize=options.resize,
        threads=options.threads,
        progress=options.progress,
    )
    _refuse_broken(decoded, len(entries), source)
    splits = _divide(decoded, layout, source)
    return Dataset(
        class_names=layout.class_names,
        train=splits.get("train"),
        validation=splits.get("validation"),
        test=splits.get("test"),
        source=source,
        resize=options.resize,
        broken=tuple(decoded.broken),
        notes=(*excluded, *tree.notes, *layout.notes, *_conversions(decoded)),
    )


def _note_excluded(count: int, exclude: frozenset[str], source: str) -> list[str]:
    """Say how many pictures were left out on request."""
    if not exclude:
        return []
    if count == 0:
        raise DataError(
            f"{quoted(source)} holds none of the {len(exclude):,} pictures to leave out, such as "
            f"{quoted(min(exclude))}.\n  Names are those inside the source, like "
            "train/cat/1.jpg; of arrays, rows like train[12]."
        )
    missing = len(exclude) - count
    others = f"; {missing:,} more are not there" if missing else ""
    return [f"pictures left out as asked: {count:,}{others}"]


def _refuse_broken(decoded: Decoded, total: int, source: str) -> None:
    if len(decoded.broken) <= MAXIMUM_BROKEN_SHARE * total:
        return
    listed = "\n".join(f"  {quoted(item.file)}: {item.reason}" for item in decoded.broken[:5])
    raise DataError(
        f"{len(decoded.broken):,} of {total:,} pictures in {quoted(source)} are broken, more than "
        f"{MAXIMUM_BROKEN_SHARE:.0%}:\n{listed}\n"
        "  Repair or remove them; up to that share they are left out."
    )


def _divide(decoded: Decoded, layout: Layout, source: str) -> dict[str, Split]:
    """Cut what was decoded in one go back into its splits."""
    splits, entry_start, image_start = {}, 0, 0
    for name, files in layout.splits.items():
        kept = decoded.kept[entry_start : entry_start + len(files.entries)]
        count = int(kept.sum())
        labels = files.labels[kept]
        lost = sorted(set(files.labels.tolist()) - set(labels.tolist()))
        if lost:
            raise DataError(
                f"{name} of {quoted(source)}: every picture of "
                f"{quoted(layout.class_names[lost[0]])} is broken.\n"
                "  Repair the pictures or remove the folder."
            )
        names = [entry.name for entry, keep in zip(files.entries, kept, strict=True) if keep]
        splits[name] = Split(decoded.images[image_start : image_start + count], labels, names)
        entry_start += len(files.entries)
        image_start += count
    return splits


def _conversions(decoded: Decoded) -> list[str]:
    """Say what was done to sizes and colour forms."""
    survey, target, notes = decoded.survey, decoded.target, []
    shape = (target.height, target.width)
    if survey.sizes.keys() != {shape}:
        smallest, largest = min(survey.sizes), max(survey.sizes)
        came = "{}×{}".format(*smallest)
        if len(survey.sizes) > 1:
            came = "{:,} sizes from {}×{} to {}×{}".format(len(survey.sizes), *smallest, *largest)
        way = "scaled and cut to their middle" if target.resize == "crop" else "stretched"
        notes.append(f"pictures of {came}, {way}: {target.height}×{target.width}")
    kept_form = "L" if target.channels == 1 else "RGB"
    if survey.forms.keys() != {kept_form}:
        forms = ", ".join(f"{form} {count:,}" for form, count in survey.forms.most_common())
        became = "grey" if target.channels == 1 else "RGB"
        notes.append(f"colour forms converted to {became}: {forms}")
    return notes


def _from_arrays(arrays: LabelledArrays, source: str, options: _Options) -> Dataset:
    names, splits, notes = to_splits(
        arrays,
        source,
        image_size=options.image_size,
        channels=options.channels,
        resize=options.resize,
        class_names=options.class_names,
    )
    kept = {name: _without(split, name, options.exclude) for name, split in splits.items()}
    count = sum(map(len, splits.values())) - sum(map(len, kept.values()))
    notes += _note_excluded(count, options.exclude, source)
    splits = {name: split for name, split in kept.items() if len(split)}
    if not splits:
        raise DataError(f"Every picture of {source} is to be left out.")
    return Dataset(
        class_names=names,
        train=splits.get("train"),
        validation=splits.get("validation"),
        test=splits.get("test"),
        source=source,
        resize=options.resize,
        notes=tuple(notes),
    )


def _without(split: Split, name: str, exclude: frozenset[str]) -> Split:
    if not exclude:
        return split
    names = (row_name(name, row) for row in range(len(split)))
    rows = np.flatnonzero([one not in exclude for one in names])
    return Split(split.images[rows], split.labels[rows], origin=(name, rows))


def dataset_of(arrays: LabelledArrays, source: str) -> Dataset:
    """Return arrays that `open_source` gave as a data set, as they are."""
    return _from_arrays(
        arrays, source, _Options(None, None, "crop", None, None, None, False, frozenset())
    )


def _idx_folder(folder: Path) -> LabelledArrays:
    pairs = find_idx_files(folder)
    # Inflating takes longest, and leaves other threads alone.
    with ThreadPoolExecutor() as pool:
        arrays = pool.map(_read_pair, *zip(*pairs.values(), strict=True))
        return _named(LabelledArrays(dict(zip(pairs, arrays, strict=True))))


def _idx_beside(images: Path) -> LabelledArrays:
    labels = labels_beside(images)
    if labels is None:
        raise DataError(
            f"{quoted(str(images))} is a single file; expected a .zip, an .npz, or an IDX file of "
            "pictures\n  with its labels beside it (train-images-idx3-ubyte, "
            "train-labels-idx1-ubyte)."
        )
    return _named(LabelledArrays({"train": _read_pair(images, labels)}))


def _idx_pair(images: str | os.PathLike[str], labels: str | os.PathLike[str]) -> LabelledArrays:
    return _named(LabelledArrays({"train": _read_pair(Path(images), Path(labels))}))


def _read_pair(images: Path, labels: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    return read_idx(images), read_idx(labels)


def _named(arrays: LabelledArrays) -> LabelledArrays:
    """Add class names where the labels are those of a known data set."""
    if all(is_fashion_mnist(labels) for _, labels in arrays.splits.values()):
        return replace(arrays, class_names=CLASS_NAMES)
    return arrays


def _with_validation(dataset: Dataset, fraction: float, seed: int) -> Dataset:
    if dataset.train is None or dataset.validation is not None:
        return dataset
    train, validation = separate_validation(dataset.train, fraction, seed)
    return replace(dataset, train=train, validation=validation)
