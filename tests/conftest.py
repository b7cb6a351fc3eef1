"""Real parts for every test: a Redis of its own, an API process, a whole running service."""
# ruff: noqa: E402 - the environment is cleared before anything of ours is imported

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from shutil import rmtree
from typing import BinaryIO

# Settings that a shell exports, such as a bucket, are not for the services that tests start. What
# remains is for the tests themselves.
for _name in set(os.environ) - {
    "PASTICHE_CHROMIUM",
    "PASTICHE_FIREFOX",
    "PASTICHE_WEBKIT",
    "PASTICHE_FUZZ_EXAMPLES",
    "PASTICHE_WEIGHTS_FOLDER",
}:
    if _name.startswith(("PASTICHE_", "AWS_", "AZURE_", "GOOGLE_", "OTEL_")) or _name in (
        "REDIS_URL",
        "HOST",
        "PORT",
        "FORWARDED_ALLOW_IPS",
    ):
        del os.environ[_name]

import httpx
import pytest
import redis
from playwright.sync_api import Browser, sync_playwright

from local import redis_server
from local.supervisor import free_port
from pastiche.engine.weights.files import VGG16, find
from shared.job_store import JobStore
from shared.settings import Settings
from tests import object_store
from tests.browser import find_browser, missing_browser
from tests.node import CLIENTS, missing_parts
from tests.object_store import Bucket, FaultyProxy, aws_variables, faulty_proxy, make_bucket
from tests.stack import Stack, end, served
from tests.waiting import until

LONGEST = (
    "tests/chaos/test_chaos.py",
    "tests/hosts/test_cut_off.py",
    "tests/redis/",
    "tests/shared/test_tracing.py",
    "tests/soak/test_soak.py",
    "tests/worker/test_object_store.py",
    "tests/worker/test_painting.py",
    "tests/worker/test_survival.py",
)
"""These take minutes and mostly wait: begun last, they would run alone at the end."""

_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def pytest_xdist_auto_num_workers() -> int:
    """One more than processors: a good part of the tests waits for other processes."""
    return (os.cpu_count() or 1) + 1


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run in the seed's random order")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    seed = config.getoption("--shuffle")
    if seed is not None:
        # Tests of one file stay together: they share what is slow to start.
        Random(seed).shuffle(items)
        files = list(dict.fromkeys(item.path for item in items))
        items.sort(key=lambda item: files.index(item.path))
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Hides what only some tests may use: a GPU, on which pictures differ from those of a CPU, and
    proxies, which the build of an image may need to reach the network."""
    marked = {mark.name for item in session.items for mark in item.iter_markers()}
    if "cuda" not in marked:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if "containers" not in marked:
        for name in _PROXY_VARIABLES:
            os.environ.pop(name, None)
            os.environ.pop(name.lower(), None)


VGG16_FILE = find(VGG16)
"""Where set-up has put the weights of vgg16: looked for before the tests hide them."""


@dataclass(frozen=True)
class RunningApi:
    """An API process with its blob folder, and a client that talks to it."""

    http: httpx.Client
    settings: Settings
    process: subprocess.Popen[bytes]

    @property
    def blobs(self) -> list[Path]:
        """Every file in the blob store."""
        folder = self.settings.data_folder / "blobs"
        return [path for path in folder.rglob("*") if path.is_file()]

    @property
    def open_streams(self) -> int:
        """How many event streams it has; one that was closed is noticed within seconds."""
        _, _, metric = self.http.get("/metrics").text.partition("\npastiche_event_streams ")
        return int(float(metric.split()[0]))


@pytest.fixture(scope="session", autouse=True)
def _weights_of_set_up_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Here and in every process of the tests, whatever else this machine's user has fetched."""
    folder = tmp_path_factory.mktemp("weights")
    if VGG16_FILE is not None:
        (folder / VGG16_FILE.name).symlink_to(VGG16_FILE)
    os.environ["PASTICHE_WEIGHTS_FOLDER"] = str(folder)


