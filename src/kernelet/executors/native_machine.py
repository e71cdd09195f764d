"""Loops of the engine that show what the machine does at most."""

from kernelet._engine import (
    barrier_seconds,
    base_isa,
    bfloat16_dot_rate,
    movement_rates,
    multiply_add_rate,
    region_seconds,
    tile_load_seconds,
    tile_rate,
)

__all__ = [
    "barrier_seconds",
    "base_isa",
    "bfloat16_dot_rate",
    "movement_rates",
    "multiply_add_rate",
    "region_seconds",
    "tile_load_seconds",
    "tile_rate",
]
