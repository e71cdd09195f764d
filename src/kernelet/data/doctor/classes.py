"""Classes that are too small, or too unequal, to learn or to measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelet.data.doctor.findings import Finding, Item, counted
from kernelet.data.listing import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Below so many training pictures a class is hardly learned: default networks begin from random
#: weights.
FEWEST_TO_LEARN = 20
#: Below so many pictures, recall moves in steps of more than 20 %.
FEWEST_TO_MEASURE = 5
#: From this ratio on, answering the common class alone looks like a good accuracy.
IMBALANCE = 10


def class_findings(counts: Mapping[str, Mapping[str, int]]) -> Iterator[Finding]:
    """Judge the number of pictures of each class.

    Parameters
    ----------
    counts : mapping of str to mapping of str to int
        Pictures by split and class, as `Dataset.class_counts` gives them.
    """
    yield from _too_small(counts)
    if "train" in counts:
        yield from _imbalance(counts["train"])


def _too_small(counts: Mapping[str, Mapping[str, int]]) -> Iterator[Finding]:
    for split, by_class in counts.items():
        fewest = FEWEST_TO_LEARN if split == "train" else FEWEST_TO_MEASURE
        small = sorted((count, name) for name, count in by_class.items() if count < fewest)
        if not small:
            continue
        items = tuple(
            (Item(name, split, name, detail=counted(count, "picture")),) for count, name in small
        )
        least, name = small[0]
        classes = "classes have" if len(small) > 1 else "class has"
        yield Finding(
            "small-class",
            f"{len(small):,} {classes} fewer than {fewest} pictures in {split} "
            f"(fewest: {quoted(name)}, {least:,})",
            "Add pictures, or join the class with one that it resembles."
            if split == "train"
            else "Add pictures: the recall of so few says little.",
            items,
            len(small),
        )


def _imbalance(by_class: Mapping[str, int]) -> Iterator[Finding]:
    filled = {name: count for name, count in by_class.items() if count > 0}
    if not filled:
        return
    rarest, commonest = min(filled, key=filled.__getitem__), max(filled, key=filled.__getitem__)
    fewest, most = filled[rarest], filled[commonest]
    if most < IMBALANCE * fewest:
        return
    rare = sorted((count, name) for name, count in filled.items() if IMBALANCE * count <= most)
    yield Finding(
        "imbalance",
        f"classes are unequal {most / fewest:,.0f} : 1 in train "
        f"({quoted(commonest)} {most:,}, {quoted(rarest)} {fewest:,})",
        "Add pictures of the rare classes, and judge by the recall of each class: the accuracy "
        "hides this.",
        tuple(
            (Item(name, "train", name, detail=counted(count, "picture")),) for count, name in rare
        ),
        len(rare),
    )
