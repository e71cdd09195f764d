"""What a network does and costs, in texts and pictures."""

from kernelet.explain.sliding_window import SlidingWindow, sliding_window

__all__ = ["SlidingWindow", "sliding_window"]
