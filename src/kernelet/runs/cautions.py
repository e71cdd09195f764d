"""What makes a result doubtful before the training begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelet.data.listing import quoted

if TYPE_CHECKING:
    from kernelet.data import Dataset

# From this ratio on, answering the common class alone looks like a good accuracy.
_IMBALANCE = 10


def cautions(dataset: Dataset) -> list[str]:
    """Return warnings on how the pictures are spread over classes and splits."""
    return [*_imbalance(dataset), *_unmeasured(dataset)]


def _imbalance(dataset: Dataset) -> list[str]:
    counts = dataset.class_counts("train")
    rarest, commonest = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    if counts[commonest] < _IMBALANCE * counts[rarest]:
        return []
    text = (
        f"Of {quoted(rarest)} there are {counts[rarest]:,} training pictures, of "
        f"{quoted(commonest)} {counts[commonest]:,}: the network may hardly ever answer "
        f"{quoted(rarest)}.\n"
        "  Add pictures of it, and judge by the recall of each class: the accuracy hides this."
    )
    return [text]


def _unmeasured(dataset: Dataset) -> list[str]:
    if dataset.validation is None:
        return []
    trained, measured = dataset.class_counts("train"), dataset.class_counts("validation")
    without = [name for name in trained if trained[name] and not measured[name]]
    if not without:
        return []
    listed = ", ".join(map(quoted, without[:5])) + (", …" if len(without) > 5 else "")
    text = (
        f"There are no validation pictures of {listed}: how well the network knows such pictures "
        "has no part in choosing the best epoch."
    )
    return [text]
