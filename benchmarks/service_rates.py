"""The measured rates of the service, for computations: read from `benchmarks/results`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from benchmarks.pairs import RESULTS
from shared.settings import Settings

GPU_PICTURES = ("draft-256", "standard-512", "standard-1024", "fine-1024")
"""Presets and sizes in pixels that were measured on a GPU."""

SUBMISSION_CORES = 2
"""The number of cores in the measurement of submissions: the API uses one, and its decoder the
other."""

STORE_WRITES_A_SECOND, STORE_READS_A_SECOND = 3_500, 5_500
"""The minimum that Amazon S3 documents for each prefix. It was not measured here."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A kind of picture, and how long a worker takes for one.

    Attributes:
        seconds: the times of several pictures, which are equally likely.
        stored_bytes: the bytes of its images and its result.
    """

    name: str
    device: str
    seconds: Sequence[float]
    stored_bytes: int

    @property
    def mean_seconds(self) -> float:
        return sum(self.seconds) / len(self.seconds)

    def with_seconds(self, seconds: float) -> "Picture":
        """The same kind of picture on a device that takes this time for each."""
        return Picture(self.name, "your device", (seconds,), self.stored_bytes)


@dataclass(frozen=True, slots=True)
class ServiceRates:
    """The resources that requests and jobs take.

    Attributes:
        submissions_a_core: submissions per second and core, with two JPEGs of 0.2 MB.
        polls_a_core: polls per second and core, of a job that has changed.
        redis_ms_a_picture: Redis's processor time for a job, from submission to the end.
        redis_ms_a_heartbeat, redis_ms_a_poll: its processor time for a heartbeat and for a poll.
        redis_bytes: Redis's memory for each job that is waiting, running or finished.
    """

    submissions_a_core: float
    polls_a_core: float
    redis_ms_a_picture: float
    redis_ms_a_heartbeat: float
    redis_ms_a_poll: float
    redis_bytes: Mapping[str, int]


def gpu_picture(name: str) -> Picture:
    """A kind of picture on the measured GPU.

    Its seconds include the engine's time, and the time that the service needs to start the job, and
    to encode, store and commit the picture.
    """
    preset, _, size = name.partition("-")
    likeness, overhead = _results("likeness"), _results("overhead")["sizes"][size]
    between = sum(
        overhead[each]["median"] / 1000
        for each in ("accepted_to_running_ms", "painted_to_fetchable_ms")
    )
    seconds = tuple(
        row["seconds"] + between
        for row in likeness["rows"]
        if (row["preset"], row["size"]) == (preset, int(size))
    )
    return Picture(name, likeness["machine"]["card"], seconds, overhead["stored_bytes"])


def service_rates() -> ServiceRates:
    """The measured rates: for the API the lower of two machines, for Redis the newest results."""
    one, other = _results("load"), _results("load_beside")
    submissions = one["submits_a_second"], other["submits_a_second"]["this"]
    polls = one["polls_a_second"]["200"], other["polls_a_second"]["this"]
    fast, memory = _results("fast_workers"), _results("redis_memory")
    queue = fast["full_queue"]
    return ServiceRates(
        submissions_a_core=min(submissions) / SUBMISSION_CORES,
        polls_a_core=min(polls),
        redis_ms_a_picture=queue["redis_ms_a_submission"] + queue["redis_ms_a_job"],
        redis_ms_a_heartbeat=fast["scripts"]["redis_ms_a_heartbeat"],
        redis_ms_a_poll=fast["scripts"]["redis_ms_a_poll"],
        redis_bytes={state: memory[state]["total"] for state in ("waiting", "running", "finished")},
    )


def store_writes(seconds: float) -> float:
    """How many objects are written for a picture that is painted for this time: two images, the
    result, the losses, and periodically a preview with the losses so far, and a checkpoint."""
    settings = Settings()
    return 4 + 2 * seconds / settings.preview_seconds + seconds / settings.checkpoint_seconds


STORE_READS = 3
"""How many objects are read for a picture: both images by the worker, the result by its client."""


@cache
def _results(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
