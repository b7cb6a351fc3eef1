"""What a painting process works with: its shutdown flag, its free memory."""

import signal
from multiprocessing import get_context

import pytest

from worker.context import FreeMemory, Shutdown


def test_a_signal_ends_waiting_for_shutdown() -> None:
    def wait() -> None:
        shutdown = Shutdown()
        signal.signal(signal.SIGALRM, lambda *_: shutdown.set())
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        assert shutdown.wait(60)

    child = get_context("fork").Process(target=wait)
    child.start()
    child.join(10)
    assert child.exitcode == 0


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
