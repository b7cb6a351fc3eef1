"""Measures the load that one API process can handle: python -m benchmarks.load

It needs `wrk` and `hey` (both are Debian packages) for polling. It

- polls, with 200 and with 304, by turns with a bare FastAPI handler with one Redis read;
- submits pairs of JPEGs of 0.2 MB, and compares a form with JSON;
- opens a thousand event streams;
- fills the queue.

There is no worker: this program writes the job's record as a worker would. The results go to
`benchmarks/results/load.json`.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from statistics import mean, median, quantiles
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

import httpx
import numpy as np
from PIL import Image

from benchmarks.machine import machine
from benchmarks.pairs import RESULTS
from local import redis_server
from local.supervisor import free_port
from shared import transitions
from shared.job_store import JobStore
from shared.progress import Progress

SOURCE = Path(__file__).parents[1]
SECONDS = 8
ROUNDS = 3
STREAMS = 1000
PAIRS = 50
BARE = """
import os
import redis.asyncio
import uvicorn
from fastapi import FastAPI
app = FastAPI()
client = redis.asyncio.Redis.from_url(os.environ["PASTICHE_REDIS_URL"], decode_responses=True)
@app.get("/jobs/{job_id}")
async def look(job_id: str):
    return await client.hgetall(f"job:{{{job_id}}}")
uvicorn.run(app, port=int(os.environ["BARE_PORT"]), log_level="warning")
"""


@contextmanager
def service(
    folder: Path, source: Path = SOURCE, queue_limit: int = 500
) -> Iterator[tuple[str, str, int, JobStore]]:
    """Runs Redis, one API process and the bare handler. Yields the URLs of both, the process id of
    the API, and the job store.

    Args:
        folder: an empty folder for their files.
        source: the checkout of this project whose API is run.
    """
    socket, port, bare = folder / "redis.socket", *(free_port("127.0.0.1", 0) for _ in range(2))
    (folder / "redis").mkdir()
    redis = redis_server.command(redis_server.binary(), socket=socket, folder=folder / "redis")
    environment = os.environ | {
        "PASTICHE_REDIS_URL": f"unix://{socket}",
        "PASTICHE_DATA_FOLDER": str(folder / "data"),
        "PASTICHE_PORT": str(port),
        "PASTICHE_LOG_LEVEL": "WARNING",
        "PASTICHE_QUEUE_LIMIT": str(queue_limit),
        "PYTHONPATH": str(source),
        "BARE_PORT": str(bare),
    }
    commands = (redis, [sys.executable, "-m", "api"], [sys.executable, "-c", BARE])
    quiet = subprocess.DEVNULL
    processes = [
        subprocess.Popen(each, env=environment, stdout=quiet, cwd=source) for each in commands
    ]
    try:
        urls = [f"http://127.0.0.1:{each}" for each in (port, bare)]
        for url in urls:
            _wait_for(url)
        store = JobStore.connect(f"unix://{socket}")
        yield urls[0], urls[1], processes[1].pid, store
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


def _wait_for(url: str) -> None:
    while True:
        try:
            httpx.get(f"{url}/livez", trust_env=False)
        except httpx.TransportError:
            sleep(0.1)
        else:
            return


def jpeg(kilobytes: int, seed: int) -> bytes:
    """A JPEG file of about this size: a smooth picture with noise."""
    noise = np.random.default_rng(seed).normal(128, 40, (600, 800, 3)).clip(0, 255)
    image = Image.fromarray(noise.astype(np.uint8))
    for quality in range(20, 100):
        out = BytesIO()
        image.save(out, "JPEG", quality=quality)
        if out.tell() >= 1000 * kilobytes:
            break
    return out.getvalue()


def submit(http: httpx.Client, files: dict[str, bytes]) -> httpx.Response:
    return http.post("/jobs", files=files, data={"size": "256"})


def running_job(http: httpx.Client, store: JobStore) -> tuple[str, str]:
    """Makes a job whose record says that it is being painted. Returns its id and fence."""
    job_id = submit(http, {"content": jpeg(20, 0), "style": jpeg(20, 1)}).json()["id"]
    claim = store.run(transitions.claim(job_id, lease_seconds=3600))
    assert claim is not None
    _send_heartbeat(store, job_id, claim.fence, 1)
    return job_id, claim.fence


def _send_heartbeat(store: JobStore, job_id: str, fence: str, iteration: int) -> None:
    progress = Progress(
        iteration=iteration,
        iterations=2000,
        scale=1,
        scales=3,
        work=0.5,
        eta_seconds=9.0,
        losses={"content": 1.0, "style": 2.0, "tv": 0.5, "gamut": 0.25, "total": 3.75},
    )
    fields = {"progress": progress.to_json()}
    store.run(transitions.heartbeat(job_id, fence, lease_seconds=3600, fields=fields))


def measure_polls(url: str, etag: str | None = None, seconds: int = SECONDS) -> float:
    """Measures polls per second with sixteen connections."""
    header = ["-H", f"If-None-Match: {etag}"] if etag else []
    command = ["wrk", "-t1", "-c16", f"-d{seconds}s", *header, url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert found, output
    return float(found[1])


def measure_latency(rate: float, url: str, etag: str) -> float:
    """Measures the 99th percentile of the latency, in milliseconds, at a rate of requests."""
    connections = 10
    command = ["hey", "-z", f"{SECONDS}s", "-c", str(connections), "-q", str(rate / connections)]
    command += ["-H", f"If-None-Match: {etag}", url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"99%+ in ([\d.]+) secs", output)
    assert found, output
    return 1000 * float(found[1])


def measure_submissions(url: str, seconds: int = SECONDS) -> float:
    """Measures submissions per second of pairs of 0.2 MB, by four clients."""
    files = {"content": jpeg(200, 2), "style": jpeg(200, 3)}

    def client(_: int) -> int:
        done, late = 0, monotonic() + seconds
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
            while monotonic() < late:
                assert submit(http, files).status_code == 202
                done += 1
        return done

    with ThreadPoolExecutor(4) as pool:
        began = monotonic()
        return sum(pool.map(client, range(4))) / (monotonic() - began)


def compare_json_and_form(url: str) -> dict[str, float]:
    """Measures how long a submission of a pair of 0.2 MB takes as a form, and as data URIs in JSON,
    by turns. The requests are encoded in advance."""
    files = {"content": jpeg(200, 2), "style": jpeg(200, 3)}
    uris = {name: f"data:;base64,{b64encode(data).decode()}" for name, data in files.items()}
    seconds: dict[str, list[float]] = {"form": [], "json": []}
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        requests = {
            "form": http.build_request("POST", "/jobs", files=files, data={"size": "256"}),
            "json": http.build_request("POST", "/jobs", json=uris | {"size": 256}),
        }
        for request in requests.values():
            request.read()
        for _ in range(PAIRS):
            for kind, request in requests.items():
                began = monotonic()
                response = http.send(request)
                seconds[kind].append(monotonic() - began)
                http.delete(response.raise_for_status().headers["location"]).raise_for_status()
    form, as_json = median(seconds["form"]), median(seconds["json"])
    return {"form_ms": 1000 * form, "json_ms": 1000 * as_json, "ratio": as_json / form}


async def _stream(port: int, job_id: str, opened: asyncio.Event, seen: dict[int, float]) -> None:
    """Reads a stream, and stores when each iteration first arrived."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /jobs/{job_id}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    try:
        status = await reader.readline()
        assert status.startswith(b"HTTP/1.1 200"), status
        while line := await reader.readline():
            if line.startswith(b"event: status"):
                opened.set()
            found = re.search(rb'"iteration": ?(\d+)', line)
            if found:
                seen.setdefault(int(found[1]), monotonic())
    finally:
        writer.close()


