"""A service whose Redis is a primary with two replicas, under three Sentinels."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.chaos.faults import Fault
from tests.chaos.house import House, Part, running
from tests.redis.servers import SentinelGroup, sentinel_group
from tests.waiting import pause, until

FAILOVER_SECONDS = 120.0
"""A failover has happened by then, however busy the machine is."""


class SentinelHouse(House):
    """The parts, and the group that its Redis is."""

    def __init__(self, group: SentinelGroup, folder: Path, workers: int, reconcilers: int) -> None:
        self.group = group
        super().__init__(folder, workers, reconcilers, {"PASTICHE_REDIS_URL": group.url})

    def _redis_parts(self) -> list[Part]:
        return list(self.group.servers.values())

    def _redis_answers(self) -> bool:
        return self.group.is_complete and super()._redis_answers()


@contextmanager
def sentinel_house(
    workers: int, reconcilers: int, *, inside: Path | None = None
) -> Iterator[SentinelHouse]:
    """A service that is up, in a folder of its own; nothing of it is left at the end."""
    with TemporaryDirectory(prefix="pastiche-chaos-", dir=inside) as name:
        folder = Path(name)
        with sentinel_group(folder) as group:
            service = SentinelHouse(group, folder, workers, reconcilers)
            with running(service):
                yield service


def lose_primary(house: House, jobs: list[str], chance: Random) -> None:
    """SIGKILL to the primary as soon as the replicas have all jobs. A client submits another one
    until it is accepted, which only the next primary can do. Later the dead server comes back."""
    assert isinstance(house, SentinelHouse)
    group = house.group
    group.await_replicas()
    dead = group.primary
    group.servers[dead].end()
    key = f"chaos-{chance.getrandbits(64)}"

    def is_accepted() -> bool:
        response = house.post(key)
        if response.is_success:
            jobs.append(response.json()["id"])
        return response.is_success

    until(is_accepted, patience_seconds=FAILOVER_SECONDS)
    pause(chance.uniform(0, 3))
    group.servers[dead].start()


ON_SENTINELS = (
    Fault("the primary is lost, Sentinel promotes a replica", lose_primary, forgets=True),
)
"""Only for a service whose Redis is such a group."""
