"""Starts Redis, worker, reconciler and API in the right order, and stops them with Redis last."""

import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import current_thread, main_thread
from time import monotonic, sleep
from types import FrameType

import httpx
from redis import RedisError

from local import LocalError, parent_death, redis_server
from local.data_folder import DataFolder, opened
from shared.job_store import JobStore
from shared.redis_connections import hide_login
from shared.settings import Settings
from shared.workers import Worker, list_workers

START_SECONDS = 180.0
_REDIS_SECONDS = 10.0
"""How long a Redis that is not a part of the service may be unreachable at first."""

STOP_SECONDS = 15.0
_POLL_SECONDS = 0.05
_LOG_LINES = 15


class Ended(Exception):
    """Ctrl-C, SIGTERM or SIGHUP was received."""


class Operator:
    """Whether Ctrl-C, SIGTERM or SIGHUP was received: checked wherever the command waits.

    The signal handler raises no exception: it could do so after a process has started, but before
    its stop is registered. Signals that are ignored stay ignored: `nohup` ignores SIGHUP.
    """

    def __init__(self) -> None:
        self._is_end_requested = False
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(each) != signal.SIG_IGN:
                signal.signal(each, self._request_end)

    def wait(self, seconds: float) -> None:
        """Waits; raises Ended as soon as a signal is received."""
        until = monotonic() + seconds
        while not self._is_end_requested and monotonic() < until:
            sleep(_POLL_SECONDS)
        if self._is_end_requested:
            raise Ended

    def _request_end(self, _number: int, _frame: FrameType | None) -> None:
        self._is_end_requested = True


class Child:
    """A process in a separate session, so that Ctrl-C reaches only the supervisor. If the system
    can do it, the process is killed when the supervisor ends: start it from the main thread."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        lock: int,
    ) -> None:
        assert current_thread() is main_thread(), (
            "A child is killed when the thread that starts it ends."
        )
        self.name = name
        self._log = log
        with log.open("ab") as out:
            self._start_of_log = out.tell()
            self._process = subprocess.Popen(
                parent_death.bound(list(command)),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,
                pass_fds=(lock,),
            )
        self.process_id = self._process.pid

    def check(self) -> None:
        """Raises LocalError, with the last lines of its log, if the process has ended."""
        status = self._process.poll()
        if status is None:
            return
        lines = self._log.read_bytes()[self._start_of_log :].decode(errors="replace").splitlines()
        tail = "\n".join(f"    {line}" for line in lines[-_LOG_LINES:])
        raise LocalError(
            f"The {self.name} exited unexpectedly with status {status}. Its last log lines:\n{tail}"
        )

    def terminate(self) -> None:
        """Sends SIGTERM and does not wait."""
        if self._process.poll() is None:
            self._process.terminate()

    def stop(self) -> None:
        """Sends SIGTERM, waits, and sends SIGKILL to the rest of its session."""
        self.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@dataclass(frozen=True, slots=True)
class LocalService:
    """A service that is ready: its address, its worker, and its processes."""

    url: str
    redis_url: str
    worker: Worker
    data: DataFolder
    children: tuple[Child, ...]

    def check(self) -> None:
        """Raises LocalError if a part of the service has ended."""
        for child in self.children:
            child.check()


@contextmanager
def running(settings: Settings, operator: Operator) -> Iterator[LocalService]:
    """Starts the service and waits until it is ready; stops it at the end, whatever happens.

    Raises:
        LocalError: the port is taken, the disk is full, or a part of it does not start.
        Ended: a signal was received while it started.
    """
    with opened(settings.data_folder) as data, ExitStack() as stack:
        # The folder before the port: another Pastiche on this folder probably has the port as well.
        port = free_port(settings.host, settings.port)
        environment = {
            "PASTICHE_HOST": settings.host,
            "PASTICHE_PORT": str(port),
            "PASTICHE_DATA_FOLDER": str(data.path),
        }
        children: list[Child] = []

        def start(name: str, *command: str) -> None:
            log = data.logs / f"{name}.log"
            child = Child(name, command, log=log, environment=environment, lock=data.lock)
            stack.callback(child.stop)
            data.add_process(child.process_id)
            children.append(child)

        def wait_until(is_ready: Callable[[], bool], name: str) -> None:
            deadline = monotonic() + START_SECONDS
            while not is_ready():
                for child in children:
                    child.check()
                if monotonic() > deadline:
                    raise LocalError(f"{name} did not start within {START_SECONDS:.0f} s.")
                operator.wait(_POLL_SECONDS)

        redis_url = settings.redis_location
        is_embedded = settings.redis_url is None
        if is_embedded:
            path = stack.enter_context(redis_server.socket_for(data.path))
            redis_url = f"unix://{path}"
            command = redis_server.command(redis_server.binary(), socket=path, folder=data.redis)
            start("redis", *command)
        environment |= {"PASTICHE_REDIS_URL": redis_url, "PASTICHE_REDIS_URL_FILE": ""}
        jobs = JobStore.connect(redis_url)
        stack.callback(jobs.client.close)
        if is_embedded:
            wait_until(lambda: _is_redis_ready(jobs), "Redis")
        else:
            _wait_for_external_redis(jobs, redis_url, operator)
        start("worker", sys.executable, "-m", "worker")
        start("reconciler", sys.executable, "-m", "worker.reconciler")
        start("api", sys.executable, "-m", "api")
        # These three stop at the same time, because each takes a second or two and none needs
        # another to stop. Redis stops last.
        for child in children[-3:]:
            stack.callback(child.terminate)
        url = f"http://{_choose_address(settings.host)}:{port}"
        wait_until(lambda: _is_api_ready(url), "The API")
        wait_until(lambda: bool(jobs.run(list_workers())), "The worker")
        yield LocalService(url, redis_url, jobs.run(list_workers())[0], data, tuple(children))


def free_port(host: str, port: int) -> int:
    """The port itself if it can be listened on; a free one if it is 0.

    Raises:
        LocalError: the port is taken, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            return int(trial.getsockname()[1])
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"Port {port} on {host} is taken by another program. Choose another: "
            raise LocalError(f"{message}PORT={port + 1}") from error
        raise LocalError(f"{host}:{port} cannot be listened on: {error.strerror}.") from error


def _choose_address(host: str) -> str:
    """The address to connect to; this machine's if the server listens on every address."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound
    return f"[{address}]" if ":" in address else address


def _is_redis_ready(jobs: JobStore) -> bool:
    try:
        return bool(jobs.client.ping())
    except RedisError:
        return False


def _wait_for_external_redis(jobs: JobStore, url: str, operator: Operator) -> None:
    """Waits a few seconds for a Redis that is not a part of the service.

    Raises:
        LocalError: it cannot be used; the message says why.
        Ended: a signal was received.
    """
    deadline = monotonic() + _REDIS_SECONDS
    while True:
        try:
            jobs.client.ping()
            return
        except RedisError as error:
            if monotonic() > deadline:
                raise LocalError(f"Redis at {hide_login(url)} cannot be used: {error}") from error
        operator.wait(_POLL_SECONDS)


def _is_api_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez", timeout=2.0, trust_env=False).is_success
    except httpx.TransportError:
        return False
