"""`make soak`: a whole service under mixed load for a long time, with faults now and then.

python -m tests.soak [--minutes 60] [--visitors 4] [--seed 1] [--every 45] [--record FILE]

Visitors submit jobs of every kind, watch, change, cancel and delete them, upload pictures, and send
what is invalid. A fault strikes every so many seconds: one of those that leave the API, the
reconciler and one of the two workers alive, so that their memory can be watched all the time. At
the end every job must have ended as it may, and nothing may be left behind. The slope of what each
process holds, in megabytes per hour, is computed after a warm-up. All of it is written to FILE.
"""

import json
import signal
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event
from time import monotonic
from typing import Any

from api.decoding import scratch
from api.service import MAX_CACHED_JOBS
from api.submissions.form import MAX_JOBS
from benchmarks.machine import machine
from pastiche.version import __version__
from tests import pictures
from tests.chaos import faults
from tests.chaos.faults import FAULTS
from tests.chaos.guarantees import check_nothing_left
from tests.chaos.service import ChaosService, running_service
from tests.soak.process_samples import Sampler, describe_quantity, describe_series, table
from tests.soak.visitor import Visitor
from tests.worker.webhooks import receiving

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "soak.json"

SAMPLE_SECONDS = 5.0
"""How often samples are taken; more often in a run of a few minutes."""

TIMEOUT_SECONDS = 600.0
"""In which all jobs are over that wait at the end."""

_STRIKES = (
    faults.kill_child,
    faults.kill_whole_worker,
    faults.stop_child,
    faults.replace_worker,
    faults.kill_redis,
    faults.stop_redis,
    faults.deliver_repeatedly,
    faults.lose_messages,
    faults.refuse_writes,
)

SOAK_FAULTS = tuple(fault for fault in FAULTS if fault.strike in _STRIKES)


@dataclass
class Soak:
    """One run, and what came of it."""

    service: ChaosService
    temporary: Path
    visitors: list[Visitor]
    sampler: Sampler
    struck: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def run(self, seconds: float, every_seconds: float, chance: Random) -> None:
        """Visits and faults for so long, then the checks."""
        _fill_cache(self.service)
        ended = Event()
        with self.sampler.sampling(), ThreadPoolExecutor(len(self.visitors)) as pool:
            visits = [pool.submit(each.run, ended) for each in self.visitors]
            try:
                self._strike(monotonic() + seconds, every_seconds, chance)
            finally:
                ended.set()
            for each in visits:
                each.result()
        self._check()

    def _strike(self, late: float, every_seconds: float, chance: Random) -> None:
        """One fault after another, each as often as the others."""
        pause = Event()
        while True:
            for fault in chance.sample(SOAK_FAULTS, len(SOAK_FAULTS)):
                pause.wait(max(0.0, min(every_seconds, late - monotonic())))
                if monotonic() >= late:
                    return
                jobs = [job for each in self.visitors for job in each.jobs]
                self.struck[fault.name] += 1
                try:
                    fault.strike(self.service, jobs, chance)
                    self.service.start()
                except Exception as error:
                    self.broken.append(f"{fault.name}: {type(error).__name__}: {error}")
                sys.stderr.write(f"\r{(late - monotonic()) / 60:5.1f} min left; {fault.name:60}")

    def _check(self) -> None:
        """Every job has ended, and everything can be deleted."""
        for each in self.visitors:
            try:
                each.settle(TIMEOUT_SECONDS)
            except AssertionError as error:
                self.broken.append(f"lost: {error}")
            each.leave()
            self.broken += each.client.broken
        try:
            _delete_unanswered(self.service)
            check_nothing_left(self.service, [], TIMEOUT_SECONDS)
        except AssertionError as error:
            self.broken.append(str(error))

    def describe(self, minutes: float, seed: int) -> dict[str, Any]:
        """What came of it, for the file."""
        warm_up_minutes = min(10.0, minutes / 3)
        warm_up_hours = warm_up_minutes / 60
        used = [each for each in self.sampler.redis_megabytes if each[0] >= warm_up_hours]
        return {
            "machine": machine(),
            "version": __version__,
            "minutes": minutes,
            "warm_up_minutes": warm_up_minutes,
            "seed": seed,
            "requests": _sum(each.client.counts for each in self.visitors),
            "jobs": _sum(each.ends for each in self.visitors),
            "faults": dict(self.struck),
            "broken": self.broken,
            "temporary_files": _list_temporary(self.temporary),
            "redis_used_megabytes": describe_quantity(used),
            "processes": describe_series(self.sampler.series, warm_up_hours),
        }


