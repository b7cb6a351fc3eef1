"""A service on several hosts: one with Redis, the object store, the API and the reconciler, and one
for each worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.blob_store import BlobStore
from tests.chaos.service import ChaosService, ServiceProcess, kept_running
from tests.hosts.network import Network
from tests.object_store import aws_variables, make_bucket, server_answers, server_command
from tests.waiting import until

SERVICE_HOST = "service"
WORKER_HOSTS = ("worker-0", "worker-1")
"""Each runs the worker of the same name."""

_REDIS_PORT, _API_PORT, _STORE_PORT = 6379, 8000, 5000

_SETTINGS = {
    "PASTICHE_LEASE_SECONDS": "20",
    "AWS_CONNECT_TIMEOUT": "1 s",
    "AWS_READ_TIMEOUT": "1 s",
}
"""A lease that outlasts a short cut, and an object store with short timeouts."""


class DistributedService(ChaosService):
    """A service whose processes run on several hosts."""

    def __init__(self, network: Network, folder: Path, settings: dict[str, str]) -> None:
        self.network = network
        self.address = network.address(SERVICE_HOST)
        super().__init__(folder, len(WORKER_HOSTS), 1, settings)

    def _addresses(self) -> dict[str, str]:
        url = f"redis://{self.address}:{_REDIS_PORT}/0"
        return super()._addresses() | {
            "PASTICHE_REDIS_URL": url,
            "PASTICHE_PORT": str(_API_PORT),
        }

    def _redis_command(self) -> list[str]:
        place = ["--port", str(_REDIS_PORT), "--bind", self.address, "--protected-mode", "no"]
        return [*super()._redis_command(), *place]

    def _make_process(self, name: str, command: list[str]) -> ServiceProcess:
        host = name if name in WORKER_HOSTS else SERVICE_HOST
        return super()._make_process(name, self.network.command(host, command))


@contextmanager
def running_on_hosts(network: Network, folder: Path) -> Iterator[DistributedService]:
    """A running service with a bucket of its own, which is killed at the end."""
    address = network.address(SERVICE_HOST)
    url = f"http://{address}:{_STORE_PORT}"
    command = [*server_command(_STORE_PORT), "--host", address]
    store = ServiceProcess(
        "store", network.command(SERVICE_HOST, command), {}, folder / "store.log"
    )
    store.start()
    try:
        until(lambda: server_answers(url))
        bucket = make_bucket(url)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in aws_variables(url).items():
                patch.setenv(name, value)
            service = DistributedService(network, folder, _SETTINGS | bucket.environment(url))
            service.blobs = BlobStore.open(bucket.location)
            with kept_running(service):
                yield service
    finally:
        store.kill()
