"""What a job costs outside the engine: `python -m benchmarks.overhead [JOBS]`.

Many small jobs, one after the other, on an idle service with a warm worker. Told at the median and
at the 95th percentile: accepted → running, by the record's own clock, and painted → fetchable, from
the end of the last iteration to the end of the commit, by the worker's log. And what the API
weighs once it has served them, and how long it takes to answer after its start.
"""

import re
import subprocess
import sys
from datetime import datetime
from io import BytesIO
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

import httpx
from PIL import Image

from benchmarks.pairs import BACKBONE
from local.supervisor import Operator, free_port, running
from shared.settings import Settings

_LOOK_AGAIN_SECONDS = 0.01
_LINE = re.compile(r"^(\S+ \S+) INFO worker\.\w+: Job (\w+): (optimised|committed)$", re.MULTILINE)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with TemporaryDirectory() as folder:
        data = Path(folder)
        settings = Settings(data_folder=data, port=0)
        with (
            running(settings, Operator()) as service,
            httpx.Client(base_url=service.url, timeout=30) as http,
        ):
            jobs = [_painted(http) for _ in range(count)]
            megabytes = _resident_megabytes(f"PASTICHE_DATA_FOLDER={data.resolve()}")
        waits = [_milliseconds(job["created_at"], job["started_at"]) for job in jobs]
        commits = _commits(data / "logs" / "worker.log", {job["id"] for job in jobs})
    _tell("accepted → running", waits)
    _tell("painted → fetchable", commits)
    sys.stdout.write(f"the API, resident      {megabytes:6.1f} MB\n")
    sys.stdout.write(f"the API, start         {_start_seconds():6.2f} s\n")


def _painted(http: httpx.Client) -> dict[str, Any]:
    """One small job, from submit to its end."""
    out = BytesIO()
    Image.effect_noise((256, 192), 64).convert("RGB").save(out, "PNG")
    files = {"content": out.getvalue(), "style": out.getvalue()}
    fields = {"size": "256", "iterations": "2", "backbone": BACKBONE}
    job: dict[str, Any] = http.post("/jobs", files=files, data=fields).raise_for_status().json()
    while job["status"] in ("queued", "running"):
        sleep(_LOOK_AGAIN_SECONDS)
        job = http.get(job["links"]["self"]).json()
    assert job["status"] == "succeeded", job["error"]
    return job


def _milliseconds(earlier: str, later: str) -> float:
    span = datetime.fromisoformat(later) - datetime.fromisoformat(earlier)
    return span.total_seconds() * 1000


def _commits(log: Path, jobs: set[str]) -> list[float]:
    """From the last iteration to the commit of each job, in milliseconds."""
    moments: dict[str, dict[str, datetime]] = {}
    for moment, job, what in _LINE.findall(log.read_text()):
        moments.setdefault(job, {})[what] = datetime.strptime(moment, "%Y-%m-%d %H:%M:%S,%f")
    spans = (moments[job]["committed"] - moments[job]["optimised"] for job in jobs)
    return [span.total_seconds() * 1000 for span in spans]


def _resident_megabytes(variable: str) -> float:
    """What the API of the service with this environment variable has in memory (Linux)."""
    for folder in Path("/proc").glob("[0-9]*"):
        command = (folder / "cmdline").read_bytes()
        if b"-m\0api" in command and variable.encode() in (folder / "environ").read_bytes():
            status = (folder / "status").read_text()
            return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024
    raise AssertionError("The API is not running.")


def _start_seconds() -> float:
    """From the start of the API's process to its first answer."""
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
                    sleep(_LOOK_AGAIN_SECONDS)
                else:
                    return monotonic() - began
        finally:
            process.terminate()
            process.wait()


def _tell(what: str, milliseconds: list[float]) -> None:
    high = quantiles(milliseconds, n=20)[-1]
    sys.stdout.write(
        f"{what:<22} {median(milliseconds):6.1f} ms at the median, {high:.1f} ms at the 95th "
        f"percentile of {len(milliseconds)} jobs\n"
    )


if __name__ == "__main__":
    main()
