"""Measures whether a long queue slows the API down: python -m benchmarks.queue [JOBS]

It submits and polls with an empty queue and with this number of waiting jobs, by turns in one run.
It prints the median milliseconds, the ratios, and the bytes of a waiting job in Redis. There are no
workers.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import httpx
from PIL import Image

from local import redis_server
from local.supervisor import free_port
from pastiche import Options
from shared import transitions
from shared.blob_store import input_key
from shared.inputs import Inputs
from shared.job_store import JobStore
from shared.jobs import QueueEntry, new_job_id
from shared.settings import Settings
from tests.waiting import until

ROUNDS = 200
CALLERS = 50


def submit_directly(jobs: JobStore, count: int) -> None:
    """Writes the records of jobs of several callers, as the API does."""
    ids = (new_job_id() for _ in range(count))
    for number, job_id in enumerate(ids):
        inputs = Inputs(input_key(job_id, "content-0"), (input_key(job_id, "style-0"),))
        latest_ms = jobs.run(transitions.begin_submission(job_id))
        entry = QueueEntry(f"10.0.0.{number % CALLERS}", 25_000_000)
        jobs.run(
            transitions.submit(
                job_id, latest_ms, asdict(Options()), inputs, entry, queue_limit=2 * count
            )
        )


def milliseconds(action: Callable[[], httpx.Response]) -> float:
    """The median milliseconds of a request."""
    durations = []
    for _ in range(ROUNDS):
        began = perf_counter()
        action().raise_for_status()
        durations.append(1000 * (perf_counter() - began))
    return median(durations)


def measure(http: httpx.Client) -> dict[str, float]:
    """Measures a submission with its pictures, and a poll of the last job in the queue."""
    out = BytesIO()
    Image.new("RGB", (64, 48), "teal").save(out, "PNG")
    files = {"content": out.getvalue(), "style": out.getvalue()}
    last = http.post("/jobs", files=files).raise_for_status().json()["id"]
    polled = milliseconds(lambda: http.get(f"/jobs/{last}"))
    return {"submit": milliseconds(lambda: http.post("/jobs", files=files)), "poll": polled}


def main(arguments: Sequence[str]) -> None:
    """Prints the results."""
    count = int(arguments[0]) if arguments else 10_000
    with TemporaryDirectory() as name:
        folder = Path(name)
        socket, port = folder / "redis", free_port("127.0.0.1", 0)
        settings = Settings(redis_url=f"unix://{socket}", data_folder=folder)
        command = redis_server.command(redis_server.binary(), socket=socket, folder=folder)
        environment = {
            "PASTICHE_REDIS_URL": settings.redis_location,
            "PASTICHE_DATA_FOLDER": name,
            "PASTICHE_PORT": str(port),
            "PASTICHE_QUEUE_LIMIT": str(3 * count),
            "PASTICHE_LOG_LEVEL": "WARNING",
        }
        with (
            subprocess.Popen(command, stdout=subprocess.DEVNULL) as server,
            subprocess.Popen([sys.executable, "-m", "api"], env=environment) as api,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http,
        ):
            try:
                until(lambda: _serves(http))
                _compare(http, JobStore.connect(settings.redis_location), count)
            finally:
                api.terminate()
                server.terminate()


def _compare(http: httpx.Client, jobs: JobStore, count: int) -> None:
    measure(http)
    found: dict[str, list[dict[str, float]]] = {"none": [], "many": []}
    for _ in range(2):
        jobs.client.flushall()
        found["none"].append(measure(http))
        jobs.client.flushall()
        before = jobs.client.info("memory")["used_memory"]
        submit_directly(jobs, count)
        bytes_each = (jobs.client.info("memory")["used_memory"] - before) / count
        found["many"].append(measure(http))
    ratios = {
        what: median(each[what] for each in found["many"])
        / median(each[what] for each in found["none"])
        for what in ("submit", "poll")
    }
    results = {"waiting": count, **found, "ratios": ratios, "redis_bytes_a_job": round(bytes_each)}
    sys.stdout.write(json.dumps(results, indent=1) + "\n")


def _serves(http: httpx.Client) -> bool:
    try:
        return http.get("/readyz").is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main(sys.argv[1:])
