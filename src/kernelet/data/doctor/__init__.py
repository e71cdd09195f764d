"""The data doctor: what is wrong with a set of pictures, before and after training."""

from kernelet.data.doctor.diagnosis import Diagnosis, diagnose
from kernelet.data.doctor.examination import examine
from kernelet.data.doctor.exclusion import read_exclusion, write_exclusion
from kernelet.data.doctor.findings import Finding, Findings, Item
from kernelet.data.doctor.labels import doubtful_labels

__all__ = [
    "Diagnosis",
    "Finding",
    "Findings",
    "Item",
    "diagnose",
    "doubtful_labels",
    "examine",
    "read_exclusion",
    "write_exclusion",
]
