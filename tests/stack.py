"""A whole service as `make serve` runs it: Redis, a worker and the API, in a folder of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from local import LocalError
from local.data_folder import opened
from local.supervisor import free_port
from tests import pictures
from tests.waiting import until

OVER = ("succeeded", "failed", "canceled", "expired")


@dataclass(frozen=True)
class Stack:
    """A running service and a client that talks to it."""

    http: httpx.Client
    data_folder: Path
    process: subprocess.Popen[str]

    @property
    def blobs(self) -> list[Path]:
        folder = self.data_folder / "blobs"
        return [path for path in folder.rglob("*") if path.is_file()]

    def submit(self, *more: tuple[str, bytes], **options: Any) -> dict[str, Any]:
        """A small job, with more pictures by the names of their fields; takes a few seconds."""
        files = [("content", pictures.jpeg(160, 120)), ("style", pictures.png(120, 120)), *more]
        fields = {"size": 64, "iterations": 20} | options
        response = self.http.post("/jobs", files=files, data=fields)
        assert response.status_code == 202, response.text
        job = response.json()
        assert isinstance(job, dict)
        return job

    def get_job(self, job: dict[str, Any]) -> dict[str, Any]:
        found = self.http.get(job["links"]["self"]).json()
        assert isinstance(found, dict)
        return found

    def wait_for_status(self, job: dict[str, Any], *statuses: str) -> dict[str, Any]:
        """Waits until the job has one of these statuses; AssertionError if it ends otherwise."""
        return await_status(lambda: self.get_job(job), statuses)

    def delete_unfinished(self) -> None:
        """Deletes every job that waits or is painted."""
        delete_unfinished(self.http)


def await_status(
    get_job: Callable[[], dict[str, Any]], statuses: Iterable[str], timeout_seconds: float = 300
) -> dict[str, Any]:
    """Waits until a job has one of these statuses.

    Raises:
        AssertionError: it ends with another one, or does not get there in time.
    """

    def find() -> dict[str, Any] | None:
        job = get_job()
        if job["status"] in statuses:
            return job
        assert job["status"] not in OVER, f"Job {job['id']} {job['status']}: {job['error']}"
        return None

    job = until(find, timeout_seconds=timeout_seconds)
    assert job is not None
    return job


def delete_unfinished(http: httpx.Client) -> None:
    """Deletes every job of a service that waits or is painted."""
    for job in http.get("/jobs?limit=100").raise_for_status().json()["jobs"]:
        if job["status"] not in OVER:
            http.delete(job["links"]["self"])


def end(process: subprocess.Popen[Any], timeout_seconds: float) -> None:
    """Ends a process by SIGTERM, and waits for it; one that does not end is killed, which is an
    error."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


@contextmanager
def served(
    data_folder: Path, ignored: Iterable[signal.Signals] = (), /, **environment: str
) -> Iterator[Stack]:
    """The service on this folder; ended by SIGTERM, and waited for.

    Args:
        ignored: signals that what starts it ignores, as nohup does.
    """

    def prepare() -> None:
        for each in (signal.SIGINT, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN if each in ignored else signal.SIG_DFL)

    port = free_port("127.0.0.1", 0)
    settings = {
        "PASTICHE_DATA_FOLDER": str(data_folder),
        "PASTICHE_PORT": str(port),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "serve"],
        env=os.environ | settings | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=prepare,
    )
    url = f"http://127.0.0.1:{port}"
    with process, httpx.Client(base_url=url, timeout=30, trust_env=False) as http:
        try:
            until(lambda: _ready(http, process), timeout_seconds=300)
            yield Stack(http, data_folder, process)
        finally:
            end(process, timeout_seconds=60)


def nothing_runs_on(data_folder: Path) -> bool:
    """Whether no process of a service lives: each of them holds the folder's lock."""
    try:
        with opened(data_folder):
            return True
    except LocalError:
        return False


def _ready(http: httpx.Client, process: subprocess.Popen[str]) -> bool:
    assert process.poll() is None, process.stdout.read() if process.stdout else ""
    try:
        return bool(http.get("/readyz").json()["workers"])
    except httpx.TransportError:
        return False
