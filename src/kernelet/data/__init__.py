"""Pictures and their classes: folders, archives, arrays, known data sets."""

from kernelet.data.dataset import BrokenPicture, Dataset, Split
from kernelet.data.loading import load_dataset
from kernelet.data.pictures import Pictures, load_pictures
from kernelet.data.sizing import choose_image_size

__all__ = [
    "BrokenPicture",
    "Dataset",
    "Pictures",
    "Split",
    "choose_image_size",
    "load_dataset",
    "load_pictures",
]
