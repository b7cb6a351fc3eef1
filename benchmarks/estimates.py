"""Measures the errors of `eta_seconds`: `python -m benchmarks.estimates [SIZE…]`.

A whole service with a new worker paints the preset `draft` at these sizes, one job after the other,
each from a photograph that is new to the worker. Every job is polled, and each estimate is compared
with the time that was really left. The error is relative to that time, or to `SHORT_SECONDS` if
less was left. So up to 0.3 is within 30 % or within a second. The results go to
`benchmarks/results/estimates.json`.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any

import httpx
from PIL import Image, ImageChops

from benchmarks.machine import machine
from benchmarks.pairs import BACKBONE, RESULTS
from local.supervisor import Operator, running
from shared.settings import Settings

SIZES = (64, 256, 256, 384, 64, 128, 512, 256)

FIRST_ITERATION = 10
"""From this iteration on, an estimate should be right."""

TOLERANCE = 0.3
"""An estimate with a larger error is wrong."""

SHORT_SECONDS = 1 / TOLERANCE

_POLL_SECONDS = 0.3
_HEAD = "size  seconds  dry run  submission  worst  right  known from  trace"
_EXAMPLES = Path("examples/images")


@dataclass(frozen=True)
class Poll:
    """The response to a poll of a running job, and when it came."""

    iteration: int
    eta_seconds: float | None
    at: datetime


@dataclass(frozen=True)
class Painted:
    """A finished job, with the errors of its estimates."""

    size: int
    seconds: float
    dry_run: float | None
    submission: float | None
    estimates: list[tuple[int, float | None]]
    """The iteration of each poll, and the signed error of its estimate, None without one."""

    @property
    def errors(self) -> list[float]:
        """The absolute errors from `FIRST_ITERATION` on, which should be small."""
        late = (error for iteration, error in self.estimates if iteration >= FIRST_ITERATION)
        return [abs(error) for error in late if error is not None]

    @property
    def worst(self) -> float | None:
        """The largest of these errors."""
        return max(self.errors, default=None)

    @property
    def right(self) -> float | None:
        """The share of the estimates from `FIRST_ITERATION` on that are right."""
        errors = self.errors
        return sum(error <= TOLERANCE for error in errors) / len(errors) if errors else None

    @property
    def first_known(self) -> int | None:
        """The first iteration with an estimate."""
        return next((each for each, error in self.estimates if error is not None), None)

    @property
    def thinned(self) -> dict[int, float | None]:
        """The errors of about twenty of its estimates, by iteration."""
        step = max(1, len(self.estimates) // 20)
        return dict(self.estimates[::step])


def main(arguments: Sequence[str]) -> None:
    """Prints a row and a trace for each job, and writes the results to the file."""
    sizes = [int(each) for each in arguments] or SIZES
    jobs = []
    with TemporaryDirectory() as folder:
        settings = Settings(data_folder=Path(folder), port=0)
        with (
            running(settings, Operator()) as service,
            httpx.Client(base_url=service.url, timeout=30, trust_env=False) as http,
        ):
            sys.stdout.write(
                "size  seconds  dry run  submission  worst  right  known from  trace\n"
            )
            for number, size in enumerate(sizes):
                jobs.append(paint(http, size, number))
                sys.stdout.write(f"{_row(jobs[-1])}\n")
                sys.stdout.flush()
    found = {"machine": machine(), "jobs": [_describe(job) for job in jobs]}
    (RESULTS / "estimates.json").write_text(json.dumps(found, indent=1) + "\n")


def paint(http: httpx.Client, size: int, number: int) -> Painted:
    """Paints a picture, polling its job."""
    files = {
        "content": _photograph(number),
        "style": (_EXAMPLES / "style" / "wave.jpg").read_bytes(),
    }
    form = {"preset": "draft", "size": str(size), "backbone": BACKBONE}
    dry = http.post("/jobs?dry_run=1", files=files, data=form).raise_for_status().json()
    job = http.post("/jobs", files=files, data=form).raise_for_status().json()
    submission = job["eta_seconds"]
    polls: list[Poll] = []
    while job["status"] in ("queued", "running"):
        sleep(_POLL_SECONDS)
        job = http.get(job["links"]["self"]).raise_for_status().json()
        if job["status"] == "running" and job["iteration"]:
            polls.append(Poll(job["iteration"], job["eta_seconds"], datetime.now(UTC)))
    assert job["status"] == "succeeded", job["error"]
    return _compare(job, size, dry["eta_seconds"], submission, polls)


def _photograph(number: int) -> bytes:
    """An example, shifted so that it is different for each number."""
    out = BytesIO()
    with Image.open(_EXAMPLES / "content" / "harbour.jpg") as image:
        ImageChops.offset(image.convert("RGB"), 8 * number, 0).save(out, "PNG")
    return out.getvalue()


def _compare(
    job: dict[str, Any],
    size: int,
    dry_run: float | None,
    submission: float | None,
    polls: Sequence[Poll],
) -> Painted:
    finished = datetime.fromisoformat(job["finished_at"])
    seconds = (finished - datetime.fromisoformat(job["created_at"])).total_seconds()
    return Painted(
        size,
        seconds,
        _error(dry_run, seconds),
        _error(submission, seconds),
        [
            (each.iteration, _error(each.eta_seconds, (finished - each.at).total_seconds()))
            for each in polls
        ],
    )


def _error(estimate: float | None, true: float) -> float | None:
    return None if estimate is None else (estimate - true) / max(true, SHORT_SECONDS)


def _describe(job: Painted) -> dict[str, Any]:
    return {
        "size": job.size,
        "seconds": round(job.seconds, 1),
        "dry_run_error": _rounded(job.dry_run),
        "submission_error": _rounded(job.submission),
        "worst_error": _rounded(job.worst),
        "share_right": _rounded(job.right),
        "first_known_iteration": job.first_known,
        "errors_by_iteration": {each: _rounded(error) for each, error in job.thinned.items()},
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 3)


def _row(job: Painted) -> str:
    trace = " ".join(f"{iteration}:{_percent(error)}" for iteration, error in job.thinned.items())
    errors = f"{_percent(job.dry_run):>8} {_percent(job.submission):>11} {_percent(job.worst):>6}"
    right = "?" if job.right is None else f"{100 * job.right:.0f}%"
    known_from = job.first_known or "never"
    return f"{job.size:>4} {job.seconds:>8.1f} {errors} {right:>6} {known_from:>11}  {trace}"


def _percent(share: float | None) -> str:
    return "?" if share is None else f"{100 * share:+.0f}%"


if __name__ == "__main__":
    main(sys.argv[1:])
