"""Native engine of kernelet: arrays in, arrays out."""

from collections.abc import Sequence
import enum

import numpy


class CacheSizes:
    """Bytes of the caches one core sees; 0 where the machine does not say."""

    @property
    def l1d(self) -> int: ...

    @property
    def l2(self) -> int: ...

    @property
    def l3(self) -> int: ...

class Processor:
    """A processor, as it and the operating system allow it to be used."""

    @property
    def brand(self) -> str:
        """Name it gives itself; empty where it gives none."""

    @property
    def levels(self) -> tuple[str, ...]:
        """Usable instruction sets, from scalar to the best."""

    @property
    def best(self) -> str:
        """That of `levels` which networks run fastest by."""

    @property
    def caches(self) -> CacheSizes: ...

    @property
    def features(self) -> tuple[str, ...]:
        """Usable extensions, by their names in /proc/cpuinfo."""

def processor() -> Processor:
    """The processor this program runs on."""

def resolve_isa(isa: str | None = None) -> str:
    """
    The instruction set to use: `isa`, else the one KERNELET_ISA names, else the
    best.

    Raises ConfigurationError where the name is unknown or the processor lacks it.
    """

def usable_threads() -> int:
    """
    Threads to use: KERNELET_THREADS where set, else the processors that affinity
    and control groups allow this process.

    Raises ConfigurationError where KERNELET_THREADS is not a whole number from 1
    to 1024.
    """

def check_threads(threads: int) -> None:
    """Raise ConfigurationError unless this many threads may be asked for."""

def cgroup_limit(root: str = '/') -> float | None:
    """
    Processors, possibly a fraction, that this process' control groups allow; None
    where they set no quota. `root` is the folder that stands for "/".
    """

class MovementRates:
    """Bytes a second, those read and those written both counted."""

    @property
    def read(self) -> float: ...

    @property
    def write(self) -> float: ...

    @property
    def copy(self) -> float: ...

def multiply_add_rate(isa: str, threads: int, repetitions: int) -> float:
    """
    Multiply-adds of float32 a second, of all threads together at their best.
    """

def bfloat16_dot_rate(threads: int, repetitions: int) -> float:
    """Multiply-adds of bfloat16 in vectors a second; 0 where there are none."""

def tile_rate(threads: int, repetitions: int) -> float:
    """Multiply-adds of tiles of bfloat16 a second; 0 where there are none."""

def tile_load_seconds(bytes: int, stride: int, offset: int, repetitions: int) -> float:
    """
    Seconds to load a tile whose rows begin `stride` bytes apart, `offset` bytes
    behind a cache line, out of `bytes`; 0 where there are no tiles.
    """

def movement_rates(isa: str, bytes: int, threads: int, repetitions: int) -> MovementRates:
    """
    How fast threads go through `bytes` of their own, all together at their best.
    """

def base_isa(isa: str) -> str:
    """
    The instruction set that all but the bfloat16 kernels of `isa` are compiled for.
    """

def barrier_seconds(threads: int, repetitions: int) -> float:
    """
    Seconds that threads which arrive at the same time take to leave a barrier.
    """

def region_seconds(threads: int) -> float:
    """Seconds until threads have been brought together and are done."""

LANES: int = 16

ALIGNMENT: int = 16

def activation_names() -> list[str]:
    """Names of the activations, in the order of their numbers."""

def kernel_names() -> list[str]:
    """Names of all kernels."""

def bfloat16_operand_size(kernel: str, arguments: dict[str, object]) -> int:
    """
    Floats of the last operand of a bfloat16 kernel, its workspace or its result.
    """

def piece_sizes() -> dict[str, int]:
    """Elements of a piece, for the kernels that divide elements into pieces."""

class Space(enum.Enum):
    """Where an operand lives."""

    SCRATCH = 0

    BATCH = 1

    SHARED = 2

    PARTIAL = 3

    PARAMETERS = 4

    SLOTS = 5

    CONSTANTS = 6

    INPUTS = 7

    OUTPUTS = 8

    NONE = 9

