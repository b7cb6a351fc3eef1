"""How many GPUs a number of pictures needs, what they cost, and what else is busy with them:

    python -m benchmarks.capacity 100000 --picture standard-512 --wait 10 --gpu-hour-price 3

Simulates whole days with the rates in `benchmarks/results`. A million pictures take minutes.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from math import ceil
from random import Random
from typing import Any

from benchmarks.queue_simulation import (
    DAY_SECONDS,
    HOUR_SECONDS,
    DayCurve,
    Waits,
    least_workers,
    simulate,
)
from benchmarks.service_rates import (
    GPU_PICTURES,
    STORE_READS,
    STORE_READS_A_SECOND,
    STORE_WRITES_A_SECOND,
    Picture,
    ServiceRates,
    gpu_picture,
    service_rates,
    store_writes,
)
from shared.settings import Settings

SIMULATED_PICTURES = 20_000
"""At least so many are simulated, on several days if need be."""

MOST_PICTURES = 10_000_000

DEFAULT = " (default: %(default)s)"
"""In the help of an argument."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is to be painted, and how soon.

    Attributes:
        pictures: a day.
        peak: the rate of submissions at the busiest time, over the mean.
        wait_seconds: from submission to the start of painting, at most, in the busiest hour.
        percent: how many of a hundred pictures wait no longer.
        polls_a_second: of each client, while its picture waits and is painted.
        retention_hours: how long finished jobs are retained.
    """

    pictures: float
    peak: float = 2.0
    wait_seconds: float = 10.0
    percent: float = 95.0
    polls_a_second: float = 1.0
    retention_hours: float = 168.0


@dataclass(frozen=True, slots=True)
class WaitSummary:
    """Seconds from submission to the start of painting."""

    median: float
    p95: float

    @classmethod
    def of(cls, waits: Waits) -> "WaitSummary":
        return cls(waits.percentile(50), waits.percentile(95))


@dataclass(frozen=True, slots=True)
class Load:
    """How busy everything besides the GPUs is at the busiest time, and how much is stored.

    Attributes:
        redis_share: of one core, which is all that Redis uses.
        redis_bytes: with the finished jobs of the whole retention.
        pictures_a_day: with how many pictures a day each part is as busy as it can be: one core
            of the API, one Redis, one prefix of an object store.
    """

    submissions_a_second: float
    polls_a_second: float
    api_cores: float
    redis_share: float
    redis_bytes: int
    store_writes_a_second: float
    store_reads_a_second: float
    stored_bytes_a_day: int
    stored_bytes: int
    pictures_a_day: dict[str, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a demand needs.

    Attributes:
        busy_share: of the workers' time, over the whole day.
        gpu_hours: for a thousand pictures, with all workers running all day.
        painting_hours: the same if workers ran only while they paint.
    """

    workers: int
    whole_day: WaitSummary
    busiest_hour: WaitSummary
    busy_share: float
    gpu_hours: float
    painting_hours: float
    load: Load


def make_plan(
    demand: Demand, picture: Picture, rates: ServiceRates, *, seed: int, workers: int | None = None
) -> Plan:
    """Simulates the demand with the fewest workers that suffice, or with so many.

    Raises:
        ValueError: a number is out of its range.
    """
    curve = DayCurve.with_peak(demand.pictures, demand.peak)
    days = max(1, ceil(SIMULATED_PICTURES / demand.pictures))
    submissions = list(curve.submissions(days, Random(seed)))

    @cache
    def waits(count: int) -> Waits:
        random = Random(seed)  # the same pictures for every number of workers
        return simulate(submissions, lambda: random.choice(picture.seconds), count)

    if workers is None:
        workers = least_workers(
            lambda count: _suffices(waits(count), demand),
            fewest=max(1, int(demand.pictures * picture.mean_seconds / DAY_SECONDS)),
            guess=ceil(curve.peak_rate * picture.mean_seconds),
        )
    painting_hours = picture.mean_seconds / HOUR_SECONDS * 1000
    gpu_hours = workers * 24 / demand.pictures * 1000
    busiest = waits(workers).in_busiest_hour()
    return Plan(
        workers,
        WaitSummary.of(waits(workers)),
        WaitSummary.of(busiest),
        painting_hours / gpu_hours,
        gpu_hours,
        painting_hours,
        _load(demand, curve.peak_rate, picture, _mean(busiest.seconds), rates),
    )