async def measure_streams(
    url: str, job_id: str, fence: str, pid: int, store: JobStore
) -> dict[str, float]:
    """Opens a thousand streams at once, and measures how soon events arrive and the memory of each
    stream."""
    port, before = int(url.rpartition(":")[2]), resident_kilobytes(pid)
    opened = [asyncio.Event() for _ in range(STREAMS)]
    seen: list[dict[int, float]] = [{} for _ in range(STREAMS)]
    delays = []
    async with asyncio.TaskGroup() as group:  # if one stream fails, all end
        tasks = [
            group.create_task(_stream(port, job_id, event, each))
            for event, each in zip(opened, seen, strict=True)
        ]
        await asyncio.gather(*(event.wait() for event in opened))
        weight = (resident_kilobytes(pid) - before) / STREAMS
        for iteration in range(1000, 1008):
            await asyncio.sleep(1)
            sent = monotonic()
            await asyncio.to_thread(_send_heartbeat, store, job_id, fence, iteration)
            await asyncio.sleep(3)
            delays += [each[iteration] - sent for each in seen if iteration in each]
        for task in tasks:
            task.cancel()
    return {
        "open": sum(event.is_set() for event in opened),
        "kilobytes_each": weight,
        "received": len(delays) / STREAMS / 8,
        "median_ms": 1000 * median(delays),
        "p99_ms": 1000 * quantiles(delays, n=100)[-1],
    }


def saturate(url: str, pid: int) -> dict[str, Any]:
    """Submits beyond the queue's limit. Returns the status codes, and whether the API recovers."""
    files = {"content": jpeg(20, 4), "style": jpeg(20, 5)}
    responses: dict[int, int] = {}
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        before, ids = resident_kilobytes(pid), []
        while responses.get(503, 0) < 200:
            response = submit(http, files)
            responses[response.status_code] = responses.get(response.status_code, 0) + 1
            if response.status_code == 202:
                ids.append(response.json()["id"])
        after = resident_kilobytes(pid)
        http.delete(f"/jobs/{ids[0]}").raise_for_status()
        recovers = submit(http, files).status_code == 202
    return {"answers": responses, "grew_kilobytes": after - before, "recovers": recovers}


def resident_kilobytes(pid: int) -> float:
    """The resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1000


def main() -> None:
    """Prints the results, and writes them to the file."""
    missing = [name for name in ("wrk", "hey") if shutil.which(name) is None]
    if missing:
        sys.exit(f"{' and '.join(missing)} must be installed (Debian: apt-get install wrk hey).")
    found: dict[str, Any] = {"machine": machine()}
    with TemporaryDirectory() as folder, service(Path(folder)) as (url, bare, pid, store):
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
            job_id, fence = running_job(http, store)
            etag = http.get(f"/jobs/{job_id}").headers["etag"]
        path = f"/jobs/{job_id}"
        rounds = [
            {
                "200": measure_polls(url + path),
                "304": measure_polls(url + path, etag),
                "bare": measure_polls(bare + path),
            }
            for _ in range(ROUNDS)
        ]
        found["polls_a_second"] = {kind: mean(each[kind] for each in rounds) for kind in rounds[0]}
        half = found["polls_a_second"]["304"] / 2
        found["p99_ms_at_half_rate"] = measure_latency(half, url + path, etag)
        found["streams"] = asyncio.run(measure_streams(url, job_id, fence, pid, store))
        found["submits_a_second"] = measure_submissions(url)
        found["json_beside_form"] = compare_json_and_form(url)
        found["saturation"] = saturate(url, pid)
    text = json.dumps(found, indent=1)
    sys.stdout.write(text + "\n")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "load.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
