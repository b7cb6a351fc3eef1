"""The shutdown flag that a worker's parent and its children share."""

import os
import signal
from multiprocessing import get_context

from worker.context import Shutdown


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