def _suffices(waits: Waits, demand: Demand) -> bool:
    return waits.in_busiest_hour().percentile(demand.percent) <= demand.wait_seconds


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _load(
    demand: Demand, rate: float, picture: Picture, wait_seconds: float, rates: ServiceRates
) -> Load:
    """The load at so many submissions a second, which wait so long in the mean.

    By Little's law, as many jobs wait, and are painted, as are submitted in the time that one
    waits, or is painted.
    """
    painting = picture.mean_seconds
    waiting, running = rate * wait_seconds, rate * painting
    finished = demand.pictures * demand.retention_hours / 24
    polls = demand.polls_a_second * (waiting + running)
    heartbeats = running / Settings().heartbeat_seconds
    redis_ms = (
        rate * rates.redis_ms_a_picture
        + polls * rates.redis_ms_a_poll
        + heartbeats * rates.redis_ms_a_heartbeat
    )
    jobs = {"waiting": waiting, "running": running, "finished": finished}
    api_cores = rate / rates.submissions_a_core + polls / rates.polls_a_core
    writes, reads = rate * store_writes(painting), rate * STORE_READS
    stored_a_day = demand.pictures * picture.stored_bytes
    shares = {
        "api_core": api_cores,
        "redis": redis_ms / 1000,
        "store": max(writes / STORE_WRITES_A_SECOND, reads / STORE_READS_A_SECOND),
    }
    return Load(
        submissions_a_second=rate,
        polls_a_second=polls,
        api_cores=api_cores,
        redis_share=redis_ms / 1000,
        redis_bytes=round(sum(count * rates.redis_bytes[state] for state, count in jobs.items())),
        store_writes_a_second=writes,
        store_reads_a_second=reads,
        stored_bytes_a_day=round(stored_a_day),
        stored_bytes=round(stored_a_day * demand.retention_hours / 24),
        pictures_a_day={part: round(demand.pictures / share) for part, share in shares.items()},
    )


def report(demand: Demand, picture: Picture, plan: Plan, price: float | None) -> str:
    """The plan in words."""
    load, day, hour = plan.load, plan.whole_day, plan.busiest_hour
    fleet, painting = _cost(plan.gpu_hours, price), _cost(plan.painting_hours, price)
    return "\n".join(
        f"{name:<20}{words}"
        for name, words in (
            (
                "demand",
                f"{demand.pictures:,.0f} pictures a day, {load.submissions_a_second:.3g} a second "
                f"at the busiest time",
            ),
            ("picture", f"{picture.name}, {picture.mean_seconds:.2f} s each on {picture.device}"),
            ("workers", f"{plan.workers}, each with a GPU, busy {plan.busy_share:.0%} of the day"),
            ("wait, whole day", f"median {day.median:.1f} s, 95 % within {day.p95:.1f} s"),
            ("wait, busiest hour", f"median {hour.median:.1f} s, 95 % within {hour.p95:.1f} s"),
            ("thousand pictures", f"{fleet} if all run all day, {painting} while they paint"),
            (
                "API",
                f"{load.api_cores:.2g} cores at the busiest time, for "
                f"{load.polls_a_second:.3g} polls a second beside the submissions",
            ),
            (
                "Redis",
                f"{load.redis_share:.1%} of its core, {load.redis_bytes / 1e9:.2g} GB with "
                f"PASTICHE_KEPT_JOBS={_finished(demand)}",
            ),
            (
                "picture store",
                f"{load.store_writes_a_second:.3g} writes and {load.store_reads_a_second:.3g} "
                f"reads a second; {load.stored_bytes_a_day / 1e9:.3g} GB a day, "
                f"{load.stored_bytes / 1e9:.3g} GB retained",
            ),
            (
                "saturation",
                "one core of the API at {api_core:,} pictures a day, Redis at {redis:,}, a prefix "
                "of the store at {store:,}".format(**load.pictures_a_day),
            ),
        )
    )


