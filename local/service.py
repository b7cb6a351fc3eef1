"""Redis, worker, reconciler and API: up in the right order, down in the other."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import monotonic

import httpx
from redis import RedisError

from local import redis_server
from local.child import Child
from local.data_folder import DataFolder, opened
from local.errors import LocalError
from local.ports import free_port
from local.signals import Operator
from shared.job_store import JobStore
from shared.settings import Settings
from shared.workers import Worker, list_workers

START_SECONDS = 180.0
STOP_SECONDS = 15.0
_LOOK_AGAIN_SECONDS = 0.05

SPINS = "30000"
"""For how many rounds OpenMP's threads wait for one another before they sleep. One worker alone
paints 256 px in 7.9 s with it, in 9.0 s with the 1,000 that suit workers on shared cores, and in
8.4 s with OpenMP's own 300,000 (two cores, the API beside it)."""


@dataclass(frozen=True, slots=True)
class LocalService:
    """A service that is up: where it answers, who paints, and what it is made of."""

    url: str
    redis_url: str
    worker: Worker
    data: DataFolder
    children: tuple[Child, ...]

    def check(self) -> None:
        """Raises LocalError where a part of the service has died."""
        for child in self.children:
            child.check()


@contextmanager
def running(settings: Settings, operator: Operator) -> Iterator[LocalService]:
    """The service, up and ready; taken down at the end, whatever happens.

    Raises:
        LocalError: the port is taken, the disk is full, or a part of it does not come up.
        Ended: the operator did not want to wait for it.
    """
    port = free_port(settings.host, settings.port)
    with opened(settings.data_folder) as data, ExitStack() as down:
        environment = _environment(settings, data, port)

        def start(name: str, command: list[str]) -> Child:
            child = Child(
                name,
                command,
                log=data.logs / f"{name}.log",
                environment=environment,
                inherited=[data.lock],
            )
            down.callback(child.stop, STOP_SECONDS)
            data.add_process(child.process_id)
            return child

        redis_url = settings.redis_url
        children = []
        if redis_url is None:
            socket = down.enter_context(redis_server.socket_for(data.path))
            command = redis_server.command(redis_server.binary(), socket=socket, folder=data.redis)
            redis_url = environment["PASTICHE_REDIS_URL"] = f"unix://{socket}"
            children.append(start("redis", command))
        jobs = JobStore.connect(redis_url)
        down.callback(jobs.client.close)
        until = _Wait(children, operator)
        until(lambda: _answers(jobs), "Redis")
        children.append(start("worker", [sys.executable, "-m", "worker"]))
        children.append(start("reconciler", [sys.executable, "-m", "worker.reconciler"]))
        children.append(start("api", [sys.executable, "-m", "api"]))
        # At once: each takes a second or two, and none needs another to end. Redis goes last.
        for child in children[-3:]:
            down.callback(child.terminate)
        url = f"http://{_reachable(settings.host)}:{port}"
        until(lambda: _serves(url), "The API")
        until(lambda: bool(jobs.run(list_workers())), "The worker")
        yield LocalService(url, redis_url, jobs.run(list_workers())[0], data, tuple(children))


def _environment(settings: Settings, data: DataFolder, port: int) -> dict[str, str]:
    environment = {
        "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", SPINS),
        "PASTICHE_HOST": settings.host,
        "PASTICHE_PORT": str(port),
        "PASTICHE_DATA_FOLDER": str(data.path),
    }
    if settings.redis_url is not None:
        environment["PASTICHE_REDIS_URL"] = settings.redis_url
    return environment


def _reachable(host: str) -> str:
    """The address to connect to where the server listens on every one."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound
    return f"[{address}]" if ":" in address else address


@dataclass(frozen=True, slots=True)
class _Wait:
    """Waits for a part to be ready, as long as all parts live and the operator is patient."""

    children: list[Child]
    operator: Operator

    def __call__(self, ready: Callable[[], bool], what: str) -> None:
        late = monotonic() + START_SECONDS
        while not ready():
            for child in self.children:
                child.check()
            if monotonic() > late:
                raise LocalError(f"{what} did not come up within {START_SECONDS:.0f} s.")
            self.operator.wait(_LOOK_AGAIN_SECONDS)


def _answers(jobs: JobStore) -> bool:
    try:
        return bool(jobs.client.ping())
    except RedisError:
        return False


def _serves(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez", timeout=2.0, trust_env=False).is_success
    except httpx.TransportError:
        return False
