"""Compares the API with that of another checkout: python -m benchmarks.load_beside FOLDER

It measures polls, submissions and event streams as in `benchmarks.load`, by turns in one run. The
turns are short, and each round begins with the other checkout, because the load of a machine
changes within seconds. The results go to `benchmarks/results/load_beside.json`.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from benchmarks import load
from benchmarks.machine import machine
from benchmarks.pairs import RESULTS
from shared.job_store import JobStore

ROUNDS = 16
SECONDS = 3
STREAM_ROUNDS = 4
QUEUE_LIMIT = 100_000


class Api:
    """A running service, with a job that is being painted."""

    def __init__(self, service: tuple[str, str, int, JobStore]) -> None:
        self.url, _, self._pid, self._store = service
        with httpx.Client(base_url=self.url, timeout=60, trust_env=False) as http:
            self._job_id, self._fence = load.running_job(http, self._store)
            self._path = f"{self.url}/jobs/{self._job_id}"
            self._etag = http.get(self._path).headers["etag"]

    def measure(self) -> dict[str, float]:
        """How many polls and submissions it serves per second."""
        return {
            "polls_a_second": load.measure_polls(self._path, seconds=SECONDS),
            "unchanged_polls_a_second": load.measure_polls(self._path, self._etag, SECONDS),
            "submits_a_second": load.measure_submissions(self.url, SECONDS),
        }

    def measure_streams(self) -> dict[str, float]:
        """How soon events arrive at a thousand open streams."""
        found = asyncio.run(
            load.measure_streams(self.url, self._job_id, self._fence, self._pid, self._store)
        )
        return {f"stream_{name}": found[name] for name in ("median_ms", "p99_ms")}


def compare(apis: dict[str, Api], measure: Callable[[Api], dict[str, float]], rounds: int) -> Any:
    """Measures both by turns. Returns their medians, and the median ratio of this to the other."""
    names = list(apis)
    found: list[dict[str, dict[str, float]]] = []
    for _ in range(rounds):
        found.append({name: measure(apis[name]) for name in names})
        names.reverse()
    return {
        kind: {
            **{name: median(each[name][kind] for each in found) for name in apis},
            "ratio": median(each["this"][kind] / each["other"][kind] for each in found),
        }
        for kind in found[0]["this"]
    }


def main(arguments: Sequence[str]) -> None:
    """Prints the results, and writes them to the file."""
    if len(arguments) != 1 or not (Path(arguments[0]) / "api").is_dir():
        sys.exit("usage: python -m benchmarks.load_beside FOLDER, with another checkout in it")
    sources = {"other": Path(arguments[0]).resolve(), "this": load.SOURCE}
    found: dict[str, Any] = {
        "machine": machine(),
        "commits": {name: commit_of(source) for name, source in sources.items()},
    }
    with ExitStack() as stack:
        apis = {}
        for name, source in sources.items():
            folder = Path(stack.enter_context(TemporaryDirectory()))
            apis[name] = Api(stack.enter_context(load.service(folder, source, QUEUE_LIMIT)))
        found |= compare(apis, Api.measure, ROUNDS)
        found |= compare(apis, Api.measure_streams, STREAM_ROUNDS)
    text = json.dumps(found, indent=1)
    sys.stdout.write(text + "\n")
    (RESULTS / "load_beside.json").write_text(text + "\n")


def commit_of(source: Path) -> str:
    """The commit that is checked out in a folder."""
    command = ["git", "-C", str(source), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main(sys.argv[1:])