class PhaseKind(enum.Enum):
    """How a phase is divided among threads."""

    BLOCKS = 0

    TASKS = 1

    RANGE = 2

    PIECES = 3

    SLICES = 4

class Plan:
    """A flat list of kernels that runs whole steps without Python."""

    def __init__(self, isa: str) -> None: ...

    def add_phase(self, kind: PhaseKind, once: bool = False) -> None:
        """
        Start a phase; `once` runs it only where parameters that it depends on have changed.
        """

    def add_instruction(self, kernel: str, operands: Sequence[tuple[Space, int]], arguments: dict[str, object], count: int = 0, slices: int = 1) -> None:
        """
        Append a kernel to the last phase.

        `operands` are (space, offset in floats); `count` the elements of a range phase,
        otherwise pieces, of which threads take `slices` runs in tasks and slices phases.
        """

    def finish(self, scratch: int, batch: int, shared: int, partial: int, batch_size: int, block_size: int, groups: int, constants: Sequence[float], results: Sequence[int], once_reads: Sequence[tuple[int, int]]) -> None:
        """
        Fix the sizes (floats), samples a step and a block, groups, constants, reported
        values, and the (offset, size) of parameters that phases to run once depend on.
        """

    def memory(self, threads: int) -> int:
        """Bytes of the arenas on this many threads."""

    def run(self, parameters: numpy.ndarray, slots: numpy.ndarray, inputs: Sequence[numpy.ndarray], outputs: Sequence[numpy.ndarray], order: numpy.ndarray, learning_rates: numpy.ndarray, results: numpy.ndarray, first_step: int, position: int, seed: int, epoch: int, threads: int, times: numpy.ndarray | None = None, parameters_unchanged: bool = False) -> int:
        """
        Run a step for every batch of `order`; return how many steps were done.

        `inputs` have a row a sample, of float32, uint8 or int32; `order` names the
        row of each sample. `outputs` are filled from row `position` on. To `times`, int64
        with a row a thread, are added the nanoseconds of each instruction, and behind them
        those waited at the end of each phase. Where the caller knows that parameters are
        unchanged since the last run, they are not compared with what they were.
        """

    @property
    def time_count(self) -> int:
        """Instructions and phases."""

    @property
    def isa(self) -> str: ...

class Boundary(enum.Enum):
    """How a signal continues beyond its border."""

    FILL = 0

    WRAP = 1

    SYMM = 2

def correlate_direct(isa: str, signal: numpy.ndarray, window: numpy.ndarray, output: numpy.ndarray, fill: numpy.ndarray, before: tuple[int, int, int], boundary: Boundary, threads: int) -> None:
    """
    Write the sliding dot product of each signal with a window to `output`.

    Signal and output are (batch, depth, height, width), the window (depth, height,
    width), `fill` a single element, all C-contiguous and of one type.
    """

def correlate_separable(isa: str, signal: numpy.ndarray, column: numpy.ndarray, row: numpy.ndarray, output: numpy.ndarray, fill: numpy.ndarray, before: tuple[int, int, int], boundary: Boundary, threads: int) -> None:
    """Write the same for the window of depth 1 that is `column` times `row`."""

class FourierPlan:
    """Transforms of one size, for sliding dot products by way of spectra."""

    def __init__(self, isa: str, type: str, radices: Sequence[Sequence[int]]) -> None: ...

    def correlate(self, signal: numpy.ndarray, window: numpy.ndarray, output: numpy.ndarray, fill: float, before: tuple[int, int, int], boundary: Boundary, step: tuple[int, int, int], threads: int) -> None:
        """
        Write the sliding dot product of each signal with a window to `output`.

        Signal and output are (batch, depth, height, width), the window (depth, height,
        width), all C-contiguous and of the plan's type. `step` results an axis are
        computed by one transform.
        """
