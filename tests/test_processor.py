"""The processor, the limits on threads, and the environment variables that override both."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kernelet import _engine

V2_MOUNT = "30 23 0:26 {group} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNT = "33 25 0:29 {group} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
OTHER_MOUNTS = (
    "21 29 0:20 / /proc rw,nosuid - proc proc rw\n"
    "35 25 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
)


class FakeSystem:
    """A folder that stands for "/" with control groups of our own making."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("proc/self/mountinfo", OTHER_MOUNTS)
        self.write("proc/self/cgroup", "")

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def version_2(self, group: str, *, mounted: str = "/") -> None:
        self.write("proc/self/mountinfo", OTHER_MOUNTS + V2_MOUNT.format(group=mounted))
        self.write("proc/self/cgroup", f"0::{group}\n")

    def version_1(self, group: str, *, mounted: str = "/") -> None:
        self.write("proc/self/mountinfo", OTHER_MOUNTS + V1_MOUNT.format(group=mounted))
        self.write("proc/self/cgroup", f"5:cpuset:/elsewhere\n4:cpu,cpuacct:{group}\n0::/\n")

    def quota_v2(self, group: str, text: str) -> None:
        self.write(f"sys/fs/cgroup{group}/cpu.max", text + "\n")

    def quota_v1(self, group: str, quota: int, period: int = 100_000) -> None:
        folder = f"sys/fs/cgroup/cpu,cpuacct{group}"
        self.write(f"{folder}/cpu.cfs_quota_us", f"{quota}\n")
        self.write(f"{folder}/cpu.cfs_period_us", f"{period}\n")

    def limit(self) -> float | None:
        return _engine.cgroup_limit(str(self.root))


@pytest.fixture
def system(tmp_path: Path) -> FakeSystem:
    return FakeSystem(tmp_path)


def test_no_control_groups(tmp_path: Path) -> None:
    assert _engine.cgroup_limit(str(tmp_path)) is None


def test_no_cpu_controller(system: FakeSystem) -> None:
    assert system.limit() is None


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("200000 100000", 2.0),
        ("150000 100000", 1.5),
        ("1000 50000", 0.02),
        ("max 100000", None),
        ("", None),
        ("100000", None),
        ("100000 0", None),
        ("junk 100000", None),
    ],
)
def test_version_2_quota(system: FakeSystem, text: str, limit: float | None) -> None:
    system.version_2("/user/app")
    system.quota_v2("/user/app", text)
    assert system.limit() == limit


def test_version_2_parent_is_tighter(system: FakeSystem) -> None:
    system.version_2("/pod/container/app")
    system.quota_v2("/pod/container/app", "max 100000")
    system.quota_v2("/pod/container", "800000 100000")
    system.quota_v2("/pod", "300000 100000")
    assert system.limit() == 3.0


def test_version_2_in_a_namespace(system: FakeSystem) -> None:
    system.version_2("/")
    system.quota_v2("", "400000 100000")
    assert system.limit() == 4.0


def test_mount_shows_only_the_containers_group(system: FakeSystem) -> None:
    system.version_2("/docker/abc/worker", mounted="/docker/abc")
    system.quota_v2("", "600000 100000")
    system.quota_v2("/worker", "500000 100000")
    assert system.limit() == 5.0


def test_group_outside_the_mount_is_looked_for_at_the_mount_point(system: FakeSystem) -> None:
    system.version_1("/docker/abcdef", mounted="/docker/abc")
    system.quota_v1("", 250_000)
    assert system.limit() == 2.5


@pytest.mark.parametrize(("quota", "limit"), [(350_000, 3.5), (-1, None), (0, None)])
def test_version_1_quota(system: FakeSystem, quota: int, limit: float | None) -> None:
    system.version_1("/job")
    system.quota_v1("/job", quota)
    assert system.limit() == limit


def test_version_1_parent_is_tighter(system: FakeSystem) -> None:
    system.version_1("/batch/job")
    system.quota_v1("/batch/job", 800_000)
    system.quota_v1("/batch", 100_000, period=50_000)
    assert system.limit() == 2.0


def in_new_process(expression: str, **environment: str) -> str:
    """Print an expression over `_engine` in a new process, or the error it raises."""
    program = (
        "from kernelet import _engine, errors\n"
        f"try: print({expression})\n"
        "except errors.ConfigurationError as error: print(error)\n"
    )
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("KERNELET_")}
    finished = subprocess.run(
        [sys.executable, "-c", program],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stderr == ""
    return finished.stdout.rstrip("\n")


def test_levels() -> None:
    processor = _engine.processor()
    assert processor.levels[0] == "scalar"
    assert processor.best in processor.levels[-2:]
    assert set(processor.levels) <= {"scalar", "neon", "avx2", "avx512", "avx512_bf16", "amx"}
    assert all(size >= 0 for size in (processor.caches.l1d, processor.caches.l2))


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="Linux lists the features there")
def test_features_are_those_that_linux_lists() -> None:
    listed = Path("/proc/cpuinfo").read_text().split()
    processor = _engine.processor()
    assert set(processor.features) <= set(listed)
    assert ("avx2" in processor.levels) == ({"avx2", "fma"} <= set(listed))


def test_isa_from_the_environment() -> None:
    for level in (*_engine.processor().levels, "amx_emulated"):
        assert in_new_process("_engine.resolve_isa()", KERNELET_ISA=level) == level
    best = _engine.processor().best
    assert in_new_process("_engine.resolve_isa()") == best
    assert in_new_process("_engine.resolve_isa()", KERNELET_ISA="") == best


def test_argument_goes_before_the_environment() -> None:
    assert in_new_process("_engine.resolve_isa('scalar')", KERNELET_ISA="nonsense") == "scalar"


def test_unknown_isa() -> None:
    processor = _engine.processor()
    assert in_new_process("_engine.resolve_isa()", KERNELET_ISA="avx9") == (
        "KERNELET_ISA: 'avx9' is not the name of an instruction set.\n"
        f"  This processor has: {', '.join(processor.levels)}.\n"
        f"  Choose one of these, or leave KERNELET_ISA out to use {processor.best}."
    )


def test_isa_of_another_processor() -> None:
    processor = _engine.processor()
    foreign = "avx2" if "neon" in processor.levels else "neon"
    assert in_new_process(f"_engine.resolve_isa('{foreign}')") == (
        f"isa: '{foreign}' is an instruction set this processor does not have.\n"
        f"  This processor has: {', '.join(processor.levels)}.\n"
        f"  Choose one of these, or leave isa out to use {processor.best}."
    )


def test_environment_is_not_read_at_import() -> None:
    assert in_new_process("'imported'", KERNELET_ISA="avx9", KERNELET_THREADS="x") == "imported"


def test_threads_from_the_environment() -> None:
    assert in_new_process("_engine.usable_threads()", KERNELET_THREADS="7") == "7"


@pytest.mark.parametrize("text", ["0", "-1", "two", "2.5", "1025", "2 ", "99999999999999999999"])
def test_bad_thread_count(text: str) -> None:
    assert in_new_process("_engine.usable_threads()", KERNELET_THREADS=text) == (
        f"KERNELET_THREADS: expected a whole number from 1 to 1024, got '{text}'.\n"
        f"  Leave it out to use {in_new_process('_engine.usable_threads()')}."
    )


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_threads_within_affinity() -> None:
    one_processor = (
        "[__import__('os').sched_setaffinity(0, {min(__import__('os').sched_getaffinity(0))}),"
        " _engine.usable_threads()]"
    )
    assert in_new_process(one_processor) == "[None, 1]"
