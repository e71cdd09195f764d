"""The data doctor: what is wrong with a set of pictures, before and after training."""

from kernelet.data.doctor.examination import examine
from kernelet.data.doctor.findings import Finding, Findings, Item

__all__ = ["Finding", "Findings", "Item", "examine"]
