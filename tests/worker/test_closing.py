"""How a worker's parent tells its children to go."""

import os
import signal
from multiprocessing import get_context

from worker.closing import Closing


def test_a_child_hears_of_it() -> None:
    closing = Closing()
    child = get_context("fork").Process(target=closing.wait, args=(60,))
    child.start()
    closing.set()
    child.join(10)
    assert child.exitcode == 0


def test_a_child_that_was_killed_while_it_waited_stands_in_nobody_s_way() -> None:
    closing = Closing()
    killed, other = (get_context("fork").Process(target=closing.wait, args=(60,)) for _ in range(2))
    killed.start()
    assert killed.pid is not None
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    other.start()
    closing.set()
    other.join(10)
    assert other.exitcode == 0


def test_waiting_ends_by_itself() -> None:
    assert not Closing().wait(0.01)
