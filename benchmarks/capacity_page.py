"""Writes the tables of `docs/capacity.md`: python -m benchmarks.capacity_page [--simulate]

The tables come from `benchmarks/results`. With `--simulate`, it first simulates the plans in
`benchmarks/results/capacity.json` again, which takes minutes.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import capacity_check, fast_workers, several_workers
from benchmarks.capacity_plan import Demand, make_plan
from benchmarks.pairs import RESULTS
from benchmarks.service_rates import GPU_PICTURES, gpu_picture, service_rates

FILE = RESULTS / "capacity.json"
PAGE = Path("docs/capacity.md")

DEMANDS = (1_000, 10_000, 100_000)
PEAK, WAIT_SECONDS = 2.0, 10.0
USERS, USER_PICTURE, USER_WORKERS = 1_000_000, "standard-512", 15
"""A million users a day, with a given number of workers: a search for the smallest number would
simulate that day several times."""
SEED = 1


def simulate_row(pictures: int, name: str, workers: int | None = None) -> dict[str, Any]:
    """The plan for one demand, as in the file."""
    demand = Demand(pictures, peak=PEAK, wait_seconds=WAIT_SECONDS)
    plan = make_plan(demand, gpu_picture(name), service_rates(), seed=SEED, workers=workers)
    return {"pictures": pictures, "picture": name, "plan": asdict(plan)}


def simulate_all() -> list[dict[str, Any]]:
    """Every plan of the page."""
    rows = [simulate_row(pictures, name) for pictures in DEMANDS for name in GPU_PICTURES]
    return [*rows, simulate_row(USERS, USER_PICTURE, USER_WORKERS)]


def rates_table(_: Sequence[Mapping[str, Any]]) -> str:
    """The measured rates that the plans are computed from."""
    rates = service_rates()
    pictures = [gpu_picture(name) for name in GPU_PICTURES]
    rows = [
        (
            f"`{each.name}` on an {each.device}",
            f"{each.mean_seconds:.2f} s ({min(each.seconds):.2f} to {max(each.seconds):.2f}), "
            f"{each.stored_bytes / 1e6:.1f} MB stored",
            "`likeness.json`, `overhead.json`",
        )
        for each in pictures
    ]
    rows += [
        (
            "submissions, two JPEGs of 0.2 MB",
            f"{rates.submissions_a_core:.1f} a second and core",
            "`load.json`, `load_beside.json`",
        ),
        (
            "polls of a job that has changed",
            f"{rates.polls_a_core:,.0f} a second and core",
            "the same",
        ),
        (
            "Redis's processor",
            f"{rates.redis_ms_a_picture:.2f} ms a picture, {rates.redis_ms_a_poll:.3f} ms a poll, "
            f"{rates.redis_ms_a_heartbeat:.3f} ms a heartbeat",
            "`fast_workers.json`",
        ),
        (
            "Redis's memory, a job",
            " ".join(f"{size / 1000:.1f} KB {state}," for state, size in rates.redis_bytes.items())[
                :-1
            ],
            "`redis_memory.json`",
        ),
    ]
    return _table(("what", "measured", "in `benchmarks/results`"), rows)


def plans_table(plans: Sequence[Mapping[str, Any]]) -> str:
    """How many GPUs each demand needs."""
    rows = []
    for row in plans:
        if row["pictures"] == USERS:
            continue
        plan = row["plan"]
        rows.append(
            (
                f"{row['pictures']:,}",
                f"`{row['picture']}`",
                str(plan["workers"]),
                _waits(plan["busiest_hour"]),
                _waits(plan["whole_day"]),
                f"{plan['busy_share']:.0%}",
                f"{plan['gpu_hours']:.2f}",
                f"{plan['painting_hours']:.2f}",
            )
        )
    return _table(
        (
            "pictures a day",
            "picture",
            "GPUs",
            "busiest hour: median, 95 %",
            "whole day: median, 95 %",
            "busy",
            "GPU hours for 1,000 pictures",
            "of these, painting",
        ),
        rows,
    )


def users_table(plans: Sequence[Mapping[str, Any]]) -> str:
    """What a million users a day need."""
    plan = next(row["plan"] for row in plans if row["pictures"] == USERS)
    load = plan["load"]
    limits = load["pictures_a_day"]
    rows = (
        (
            "GPUs",
            f"{plan['workers']}, busy {plan['busy_share']:.0%} of the day; wait in the busiest "
            f"hour, median and 95 %: {_waits(plan['busiest_hour'])}",
            "add GPUs, each with a worker",
        ),
        (
            "API",
            f"{load['api_cores']:.1f} cores: {load['submissions_a_second']:.1f} submissions and "
            f"{load['polls_a_second']:.0f} polls a second",
            f"above {_rounded(limits['api_core'])} pictures a day and core: add a replica",
        ),
        (
            "Redis",
            f"{load['redis_share']:.0%} of its one core; "
            f"{load['redis_bytes'] / 1e9:.1f} GB for the jobs of seven days",
            f"above {_rounded(limits['redis'])} pictures a day: run a service for each region",
        ),
        (
            "picture store",
            f"{load['store_writes_a_second']:.0f} writes and "
            f"{load['store_reads_a_second']:.0f} reads a second; "
            f"{load['stored_bytes_a_day'] / 1e12:.2f} TB a day, "
            f"{load['stored_bytes'] / 1e12:.1f} TB for seven days",
            f"above {_rounded(limits['store'])} pictures a day on one prefix of S3",
        ),
    )
    return _table(("part", "at the busiest time", "when to add capacity"), rows)


def check_table(_: Sequence[Mapping[str, Any]]) -> str:
    """The simulated queue compared with a real one."""
    found = _read(capacity_check.FILE)
    names = {
        "median": "wait, median",
        "p95": "wait, 95 %",
        "mean": "wait, mean",
        "jobs_a_minute": "jobs a minute",
    }
    rows = []
    for name, words in names.items():
        unit, low_high = "" if name == "jobs_a_minute" else " s", found["by_chance"][name]
        rows.append(
            (
                words,
                f"{found['predicted'][name]:.2f}{unit}",
                f"{found['measured'][name]:.2f}{unit}",
                f"{found['with_measured_seconds'][name]:.2f}{unit}",
                " to ".join(f"{each:.2f}" for each in low_high) + unit,
            )
        )
    return _table(
        (
            "",
            "predicted",
            "measured",
            "simulated with the seconds that each job took",
            "predicted for 90 % of runs with other random times",
        ),
        rows,
    ) + (
        f"\n{found['jobs']} jobs of {found['size']} px and {found['iterations']} iterations, "
        f"{found['jobs_a_second']:.2f} a second at random, for two workers with one thread each. "
        f"The workers announced {found['announced_seconds']:.2f} s for a job; in the run it took "
        f"{found['measured_seconds']:.2f} s. {_machine(found)}\n"
    )


def workers_table(_: Sequence[Mapping[str, Any]]) -> str:
    """How fast several workers are together."""
    two, fast = _read(several_workers.FILE), _read(fast_workers.FILE)
    jobs, single, queue = two["jobs_a_minute"], fast["single_jobs"], fast["full_queue"]
    ratios = [each["ratio"] for each in two["rounds"]]
    painting = (
        (
            f"jobs a minute of one worker, {two['size']} px, one thread each",
            f"{jobs['one']:.1f}",
        ),
        ("jobs a minute of two workers on two cores", f"{jobs['two']:.1f}"),
        (
            f"ratio, the median of {len(ratios)} rounds",
            f"{jobs['ratio']:.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        ),
    )
    idle = (
        (
            f"{fast['workers']} workers: from submission to the end of a job, at "
            f"{single['jobs_a_second']} jobs a second",
            f"median {single['median_ms']:.0f} ms, 95 % within {single['p95_ms']:.0f} ms",
        ),
        (
            f"the same workers with a queue of {queue['jobs']:,} jobs, all on two cores",
            f"{queue['ms_a_job']:.1f} ms a job",
        ),
    )
    return "\n".join(
        (
            _table(("workers that paint", "measured"), painting),
            f"{_machine(two)}\n",
            _table(("workers that do not paint", "measured"), idle),
            f"{_machine(fast)}\n",
        )
    )


SECTIONS: Mapping[str, Callable[[Sequence[Mapping[str, Any]]], str]] = {
    "rates": rates_table,
    "plans": plans_table,
    "users": users_table,
    "check": check_table,
    "workers": workers_table,
}
"""The generated sections, by the name in their markers."""


def page(text: str, plans: Sequence[Mapping[str, Any]]) -> str:
    """The text of the page, with all tables updated."""
    for name, section in SECTIONS.items():
        begins = f"<!-- {name}: python -m benchmarks.capacity_page -->"
        ends = f"<!-- end of {name} -->"
        before, found, rest = text.partition(begins)
        _, also_found, after = rest.partition(ends)
        assert found, f"{PAGE} has lost {begins}"
        assert also_found, f"{PAGE} has lost {ends}"
        text = f"{before}{begins}\n{section(plans)}{ends}{after}"
    return text


def read_plans() -> list[dict[str, Any]]:
    """The plans that were simulated."""
    plans: list[dict[str, Any]] = _read(FILE)
    return plans


def main(arguments: Sequence[str]) -> None:
    """Writes the tables."""
    if arguments not in ([], ["--simulate"]):
        sys.exit("usage: python -m benchmarks.capacity_page [--simulate]")
    if arguments:
        FILE.write_text(json.dumps(simulate_all(), indent=1) + "\n", "utf-8")
    PAGE.write_text(page(PAGE.read_text("utf-8"), read_plans()), "utf-8")


def _waits(waits: Mapping[str, float]) -> str:
    return f"{waits['median']:.1f} s, {waits['p95']:.1f} s"


def _rounded(pictures: int) -> str:
    """A large number with two digits."""
    return f"{float(f'{pictures:.2g}') / 1e6:,g} million"


def _machine(found: Mapping[str, Any]) -> str:
    return f"On an {found['machine']['processor'].replace('(R)', '')}, two cores."


def _read(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main(sys.argv[1:])
