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
from tests.processes import list_children
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
"""Times of a tenth of the defaults, and one thread for each worker: several share a processor."""


class ServiceProcess:
    """A process that can be started again under the same name."""

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
    def popen(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def children(self) -> list[int]:
        """The ids of the processes that it has forked."""
        return list_children(self.popen.pid)

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", errors="replace")

    def send_signal(self, number: signal.Signals) -> None:
        """Sends a signal to the process alone."""
        with suppress(ProcessLookupError):
            self.popen.send_signal(number)

    def signal_children(self, number: signal.Signals) -> None:
        """Sends a signal to its child processes; AssertionError if it has none."""
        assert self.children, f"{self.name} has no child"
        for each in self.children:
            with suppress(ProcessLookupError):
                os.kill(each, number)

    def kill(self) -> None:
        """Sends SIGKILL to the process and to all that it has started."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()


class ChaosService:
    """The processes of a service, and a client of it.

    Attributes:
        iterations: how many iterations a job has by default.
        address: the address of Redis and the API.
        redis_processes: by default one server, on a socket.
        targets: the workers that faults strike; by default all of them.
    """

    iterations = 40
    address = "127.0.0.1"

    def __init__(
        self, folder: Path, workers: int, reconcilers: int, settings: dict[str, str]
    ) -> None:
        self.folder = folder
        self.environment = SETTINGS | self._addresses() | settings
        self.settings = Settings(
            redis_url=self.environment["PASTICHE_REDIS_URL"],
            data_folder=folder / "data",
            lease_seconds=self.lease_seconds,
        )
        self.redis_processes = self._make_redis()
        self.api = self._make_process("api", [sys.executable, "-m", "api"])
        self.reconcilers = self._make_processes("reconciler", "worker.reconciler", reconcilers)
        self.workers = self._make_processes("worker", "worker", workers)
        self.targets = self.workers
        self.jobs = JobStore.connect(self.settings.redis_location)
        self.blobs = BlobStore.open(self.settings.blob_store_location)
        port = self.environment["PASTICHE_PORT"]
        url = f"http://{self.address}:{port}"
        self.http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    @property
    def redis(self) -> ServiceProcess:
        """The only Redis server."""
        (server,) = self.redis_processes
        return server

    @property
    def lease_seconds(self) -> float:
        return float(self.environment["PASTICHE_LEASE_SECONDS"])

    @property
    def processes(self) -> list[ServiceProcess]:
        return [*self.redis_processes, self.api, *self.reconcilers, *self.workers]

    def start(self) -> None:
        """Starts the processes that do not run, and waits until the service is ready."""
        self.start_redis()
        for process in self.processes:
            if not process.is_running:
                process.start()
        until(self._is_ready, timeout_seconds=START_SECONDS)

    def clean(self) -> None:
        """Kills the workers, deletes every job, and starts again."""
        for process in (*self.workers, *self.reconcilers):
            process.kill()
        self.start_redis()
        self.jobs.client.flushall()
        self.blobs.delete(*self.blobs.keys("jobs"))
        self.start()

    def start_redis(self) -> None:
        for process in self.redis_processes:
            if not process.is_running:
                process.start()
        until(self._redis_answers, timeout_seconds=START_SECONDS)

    def kill(self) -> None:
        """Kills every process."""
        for process in reversed(self.processes):
            process.kill()
        self.http.close()
        self.jobs.client.close()

    def submit(self, **fields: Any) -> str:
        """Submits a small job and returns its id."""
        response = self.post(**fields)
        assert response.status_code == 202, response.text
        job_id = response.json()["id"]
        assert isinstance(job_id, str)
        return job_id

    def post(self, key: str | None = None, **fields: Any) -> httpx.Response:
        """Submits a small job, perhaps with an idempotency key, and returns the response."""
        files = {"content": pictures.jpeg(160, 120), "style": pictures.png(120, 120)}
        data = {"size": 64, "iterations": self.iterations} | fields
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.http.post("/jobs", files=files, data=data, headers=headers)

    def get_job(self, job_id: str) -> dict[str, Any]:
        """The job, as a client gets it."""
        job = self.http.get(f"/jobs/{job_id}").raise_for_status().json()
        assert isinstance(job, dict)
        return job

    def wait_for_status(
        self, job_id: str, *statuses: str, timeout_seconds: float = 300
    ) -> dict[str, Any]:
        """Waits until the job has one of these statuses; AssertionError if it ends otherwise."""
        return await_status(lambda: self.get_job(job_id), statuses, timeout_seconds)

    def delete_unfinished(self) -> None:
        """Deletes every job that is queued or running."""
        delete_unfinished(self.http)

    def get_pixels(self, job_id: str) -> bytes:
        """The pixels of a job's result."""
        result = self.http.get(f"/jobs/{job_id}/result").raise_for_status()
        return pictures.pixels(result.content)

    def find_worker(self, job_id: str) -> ServiceProcess | None:
        """The worker that has, or had, the newest attempt at this job, by the workers' logs."""
        attempts = {
            int(number): worker
            for worker in self.workers
            for number in re.findall(rf"Job {job_id}: attempt (\d+)", worker.log)
        }
        return attempts[max(attempts)] if attempts else None

    def kill_each_worker_of(self, job_id: str) -> None:
        """Kills each process that paints this job, until the job has failed."""
        killed = 0

        def has_failed() -> bool:
            nonlocal killed
            job = self.get_job(job_id)
            worker = self.find_worker(job_id) if job["status"] == "running" else None
            # By its number: on a busy machine a lease may run out, and an attempt end, unkilled.
            begun = f"Job {job_id}: attempt {job['attempt']}"
            if worker is not None and job["attempt"] > killed and begun in worker.log:
                worker.signal_children(signal.SIGKILL)
                killed = job["attempt"]
            return bool(job["status"] == "failed")

        until(has_failed, timeout_seconds=180)

    def _make_process(self, name: str, command: list[str]) -> ServiceProcess:
        return ServiceProcess(name, command, self.environment, self.folder / f"{name}.log")

    def _make_processes(self, name: str, module: str, count: int) -> list[ServiceProcess]:
        command = [sys.executable, "-m", module]
        return [self._make_process(f"{name}-{index}", command) for index in range(count)]

    def _addresses(self) -> dict[str, str]:
        return {
            "PASTICHE_REDIS_URL": f"unix://{self._socket}",
            "PASTICHE_DATA_FOLDER": str(self.folder / "data"),
            "PASTICHE_HOST": self.address,
            "PASTICHE_PORT": str(free_port("127.0.0.1", 0)),
        }

    @property
    def _socket(self) -> Path:
        return self.folder / "redis.socket"

    def _make_redis(self) -> list[ServiceProcess]:
        return [self._make_process("redis", self._redis_command())]

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
        """Whether the API is ready and each worker has a child that has registered itself."""
        try:
            ready = self.http.get("/readyz").is_success
            listed = {int(each.name.rpartition("-")[2]) for each in self.jobs.run(list_workers())}
            return ready and all(listed & set(worker.children) for worker in self.workers)
        except (httpx.TransportError, redis.RedisError):
            return False


@contextmanager
def running_service(
    workers: int = 1, reconcilers: int = 1, *, inside: Path | None = None, **settings: str
) -> Iterator[ChaosService]:
    """A running service in a temporary folder, which is deleted at the end."""
    with (
        TemporaryDirectory(prefix="pastiche-chaos-", dir=inside) as folder,
        kept_running(ChaosService(Path(folder), workers, reconcilers, settings)) as service,
    ):
        yield service


@contextmanager
def kept_running(service: ChaosService) -> Iterator[ChaosService]:
    """Starts the service, and kills it at the end of the context."""
    try:
        service.start()
        yield service
    finally:
        service.kill()