def _fill_cache(service: ChaosService) -> None:
    """Lets the API cache as many jobs as it ever does: the memory for that must not look as if it
    grew without end."""
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    seeds = ",".join(map(str, range(MAX_JOBS)))
    for _ in range(ceil(MAX_CACHED_JOBS / MAX_JOBS)):
        sweep = service.http.post("/sweeps", files=files, data={"size": 64, "seed": seeds})
        for member in sweep.raise_for_status().json()["jobs"]:
            service.get_job(member["id"])
        service.http.delete(sweep.headers["location"]).raise_for_status()


def _sum(counters: Iterator[Counter[str]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counters:
        total += each
    return dict(sorted(total.items()))


def _delete_unanswered(service: ChaosService) -> None:
    """Deletes what requests have made that were not answered: Redis was lost before it could."""
    sweeps = [str(key).partition(":")[2] for key in service.jobs.client.scan_iter("sweep:*")]
    jobs = service.http.get("/jobs?limit=100").json()["jobs"]
    uploaded = service.http.get("/pictures?limit=100").json()["pictures"]
    paths = [f"/sweeps/{each}" for each in sweeps]
    paths += [each["links"]["self"] for each in (*jobs, *uploaded)]
    for path in paths:  # 404: a job of one of the sweeps
        service.http.delete(path)


def _list_temporary(folder: Path) -> list[str]:
    """Temporary files, but for what is in the folder that the API itself holds. Celery leaves an
    empty folder of each worker that is killed."""
    held = [each for each in folder.iterdir() if not each.name.startswith(scratch.PREFIX)]
    return sorted(str(file) for each in held for file in (each, *each.rglob("*")) if file.is_file())


@contextmanager
def soaked(seed: int, visitors: int, sample_seconds: float) -> Iterator[Soak]:
    """A service that is ready, with its visitors."""
    with TemporaryDirectory(prefix="pastiche-soak-") as name, receiving() as receiver:
        folder = Path(name)
        temporary = folder / "temporary"
        temporary.mkdir()
        with running_service(
            workers=2,
            inside=folder,
            PASTICHE_WEBHOOKS_ANYWHERE="true",
            TMPDIR=str(temporary),
        ) as service:
            service.targets = service.workers[:1]
            yield Soak(
                service,
                temporary,
                [
                    Visitor(service, Random(f"{seed}, {number}"), receiver.url)
                    for number in range(visitors)
                ],
                Sampler(service, sample_seconds),
            )


def main(arguments: Sequence[str]) -> int:
    """Prints what came of it; 0 if every promise held."""
    parser = ArgumentParser(prog="python -m tests.soak", description="A long mixed load.")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--visitors", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=45, help="seconds between two faults")
    parser.add_argument("--record", type=Path, default=RESULT, help="where the result is written")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the service goes with it
    seconds = 60 * chosen.minutes
    with soaked(chosen.seed, chosen.visitors, min(SAMPLE_SECONDS, seconds / 100)) as soak:
        soak.run(seconds, chosen.every, Random(chosen.seed))
        found = soak.describe(chosen.minutes, chosen.seed)
    chosen.record.write_text(json.dumps(found, indent=1) + "\n")
    lines = (f"{sum(found['requests'].values())} requests; jobs: {found['jobs']}", *found["broken"])
    sys.stdout.write("\n".join(("", *lines, table(found["processes"]), "")))
    return int(bool(found["broken"] or found["temporary_files"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
