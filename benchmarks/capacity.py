"""Plans how many GPUs a number of pictures needs, their cost, and the load of the other parts:

    python -m benchmarks.capacity 100000 --picture standard-512 --wait 10 --gpu-hour-price 3

It simulates whole days with the rates in `benchmarks/results`. A million pictures take minutes.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from math import ceil
from typing import Any

from benchmarks.capacity_plan import Demand, Plan, make_plan
from benchmarks.queue_simulation import DAY_SECONDS
from benchmarks.service_rates import GPU_PICTURES, Picture, gpu_picture, service_rates

MAX_PICTURES = 10_000_000

DEFAULT = " (default: %(default)s)"
"""Appended to the help of an argument."""


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
    """Returns a parser of a number in a range, for argparse, whose messages name the argument."""

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
    command_line = argparse.ArgumentParser(
        prog="python -m benchmarks.capacity",
        description="Plan how many GPUs a number of pictures needs, their cost, and the load of "
        "the rest of the service. Simulates whole days with the measured rates in "
        "benchmarks/results, as described in docs/capacity.md.",
    )
    _add_demand(command_line)
    _add_answer(command_line)
    return command_line


def _add_demand(to: argparse.ArgumentParser) -> None:
    """Adds the arguments about the demand."""
    day = _number(0.001, DAY_SECONDS)
    add, demand = to.add_argument, Demand(0)
    add("pictures", type=_number(1, MAX_PICTURES), help="how many are submitted a day")
    what = "rate of submissions at the busiest time, relative to the mean"
    add("--peak", type=_number(1, 24), default=demand.peak, metavar="FACTOR", help=what + DEFAULT)
    what = "how long pictures may wait in the busiest hour"
    add("--wait", type=day, default=demand.wait_seconds, metavar="SECONDS", help=what + DEFAULT)
    what = "the percentage that waits no longer, 50 for the median"
    add(
        "--percent", type=_number(1, 99.9), default=demand.percent, metavar="N", help=what + DEFAULT
    )
    what = "how often each waiting client polls per second"
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
    """Adds the arguments about the workers and the output."""
    add = to.add_argument
    what = "preset and size, as measured on an NVIDIA H100"
    add("--picture", choices=GPU_PICTURES, default="standard-512", help=what + DEFAULT)
    what = (
        "how long your worker takes for a picture, instead of an H100: measure it with "
        "`pastiche paint … --dry-run`"
    )
    add("--seconds", type=_number(0.01, DAY_SECONDS), metavar="SECONDS", help=what)
    what = "simulate this number of workers, instead of the smallest that suffices"
    add("--workers", type=_number(1, 100_000, int), metavar="N", help=what)
    what = "price of an hour of one GPU, in any currency"
    add("--gpu-hour-price", type=_number(0, 1e6), metavar="PRICE", help=what)
    add(
        "--seed",
        type=_number(0, 2**63, int),
        default=1,
        help="seed of the random numbers" + DEFAULT,
    )
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