def _finished(demand: Demand) -> int:
    return ceil(demand.pictures * demand.retention_hours / 24)


def _cost(gpu_hours: float, price: float | None) -> str:
    return f"{gpu_hours:.3g} GPU hours" if price is None else f"{gpu_hours * price:.2f}"


def _number(low: float, high: float, kind: Callable[[str], float] = float) -> Callable[[str], Any]:
    """A number in a range, for argparse, whose message names the argument."""

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            noun = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(
                f"must be {noun} between {low:,g} and {high:,g}, not {text!r}"
            )
        return value

    return read


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="python -m benchmarks.capacity",
        description="How many GPUs a number of pictures needs, what they cost, and how busy the "
        "rest of the service is. Simulates whole days with the measured rates in "
        "benchmarks/results; docs/capacity.md describes how.",
    )
    _add_demand(found)
    _add_answer(found)
    return found


def _add_demand(to: argparse.ArgumentParser) -> None:
    """What is to be painted, and how soon."""
    day = _number(0.001, DAY_SECONDS)
    add, demand = to.add_argument, Demand(0)
    add("pictures", type=_number(1, MOST_PICTURES), help="how many are submitted a day")
    what = "submissions at the busiest time, over the mean"
    add("--peak", type=_number(1, 24), default=demand.peak, metavar="FACTOR", help=what + DEFAULT)
    what = "how long pictures may wait in the busiest hour"
    add("--wait", type=day, default=demand.wait_seconds, metavar="SECONDS", help=what + DEFAULT)
    what = "how many of a hundred wait no longer: 50 for the median"
    add(
        "--percent", type=_number(1, 99.9), default=demand.percent, metavar="N", help=what + DEFAULT
    )
    what = "polls a second of each waiting client"
    add(
        "--polls",
        type=_number(0, 100),
        default=demand.polls_a_second,
        metavar="N",
        help=what + DEFAULT,
    )
    what, hours = "how long finished jobs are retained", _number(0, 100_000)
    add(
        "--retention-hours",
        type=hours,
        default=demand.retention_hours,
        metavar="N",
        help=what + DEFAULT,
    )


def _add_answer(to: argparse.ArgumentParser) -> None:
    """What it is painted with, and what is answered."""
    add = to.add_argument
    what = "preset and size, as measured on an NVIDIA H100"
    add("--picture", choices=GPU_PICTURES, default="standard-512", help=what + DEFAULT)
    what = (
        "how long a worker of yours is busy with a picture, instead of an H100: measure it with "
        "`pastiche paint … --dry-run`"
    )
    add("--seconds", type=_number(0.01, DAY_SECONDS), metavar="SECONDS", help=what)
    what = "simulate so many, instead of the fewest that suffice"
    add("--workers", type=_number(1, 100_000, int), metavar="N", help=what)
    what = "of an hour of one GPU, in any currency"
    add("--gpu-hour-price", type=_number(0, 1e6), metavar="PRICE", help=what)
    add("--seed", type=_number(0, 2**63, int), default=1, help="of the random numbers" + DEFAULT)
    add("--json", action="store_true", help="print the plan as JSON")


def main(arguments: Sequence[str]) -> None:
    """Prints the plan."""
    chosen = parser().parse_args(arguments)
    picture = gpu_picture(chosen.picture)
    if chosen.seconds is not None:
        picture = picture.with_seconds(chosen.seconds)
    demand = Demand(
        chosen.pictures,
        chosen.peak,
        chosen.wait,
        chosen.percent,
        chosen.polls,
        chosen.retention_hours,
    )
    plan = make_plan(demand, picture, service_rates(), seed=chosen.seed, workers=chosen.workers)
    text = (
        json.dumps(asdict(plan), indent=1)
        if chosen.json
        else report(demand, picture, plan, chosen.gpu_hour_price)
    )
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
