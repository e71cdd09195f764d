"""Processes started after the thread pool was used, by every start method."""

from __future__ import annotations

import multiprocessing
import threading

import pytest

from executors.training_digest import training_digest

THREADS = 4
SECONDS_BEFORE_A_HANG_IS_CERTAIN = 120


def digest_in_child(method: str) -> str:
    with multiprocessing.get_context(method).Pool(1) as pool:
        result = pool.apply_async(training_digest, (THREADS,))
        return result.get(timeout=SECONDS_BEFORE_A_HANG_IS_CERTAIN)


# Python 3.12 and later warn of any fork of a process with threads; this one is under test.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_new_process_computes_the_same(method: str) -> None:
    expected = training_digest(THREADS)
    assert digest_in_child(method) == expected
    assert training_digest(THREADS) == expected


def test_python_threads_share_the_pool() -> None:
    expected = training_digest(THREADS)
    digests: list[str] = []
    callers = [
        threading.Thread(target=lambda: digests.append(training_digest(THREADS))) for _ in range(4)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert digests == [expected] * 4
