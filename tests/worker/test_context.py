"""What a painting process works with: its shutdown flag, its free memory."""

import os
import signal
from multiprocessing import get_context

import pytest

from worker.context import FreeMemory, Shutdown


def test_a_child_process_sees_that_its_parent_set_the_flag() -> None:
    shutdown = Shutdown()
    child = get_context("fork").Process(target=shutdown.wait, args=(60,))
    child.start()
    shutdown.set()
    child.join(10)
    assert child.exitcode == 0


def test_a_child_that_was_killed_while_it_waited_blocks_no_other() -> None:
    shutdown = Shutdown()
    killed, other = (
        get_context("fork").Process(target=shutdown.wait, args=(60,)) for _ in range(2)
    )
    killed.start()
    assert killed.pid is not None
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    other.start()
    shutdown.set()
    other.join(10)
    assert other.exitcode == 0


def test_waiting_for_shutdown_times_out() -> None:
    assert not Shutdown().wait(0.01)


def test_while_a_job_is_painted_the_memory_is_what_it_was_before() -> None:
    free = 5
    memory = FreeMemory(lambda: free)
    assert memory.bytes() == 5
    with memory.painting():
        free = 1
        assert memory.bytes() == 5
    assert memory.bytes() == 1


def test_memory_is_measured_at_most_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.context.FRESH_SECONDS", 60.0)
    measured: list[int] = []

    def measure() -> int:
        measured.append(1)
        return len(measured)

    memory = FreeMemory(measure)
    assert [memory.bytes() for _ in range(5)] == [1] * 5
    with memory.painting():
        pass
    assert memory.bytes() == 2
