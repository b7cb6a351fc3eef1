"""What was measured of the service, as numbers to compute with: read from `benchmarks/results`."""

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
"""How many cores submissions were measured with: the API has one, and decodes with the other."""

STORE_WRITES_A_SECOND, STORE_READS_A_SECOND = 3_500, 5_500
"""What Amazon S3 serves for each prefix at least, by its documentation; not measured here."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A kind of picture, and how long a worker is busy with one.

    Attributes:
        seconds: of several pictures, each as likely as the others.
        stored_bytes: of its images and its result.
    """

    name: str
    device: str
    seconds: Sequence[float]
    stored_bytes: int

    @property
    def mean_seconds(self) -> float:
        return sum(self.seconds) / len(self.seconds)

    def with_seconds(self, seconds: float) -> "Picture":
        """The same on a device that takes so long for each."""
        return Picture(self.name, "your device", (seconds,), self.stored_bytes)


@dataclass(frozen=True, slots=True)
class ServiceRates:
    """What a part of the service takes for each request or job.

    Attributes:
        submissions_a_core: a second, of two JPEGs of 0.2 MB.
        polls_a_core: a second, of a job that has changed.
        redis_ms_a_picture: of Redis's processor, from submission to the end.
        redis_ms_a_heartbeat, redis_ms_a_poll: the same for each of those.
        redis_bytes: of Redis's memory, for each job that waits, runs or is finished.
    """

    submissions_a_core: float
    polls_a_core: float
    redis_ms_a_picture: float
    redis_ms_a_heartbeat: float
    redis_ms_a_poll: float
    redis_bytes: Mapping[str, int]


def gpu_picture(name: str) -> Picture:
    """A kind of picture on the measured GPU.

    Its seconds are those of the engine and, beside it, what the service needs to hand it a job, and
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
    """The lower of both machines on which the API was measured, and Redis by its newest figures."""
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
    """How many objects are written for a picture that is painted for so long: two images, result
    and losses; now and then a preview with the losses so far, and a checkpoint."""
    settings = Settings()
    return 4 + 2 * seconds / settings.preview_seconds + seconds / settings.checkpoint_seconds


STORE_READS = 3
"""How many objects are read for a picture: both images by the worker, the result by its client."""


@cache
def _results(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
