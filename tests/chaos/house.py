"""A service whose every process can be killed, stopped and started again: Redis, API, workers."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import redis

from local import redis_server
from local.supervisor import free_port
from shared.blob_store import BlobStore
from shared.job_store import JobStore
from shared.settings import Settings
from shared.workers import list_workers
from tests import pictures
from tests.stack import await_status, delete_unfinished
from tests.waiting import until

START_SECONDS = 180.0

LONG_LEASE_SECONDS = "120"
"""The setting of a service in which no lease may run out, however busy the machine is."""

SETTINGS = {
    "PASTICHE_LEASE_SECONDS": "2",
    "PASTICHE_HEARTBEAT_SECONDS": "0.1",
    "PASTICHE_CHECKPOINT_SECONDS": "0.5",
    "PASTICHE_RECONCILE_SECONDS": "0.2",
    "PASTICHE_DECODE_TIMEOUT_SECONDS": "60",
    "PASTICHE_HIGH_PRIORITY_WITHOUT_KEYS": "true",
    "OMP_NUM_THREADS": "1",
}
"""Everything a tenth as long as in earnest, and one thread a worker: several share a processor."""


class Part:
    """One process, started again under the same name as often as it takes."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], log: Path):
        self.name, self._command, self._log = name, command, log
        self._environment = os.environ | environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def children(self) -> list[int]:
        """The processes that it has forked."""
        with suppress(OSError):
            listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
            return [int(each) for each in listed.read_text().split()]
        return []

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", errors="replace")

    def send(self, number: signal.Signals) -> None:
        """To it alone."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    def send_children(self, number: signal.Signals) -> None:
        """To what it has forked; AssertionError where that is nobody."""
        assert self.children, f"{self.name} has no child"
        for each in self.children:
            with suppress(ProcessLookupError):
                os.kill(each, number)

    def end(self) -> None:
        """SIGKILL to it and all that it has started."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class House:
    """The parts, and a client's view of them.

    Attributes:
        iterations: of a job that asks for no other number.
        address: where Redis and the API are reached.
        redis_parts: what Redis consists of: by default one server, on a socket.
        exposed: the workers that faults strike; all of them, if nobody chooses.
    """

    iterations = 40
    address = "127.0.0.1"

    def __init__(
        self, folder: Path, workers: int, reconcilers: int, settings: dict[str, str]
    ) -> None:
        self.folder = folder
        self.environment = SETTINGS | self._places() | settings
        self.settings = Settings(
            redis_url=self.environment["PASTICHE_REDIS_URL"],
            data_folder=folder / "data",
            lease_seconds=self.lease_seconds,
        )
        self.redis_parts = self._redis_parts()
        self.api = self._part("api", [sys.executable, "-m", "api"])
        self.reconcilers = self._parts("reconciler", "worker.reconciler", reconcilers)
        self.workers = self._parts("worker", "worker", workers)
        self.exposed = self.workers
        self.jobs = JobStore.connect(self.settings.redis_location)
        self.blobs = BlobStore.open(self.settings.blob_store_location)
        port = self.environment["PASTICHE_PORT"]
        url = f"http://{self.address}:{port}"
        self.http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    @property
    def redis(self) -> Part:
        """Its only server."""
        (server,) = self.redis_parts
        return server

    @property
    def lease_seconds(self) -> float:
        return float(self.environment["PASTICHE_LEASE_SECONDS"])

    @property
    def parts(self) -> list[Part]:
        return [*self.redis_parts, self.api, *self.reconcilers, *self.workers]

    def start(self) -> None:
        """Starts what does not run, and waits until all of it answers."""
        self.start_redis()
        for part in self.parts:
            if not part.runs:
                part.start()
        until(self._is_ready, patience_seconds=START_SECONDS)

    def clean(self) -> None:
        """Ends the workers, forgets every job, and starts again."""
        for part in (*self.workers, *self.reconcilers):
            part.end()
        self.start_redis()
        self.jobs.client.flushall()
        self.blobs.delete(*self.blobs.keys("jobs"))
        self.start()

    def start_redis(self) -> None:
        for part in self.redis_parts:
            if not part.runs:
                part.start()
        until(self._redis_answers, patience_seconds=START_SECONDS)

    def end(self) -> None:
        for part in reversed(self.parts):
            part.end()
        self.http.close()
        self.jobs.client.close()

    def submit(self, **fields: Any) -> str:
        """A small job; its id."""
        response = self.post(**fields)
        assert response.status_code == 202, response.text
        job_id = response.json()["id"]
        assert isinstance(job_id, str)
        return job_id

    def post(self, key: str | None = None, **fields: Any) -> httpx.Response:
        """The answer to the submission of a small job, under the client's key, if it has one."""
        files = {"content": pictures.jpeg(160, 120), "style": pictures.png(120, 120)}
        data = {"size": 64, "iterations": self.iterations} | fields
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.http.post("/jobs", files=files, data=data, headers=headers)

    def look(self, job_id: str) -> dict[str, Any]:
        """The job, as a client sees it."""
        job = self.http.get(f"/jobs/{job_id}").raise_for_status().json()
        assert isinstance(job, dict)
        return job

    def when(self, job_id: str, *statuses: str, patience_seconds: float = 300) -> dict[str, Any]:
        """The job, as soon as it has one of these statuses; AssertionError once it cannot any
        more."""
        return await_status(lambda: self.look(job_id), statuses, patience_seconds)

    def delete_unfinished(self) -> None:
        """Deletes every job that waits or is painted."""
        delete_unfinished(self.http)

    def picture(self, job_id: str) -> bytes:
        """The pixels of a job's picture."""
        result = self.http.get(f"/jobs/{job_id}/result").raise_for_status()
        return pictures.pixels(result.content)

    def painter(self, job_id: str) -> Part | None:
        """The worker that has, or had, the newest attempt at this job, by the workers' logs."""
        attempts = {
            int(number): worker
            for worker in self.workers
            for number in re.findall(rf"Job {job_id}: attempt (\d+)", worker.log)
        }
        return attempts[max(attempts)] if attempts else None

    def kill_whoever_paints(self, job_id: str) -> None:
        """Kills each process that takes this job, until it has failed."""
        killed = 0

        def has_failed() -> bool:
            nonlocal killed
            job = self.look(job_id)
            worker = self.painter(job_id) if job["status"] == "running" else None
            # By its number: on a busy machine a lease may run out, and an attempt end, unkilled.
            begun = f"Job {job_id}: attempt {job['attempt']}"
            if worker is not None and job["attempt"] > killed and begun in worker.log:
                worker.send_children(signal.SIGKILL)
                killed = job["attempt"]
            return bool(job["status"] == "failed")

        until(has_failed, patience_seconds=180)

    def _part(self, name: str, command: list[str]) -> Part:
        return Part(name, command, self.environment, self.folder / f"{name}.log")

    def _parts(self, name: str, module: str, count: int) -> list[Part]:
        command = [sys.executable, "-m", module]
        return [self._part(f"{name}-{index}", command) for index in range(count)]

    def _places(self) -> dict[str, str]:
        return {
            "PASTICHE_REDIS_URL": f"unix://{self._socket}",
            "PASTICHE_DATA_FOLDER": str(self.folder / "data"),
            "PASTICHE_HOST": self.address,
            "PASTICHE_PORT": str(free_port("127.0.0.1", 0)),
        }

    @property
    def _socket(self) -> Path:
        return self.folder / "redis.socket"

    def _redis_parts(self) -> list[Part]:
        return [self._part("redis", self._redis_command())]

    def _redis_command(self) -> list[str]:
        folder = self.folder / "redis"
        folder.mkdir()
        return redis_server.command(redis_server.binary(), socket=self._socket, folder=folder)

    def _redis_answers(self) -> bool:
        try:
            return bool(self.jobs.client.ping())
        except redis.RedisError:
            return False

    def _is_ready(self) -> bool:
        """Whether the API is, and each worker has a child that lives and has said so."""
        try:
            ready = self.http.get("/readyz").is_success
            listed = {int(each.name.rpartition("-")[2]) for each in self.jobs.run(list_workers())}
            return ready and all(listed & set(worker.children) for worker in self.workers)
        except (httpx.TransportError, redis.RedisError):
            return False


@contextmanager
def house(
    workers: int = 1, reconcilers: int = 1, *, inside: Path | None = None, **settings: str
) -> Iterator[House]:
    """A service that is up, in a folder of its own; nothing of it is left at the end."""
    with (
        TemporaryDirectory(prefix="pastiche-chaos-", dir=inside) as folder,
        running(House(Path(folder), workers, reconcilers, settings)) as service,
    ):
        yield service


@contextmanager
def running(service: House) -> Iterator[House]:
    """The service, which is up until the end of the context."""
    try:
        service.start()
        yield service
    finally:
        service.end()
