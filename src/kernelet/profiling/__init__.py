"""Measured times: of the machine at its best, and of every step of a network's plan."""

from kernelet.profiling.machine import MachineProfile, measure_machine
from kernelet.profiling.profile import Profile, StepProfile, profile

__all__ = ["MachineProfile", "Profile", "StepProfile", "measure_machine", "profile"]
