"""What a network does and costs, in texts and pictures."""

from kernelet.explain.diagram import Diagram, diagram
from kernelet.explain.feature_maps import feature_maps
from kernelet.explain.grad_cam import GradCam, grad_cam
from kernelet.explain.occlusion import Occlusion, occlusion
from kernelet.explain.output_cell import output_cell
from kernelet.explain.savings import Savings, savings
from kernelet.explain.shift import ShiftReport, shift
from kernelet.explain.sliding_window import SlidingWindow, sliding_window
from kernelet.explain.strongest_patches import StrongestPatches, strongest_patches
from kernelet.explain.summary import Summary, summarize

__all__ = [
    "Diagram",
    "GradCam",
    "Occlusion",
    "Savings",
    "ShiftReport",
    "SlidingWindow",
    "StrongestPatches",
    "Summary",
    "diagram",
    "feature_maps",
    "grad_cam",
    "occlusion",
    "output_cell",
    "savings",
    "shift",
    "sliding_window",
    "strongest_patches",
    "summarize",
]
