"""How fast a process says that it paints."""

import pytest

from worker.pace import Pace


def test_before_its_first_job_it_says_nothing() -> None:
    assert Pace().rate is None


def test_it_is_what_the_last_jobs_took_the_newest_counting_most() -> None:
    pace = Pace()
    pace.note(1000, 10)
    assert pace.rate == pytest.approx(100)
    pace.note(1000, 5)
    assert pace.rate == pytest.approx(130)