@pytest.fixture(scope="session")
def vgg16_weights() -> Path:
    """The file that set-up fetches; where that failed, set-up has said so."""
    if VGG16_FILE is None:
        pytest.skip("The weights of vgg16 are not here: make weights.")
    return VGG16_FILE


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis for all tests."""
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """A real Redis on a socket of its own, set up as `make serve` sets it up; its URL."""
    with redis_server.socket_for(folder) as socket:
        command = redis_server.command(redis_server.binary(), socket=socket, folder=folder)
        with running(command):
            client = redis.Redis(unix_socket_path=str(socket))
            until(lambda: _answers(client))
            client.close()
            yield f"unix://{socket}"


@pytest.fixture
def jobs(redis_url: str) -> Iterator[JobStore]:
    """The records, none at first."""
    store = JobStore.connect(redis_url)
    store.client.flushall()
    yield store
    store.client.close()


@pytest.fixture(scope="session")
def api_process(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """One API process for all tests; no worker paints what it queues."""
    settings = Settings(
        redis_url=redis_url,
        data_folder=tmp_path_factory.mktemp("data"),
        port=free_port("127.0.0.1", 0),
    )
    with running_api(settings, PASTICHE_HIGH_PRIORITY_WITHOUT_KEYS="true") as api:
        yield api


@pytest.fixture
def api(api_process: RunningApi, jobs: JobStore) -> RunningApi:
    """The API process, with no job in its records and no file in its blob store."""
    # Folder and all: the folders of jobs that are gone would be searched for every test after it.
    for folder in (api_process.settings.data_folder / "blobs").iterdir():
        rmtree(folder)
    return api_process


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """A real server that speaks S3, for all tests; its URL."""
    port = free_port("127.0.0.1", 0)
    url = f"http://127.0.0.1:{port}"
    with running(object_store.server_command(port), log=subprocess.DEVNULL):
        until(lambda: object_store.server_answers(url))
        yield url


@pytest.fixture(scope="module")
def store(s3_server: str) -> Iterator[FaultyProxy]:
    """The same server as services and clients reach it, which tests can make fail."""
    with faulty_proxy(s3_server) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def shared_bucket(s3_server: str) -> Iterator[Bucket]:
    """A bucket for all tests of a module, with which their own process can work as well."""
    bucket = make_bucket(s3_server)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in aws_variables(s3_server).items():
            patch.setenv(name, value)
        yield bucket


@pytest.fixture
def bucket(s3_server: str) -> Bucket:
    """An empty bucket."""
    return make_bucket(s3_server)


@pytest.fixture(scope="session")
def stack_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One whole service for all tests that paint."""
    with served(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture
def stack(stack_process: Stack) -> Stack:
    """The whole service, with nothing left to paint of an earlier test, as one that failed."""
    stack_process.delete_unfinished()
    return stack_process


@pytest.fixture(scope="session")
def node_packages() -> Path:
    """The folder with the packages for programs in JavaScript, on a machine that has Node."""
    missing = missing_parts()
    assert missing is None, missing
    return CLIENTS / "node_modules"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium. Playwright's event loop runs as long as it does: the other modules'
    tests have loops of their own."""
    found = find_browser()
    assert found is not None, missing_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def running_api(
    settings: Settings, log: BinaryIO | None = None, /, **more: str
) -> Iterator[RunningApi]:
    """`python -m api` on these settings, and more of the environment, until the end of the
    context; it logs to the tests' own output where no file is given."""
    environment = {
        "PASTICHE_HOST": "127.0.0.1",
        "PASTICHE_PORT": str(settings.port),
        "PASTICHE_REDIS_URL": settings.redis_location,
        "PASTICHE_DATA_FOLDER": str(settings.data_folder),
        "PASTICHE_LOG_LEVEL": "WARNING",
    } | more
    with (
        running([sys.executable, "-m", "api"], environment, log) as process,
        httpx.Client(
            base_url=f"http://127.0.0.1:{settings.port}", timeout=30, trust_env=False
        ) as http,
    ):
        until(lambda: _serves(http, process))
        yield RunningApi(http, settings, process)


@contextmanager
def running(
    command: list[str],
    environment: dict[str, str] | None = None,
    log: BinaryIO | int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended, and waited for, at the end of the context."""
    process = subprocess.Popen(command, env=os.environ | (environment or {}), stderr=log)
    try:
        yield process
    finally:
        end(process, timeout_seconds=30)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def _serves(http: httpx.Client, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, f"The API has ended with status {process.returncode}."
    try:
        return http.get("/livez").is_success
    except httpx.TransportError:
        return False
