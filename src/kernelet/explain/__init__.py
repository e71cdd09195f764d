"""What a network does and costs, in texts and pictures."""

from kernelet.explain.feature_maps import feature_maps
from kernelet.explain.output_cell import output_cell
from kernelet.explain.savings import Savings, savings
from kernelet.explain.shift import ShiftReport, shift
from kernelet.explain.sliding_window import SlidingWindow, sliding_window
from kernelet.explain.summary import Summary, summarize

__all__ = [
    "Savings",
    "ShiftReport",
    "SlidingWindow",
    "Summary",
    "feature_maps",
    "output_cell",
    "savings",
    "shift",
    "sliding_window",
    "summarize",
]
