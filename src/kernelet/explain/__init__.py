"""What a network does and costs, in texts and pictures."""

from kernelet.explain.feature_maps import feature_maps
from kernelet.explain.output_cell import output_cell
from kernelet.explain.shift import ShiftReport, shift
from kernelet.explain.sliding_window import SlidingWindow, sliding_window

__all__ = ["ShiftReport", "SlidingWindow", "feature_maps", "output_cell", "shift", "sliding_window"]
