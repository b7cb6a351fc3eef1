"""Both images, built once, and a service that runs in them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import httpx
import pytest

from local import redis_server
from local.supervisor import free_port
from shared.job_store import JobStore
from tests.conftest import running
from tests.containers.buildah import Buildah, temporary_buildah
from tests.containers.compose import ROOT, services
from tests.containers.container import Container, started
from tests.stack import Stack
from tests.waiting import until

OWNER = 10001
TOOLS = ("buildah", "debootstrap", "unshare", "setpriv")

_FIGURES = pytest.StashKey[list[str]]()


@dataclass(frozen=True)
class Images:
    """Our two images, and what holds them."""

    buildah: Buildah
    api: str
    worker: str


@dataclass(frozen=True)
class Service:
    """Redis, the API and a worker, as the Compose file starts them with its profile `cpu`."""

    stack: Stack
    api: Container
    worker: Container


@pytest.fixture(scope="session")
def images(request: pytest.FixtureRequest) -> Iterator[Images]:
    """Both images, built from nothing but what is locked."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        pytest.fail(f"The images are built as root, with {', '.join(TOOLS)}; missing: {missing}.")
    figures = request.config.stash.setdefault(_FIGURES, [])
    with temporary_buildah() as buildah:
        began = monotonic()
        buildah.add_base(_base_name())
        figures.append(f"base: ready in {monotonic() - began:.0f} s")
        made = {}
        for name in ("api", "worker"):
            began = monotonic()
            made[name] = buildah.build(f"Dockerfile.{name}")
            seconds, size = monotonic() - began, buildah.size_megabytes(made[name])
            figures.append(f"{name}: built in {seconds:.0f} s, {size:.0f} MB")
        yield Images(buildah, **made)


@pytest.fixture
def service(images: Images, tmp_path: Path) -> Iterator[Service]:
    """A service of its own, ready to paint."""
    with served_in_containers(images, tmp_path) as service:
        yield service


@contextmanager
def served_in_containers(images: Images, folder: Path) -> Iterator[Service]:
    """Redis with the Compose file's flags, and a container each of the API and the worker."""
    declared = services()
    volumes = {name: folder / name for name in ("pictures", "weights", "records")}
    for volume in volumes.values():
        volume.mkdir(mode=0o700)
        os.chown(volume, OWNER, OWNER)
    redis_port, port = free_port("127.0.0.1", 0), free_port("127.0.0.1", 0)
    redis_url = f"redis://127.0.0.1:{redis_port}/0"
    environment = {
        "PASTICHE_HOST": "127.0.0.1",
        "PASTICHE_PORT": str(port),
        "PASTICHE_REDIS_URL": redis_url,
        "OMP_NUM_THREADS": "1",  # threads that contend for busy cores are slower than one
    }
    with ExitStack() as down:
        down.enter_context(running(_redis(declared["redis"]["command"], redis_port, volumes)))
        jobs = JobStore.connect(redis_url)
        down.callback(jobs.client.close)

        def start(name: str, image: str) -> Container:
            return down.enter_context(
                started(images.buildah, image, declared[name], volumes, environment)
            )

        api, worker = start("api", images.api), start("worker-cpu", images.worker)
        http = down.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30))

        def is_ready() -> bool:
            api.check()
            worker.check()
            return _has_a_worker(http)

        until(is_ready, timeout_seconds=180)
        yield Service(Stack(http, volumes["pictures"], api.process), api, worker)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says how long the images took, and how large they are."""
    for figure in config.stash.get(_FIGURES, []):
        terminalreporter.write_line(figure)


def _base_name() -> str:
    (argument,) = (
        line.partition("=")[2]
        for line in (ROOT / "Dockerfile.api").read_text("utf-8").splitlines()
        if line.startswith("ARG PYTHON_BASE=")
    )
    return argument


def _redis(command: list[str], port: int, volumes: dict[str, Path]) -> list[str]:
    here = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(volumes["records"])]
    return [redis_server.binary(), *command[1:], *here, "--logfile", "/dev/null"]


def _has_a_worker(http: httpx.Client) -> bool:
    try:
        ready = http.get("/readyz")
    except httpx.TransportError:
        return False
    return ready.is_success and bool(ready.json()["workers"])
