"""Measures the cost of a job outside the engine: `python -m benchmarks.overhead [JOBS]`.

It paints some jobs of each size, one after the other, on an idle service with a warm worker, each
with a single iteration. It measures the median and the 95th percentile of two times: accepted →
running, by the clock of the record, and painted → fetchable, from the end of the last iteration to
the end of the commit, by the worker's log. It also measures the bytes of a job in the picture
store, the memory of the API after these jobs, and the time from the API's start to its first
response. The results go to `benchmarks/results/overhead.json`.
"""

import json
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

import httpx

from benchmarks.machine import machine
from benchmarks.pairs import BACKBONE, RESULTS
from local.supervisor import Operator, free_port, running
from shared.settings import Settings

FILE = RESULTS / "overhead.json"
SIZES = (256, 512, 1024)

_EXAMPLES = Path("examples/images")
_POLL_SECONDS = 0.01
_LINE = re.compile(r"^(\S+ \S+) INFO worker\.\w+: Job (\w+): (optimised|committed)\b", re.MULTILINE)


def main() -> None:
    """Prints the results, and writes them to the file."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    with TemporaryDirectory() as folder:
        data = Path(folder)
        settings = Settings(data_folder=data, port=0)
        with (
            running(settings, Operator()) as service,
            httpx.Client(base_url=service.url, timeout=30, trust_env=False) as http,
        ):
            _paint(http, SIZES[0])  # the first one of a worker loads the network
            jobs = {size: [_paint(http, size) for _ in range(count)] for size in SIZES}
            megabytes = _resident_megabytes(f"PASTICHE_DATA_FOLDER={data.resolve()}")
        sizes = {size: _measure(data, painted) for size, painted in jobs.items()}
    found = {
        "machine": machine(),
        "jobs": count,
        "sizes": sizes,
        "api_megabytes": megabytes,
        "api_start_seconds": _start_seconds(),
    }
    text = json.dumps(found, indent=1) + "\n"
    sys.stdout.write(text)
    FILE.write_text(text)


def _measure(data: Path, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    """Measures the times and the stored bytes of jobs of one size."""
    log, ids = data / "logs" / "worker.log", {job["id"] for job in jobs}
    blobs = data / "blobs" / "jobs"
    stored = [
        sum(path.stat().st_size for path in (blobs / each).rglob("*") if path.is_file())
        for each in ids
    ]
    return {
        "accepted_to_running_ms": _statistics(
            [_milliseconds(job["created_at"], job["started_at"]) for job in jobs]
        ),
        "painted_to_fetchable_ms": _statistics(_commits(log, ids)),
        "stored_bytes": round(median(stored)),
    }


def _statistics(milliseconds: list[float]) -> dict[str, float]:
    return {"median": median(milliseconds), "p95": quantiles(milliseconds, n=20)[-1]}


def _paint(http: httpx.Client, size: int) -> dict[str, Any]:
    """Submits a job with a single iteration, and waits for its end."""
    files = {
        "content": (_EXAMPLES / "content" / "harbour.jpg").read_bytes(),
        "style": (_EXAMPLES / "style" / "wave.jpg").read_bytes(),
    }
    fields = {"size": str(size), "iterations": "1", "scales": "1", "backbone": BACKBONE}
    job: dict[str, Any] = http.post("/jobs", files=files, data=fields).raise_for_status().json()
    while job["status"] in ("queued", "running"):
        sleep(_POLL_SECONDS)
        job = http.get(job["links"]["self"]).json()
    assert job["status"] == "succeeded", job["error"]
    return job


def _milliseconds(earlier: str, later: str) -> float:
    span = datetime.fromisoformat(later) - datetime.fromisoformat(earlier)
    return span.total_seconds() * 1000


def _commits(log: Path, jobs: set[str]) -> list[float]:
    """The time from the last iteration to the commit of each job, in milliseconds."""
    moments: dict[str, dict[str, datetime]] = {}
    for moment, job, what in _LINE.findall(log.read_text()):
        moments.setdefault(job, {})[what] = datetime.strptime(moment, "%Y-%m-%d %H:%M:%S,%f")
    spans = (moments[job]["committed"] - moments[job]["optimised"] for job in jobs)
    return [span.total_seconds() * 1000 for span in spans]


def _resident_megabytes(variable: str) -> float:
    """The resident memory of the API that has this environment variable (Linux)."""
    for folder in Path("/proc").glob("[0-9]*"):
        command = (folder / "cmdline").read_bytes()
        if b"-m\0api" in command and variable.encode() in (folder / "environ").read_bytes():
            status = (folder / "status").read_text()
            return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024
    raise AssertionError("The API is not running.")


def _start_seconds() -> float:
    """Measures the time from the start of the API's process to its first response."""
    port = free_port("127.0.0.1", 0)
    with TemporaryDirectory() as folder:
        environment = {"PASTICHE_PORT": str(port), "PASTICHE_DATA_FOLDER": folder}
        began = monotonic()
        process = subprocess.Popen([sys.executable, "-m", "api"], env=environment)
        try:
            while True:
                try:
                    httpx.get(f"http://127.0.0.1:{port}/livez").raise_for_status()
                except httpx.TransportError:
                    sleep(_POLL_SECONDS)
                else:
                    return monotonic() - began
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
