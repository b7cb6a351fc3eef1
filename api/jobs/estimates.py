"""Estimates when a picture will be ready, if the speeds of workers are known."""

from collections.abc import Sequence
from statistics import mean

from pastiche.painting_speed import PaintingSpeed
from pastiche.sizes import Scale


def estimate_seconds(
    work_ahead: float,
    plan: Sequence[Scale],
    speeds: Sequence[PaintingSpeed],
    *,
    jobs: int = 1,
    share_left: float = 1.0,
) -> float | None:
    """The seconds until the last of some equal jobs has its result; None if that is not known.

    All workers paint the jobs before a job, and one of them paints the job itself.

    Args:
        work_ahead: the work of the jobs before, in pixels times iterations.
        plan: the scales of each job.
        speeds: the speeds of the workers.
        jobs: how many there are.
        share_left: the share of the last job that is still to be painted.
    """
    known = [seconds for speed in speeds if (seconds := speed.estimate(plan)) is not None]
    if not known:
        return None
    each = mean(known)
    ahead = work_ahead / sum(speed.rate or 0.0 for speed in speeds) + (jobs - 1) * each / len(known)
    return round(ahead + share_left * each, 1)
