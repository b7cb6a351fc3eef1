"""A service whose Redis is a primary with two replicas, under three Sentinels."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.chaos.faults import Fault
from tests.chaos.service import ChaosService, ServiceProcess, kept_running
from tests.redis.servers import SentinelGroup, sentinel_group
from tests.waiting import pause, until

FAILOVER_SECONDS = 120.0
"""A failover takes less time than this, however busy the machine is."""


class SentinelService(ChaosService):
    """A service and its group of Redis servers."""

    def __init__(self, group: SentinelGroup, folder: Path, workers: int, reconcilers: int) -> None:
        self.group = group
        super().__init__(folder, workers, reconcilers, {"PASTICHE_REDIS_URL": group.url})

    def _make_redis(self) -> list[ServiceProcess]:
        return list(self.group.servers.values())

    def _redis_answers(self) -> bool:
        return self.group.is_complete and super()._redis_answers()


@contextmanager
def running_under_sentinels(
    workers: int, reconcilers: int, *, inside: Path | None = None
) -> Iterator[SentinelService]:
    """A running service in a temporary folder, which is deleted at the end."""
    with TemporaryDirectory(prefix="pastiche-chaos-", dir=inside) as name:
        folder = Path(name)
        with sentinel_group(folder) as group:
            service = SentinelService(group, folder, workers, reconcilers)
            with kept_running(service):
                yield service


def lose_primary(service: ChaosService, jobs: list[str], chance: Random) -> None:
    """Kills the primary once the replicas have all jobs. A client repeats a submission until it is
    accepted, which only the new primary can do. Later the killed server is started again."""
    assert isinstance(service, SentinelService)
    group = service.group
    group.await_replicas()
    dead = group.primary
    group.servers[dead].kill()
    key = f"chaos-{chance.getrandbits(64)}"

    def is_accepted() -> bool:
        response = service.post(key)
        if response.is_success:
            jobs.append(response.json()["id"])
        return response.is_success

    until(is_accepted, timeout_seconds=FAILOVER_SECONDS)
    pause(chance.uniform(0, 3))
    group.servers[dead].start()


ON_SENTINELS = (
    Fault("the primary is lost, Sentinel promotes a replica", lose_primary, may_lose_writes=True),
)
"""For a service that uses such a group."""
