"""What the processes of a service hold while it runs: memory, descriptors, threads."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import fmean, linear_regression
from threading import Event, Thread
from time import monotonic
from typing import Any

import redis

from tests.chaos.service import ChaosService

_PERIODS = 10
"""Into how many equal parts the means of a series divide it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at one moment.

    Attributes:
        hours: since the first sample of all.
        resident_megabytes: of memory, shared pages included.
        proportional_megabytes: the same with each shared page divided by its users (PSS).
        descriptors: how many files, sockets and pipes are open.
    """

    hours: float
    resident_megabytes: float
    proportional_megabytes: float
    descriptors: float
    threads: float


_QUANTITIES = tuple(each.name for each in fields(Sample) if each.name != "hours")

Series = dict[tuple[str, int], list[Sample]]
"""The samples of each process, by its role and its number."""


class Sampler:
    """Takes a sample of every process of a service, and of the memory of its Redis, again and
    again. A process that is replaced begins another series."""

    def __init__(self, service: ChaosService, every_seconds: float) -> None:
        self.series: Series = defaultdict(list)
        self.redis_megabytes: list[tuple[float, float]] = []
        self._service, self._every_seconds = service, every_seconds
        self._began = monotonic()

    @contextmanager
    def sampling(self) -> Iterator[None]:
        """Takes samples while the context lives."""
        ended = Event()

        def run() -> None:
            while not ended.wait(self._every_seconds):
                self._sample()

        thread = Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _sample(self) -> None:
        hours = (monotonic() - self._began) / 3600
        for role, pid in _list_processes(self._service):
            with suppress(OSError):  # it has ended meanwhile
                sample = _read(pid, hours)
                self.series[role, pid].append(sample)
        with suppress(redis.RedisError):
            used = self._service.jobs.client.info("memory")["used_memory"]
            self.redis_megabytes.append((hours, used / 1e6))


def describe_series(series: Series, warm_up_hours: float) -> dict[str, Any]:
    """What each role held, by the process of it that lived longest, without the warm-up of that
    process; none of a role whose processes all lived for little longer than that."""
    found: dict[str, list[list[Sample]]] = defaultdict(list)
    for (role, _), samples in series.items():
        begin = samples[0].hours + warm_up_hours
        found[role].append([each for each in samples if each.hours >= begin])
    longest = {role: max(lives, key=len) for role, lives in sorted(found.items())}
    return {
        role: {"processes": len(found[role]), "minutes": _minutes(samples)}
        | {name: describe_quantity(_pairs(samples, name)) for name in _QUANTITIES}
        for role, samples in longest.items()
        if len(samples) >= _PERIODS
    }


def table(described: dict[str, Any]) -> str:
    """What `describe_series` returns, for people: the slope of each quantity, per hour."""
    head = f"{'per hour':24}" + "".join(f"{name:>26}" for name in _QUANTITIES)
    rows = [
        f"{role:24}"
        + "".join(
            f"{each[name]['per_hour']:+15.2f} ± {each[name]['standard_error']:<8.2f}"
            for name in _QUANTITIES
        )
        for role, each in described.items()
    ]
    return "\n".join((head, *rows))


def describe_quantity(points: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """How a quantity changes: its slope by least squares with the standard error, its largest
    value, and the means of ten periods of equal length.

    Args:
        points: hours and values, at least ten.
    """
    hours, values = zip(*points, strict=True)
    slope, intercept = linear_regression(hours, values)
    residual = sum((y - intercept - slope * x) ** 2 for x, y in points) / (len(points) - 2)
    spread = sum((x - fmean(hours)) ** 2 for x in hours)
    length = len(points) / _PERIODS
    means = [
        fmean(values[round(each * length) : round((each + 1) * length)]) for each in range(_PERIODS)
    ]
    return {
        "per_hour": round(slope, 3),
        "standard_error": round((residual / spread) ** 0.5, 3),
        "most": round(max(values), 2),
        "means": [round(each, 2) for each in means],
    }


def _minutes(samples: Sequence[Sample]) -> float:
    return round(60 * (samples[-1].hours - samples[0].hours), 1) if samples else 0.0


def _pairs(samples: Iterable[Sample], name: str) -> list[tuple[float, float]]:
    return [(each.hours, getattr(each, name)) for each in samples]


def _list_processes(service: ChaosService) -> Iterator[tuple[str, int]]:
    """Roles and numbers: each part, and what it has started."""
    for process in service.processes:
        if process.is_running:
            pid = process.popen.pid
            yield process.name, pid
            for each in process.children:
                yield f"{process.name}, child", each


def _read(pid: int, hours: float) -> Sample:
    """Raises OSError if the process has ended, or is another user's."""
    process = Path(f"/proc/{pid}")
    memory = _parse((process / "smaps_rollup").read_text())
    threads = _parse((process / "status").read_text())["Threads"]
    descriptors = len(os.listdir(process / "fd"))
    return Sample(hours, memory["Rss"] / 1e3, memory["Pss"] / 1e3, descriptors, threads)


def _parse(text: str) -> dict[str, float]:
    """The numbers of a file with lines such as `Rss:    1234 kB`, by their names; kilobytes there
    are of 1024 bytes, here of 1000."""
    found = {}
    for name, _, rest in (line.partition(":") for line in text.splitlines()):
        number, _, unit = rest.strip().partition(" ")
        if number.isdigit():
            found[name] = float(number) * (1.024 if unit == "kB" else 1)
    return found
