"""Real Redis servers: with users, in cluster mode, under Sentinels."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import redis

from local import redis_server
from local.supervisor import free_port
from tests.chaos.service import ServiceProcess
from tests.waiting import until

LOCALHOST = "127.0.0.1"

PRIMARY = "pastiche"
"""The name by which the Sentinels know the primary."""

PASSWORD = "s3cret/of:the@servers"  # noqa: S105 - its special characters must survive every URL
QUOTED_PASSWORD = "s3cret%2Fof%3Athe%40servers"  # noqa: S105
SENTINEL_PASSWORD = "s3cret-of-the-sentinels"  # noqa: S105


def make_server(name: str, folder: Path, port: int, *options: str) -> ServiceProcess:
    """A server, not yet started, set up as `make serve` sets it up, but on a port and no socket."""
    data = folder / name
    data.mkdir()
    command = redis_server.command(redis_server.binary(), socket=data / "socket", folder=data)
    place = ("--port", str(port), "--bind", LOCALHOST, "--unixsocket", "")
    return ServiceProcess(name, [*command, *place, *options], {}, folder / f"{name}.log")


@contextmanager
def running_server(folder: Path, *options: str, password: str = "") -> Iterator[int]:
    """Runs a server until the end of the context; its port.

    Args:
        password: of the user that the options have made the default one.
    """
    port = free_port(LOCALHOST, 0)
    server = make_server("server", folder, port, *options)
    server.start()
    try:
        with redis.Redis(LOCALHOST, port, password=password) as client:
            until(lambda: answers(client))
        yield port
    finally:
        server.kill()


def answers(client: redis.Redis) -> bool:
    """Whether a server replies, even if only that it refuses."""
    try:
        client.ping()
    except redis.ResponseError:
        return True
    except redis.RedisError as error:
        return isinstance(error, redis.AuthenticationError)
    return True


def make_sentinel(
    folder: Path, port: int, primary: int, quorum: int, *lines: str
) -> ServiceProcess:
    """A Sentinel, not yet started, on a port, of the primary on another.

    Args:
        quorum: how many of them must agree that the primary is down.
        lines: further ones of its configuration.
    """
    configuration = folder / f"sentinel-{port}.conf"
    monitor = f"sentinel monitor {PRIMARY} {LOCALHOST} {primary} {quorum}"
    place = (f"port {port}", f"bind {LOCALHOST}", f"dir {folder}")
    configuration.write_text("\n".join((*place, monitor, *lines)))
    command = [redis_server.binary(), str(configuration), "--sentinel"]
    return ServiceProcess(configuration.stem, command, {}, folder / f"{configuration.stem}.log")


class SentinelGroup:
    """A primary with two replicas, and three Sentinels that replace it; all of them have passwords,
    and a server refuses writes that no replica would have."""

    def __init__(self, folder: Path) -> None:
        self._ports = [free_port(LOCALHOST, 0) for _ in range(3)]
        self._sentinel_ports = [free_port(LOCALHOST, 0) for _ in range(3)]
        options = ["--requirepass", PASSWORD, "--masterauth", PASSWORD]
        options += ["--min-replicas-to-write", "1", "--repl-diskless-sync-delay", "0"]
        replica_of = ["--replicaof", LOCALHOST, str(self._ports[0])]
        self.servers = {
            port: make_server(
                f"server-{n}", folder, port, *options, *(() if n == 0 else replica_of)
            )
            for n, port in enumerate(self._ports)
        }
        self._sentinels = [self._make_sentinel(folder, port) for port in self._sentinel_ports]

    @property
    def url(self) -> str:
        """With all credentials, as an operator sets it."""
        hosts = ",".join(f"{LOCALHOST}:{port}" for port in self._sentinel_ports)
        login = f":{QUOTED_PASSWORD}@"
        query = f"sentinel_password={SENTINEL_PASSWORD}"
        return f"redis+sentinel://{login}{hosts}/{PRIMARY}/0?{query}"

    def start(self) -> None:
        """Starts all of them, and waits until each knows the others."""
        for server in self.servers.values():
            server.start()
        until(lambda: self.count_replicas(self._ports[0]) == 2)
        for sentinel in self._sentinels:
            sentinel.start()
        until(lambda: self.is_complete)

    def end(self) -> None:
        for part in (*self._sentinels, *self.servers.values()):
            part.kill()

    @property
    def is_complete(self) -> bool:
        """Whether the primary has both replicas, and each Sentinel knows all the others."""
        knows_all = all(self._is_complete(port) for port in self._sentinel_ports)
        return knows_all and self.count_replicas(self.primary) == 2

    @property
    def primary(self) -> int:
        """The port of the primary that every Sentinel names; 0 while they do not agree."""
        named = {self._ask(port).get("port", 0) for port in self._sentinel_ports}
        return int(named.pop()) if len(named) == 1 else 0

    def connect(self, port: int) -> redis.Redis:
        """A client of one server."""
        return redis.Redis(LOCALHOST, port, password=PASSWORD, decode_responses=True)

    def count_replicas(self, primary: int) -> int:
        """How many replicas a primary has that are up to date."""
        with suppress(redis.RedisError), self.connect(primary) as client:
            return int(client.info("replication")["min_slaves_good_slaves"])
        return 0

    def await_replicas(self) -> None:
        """Waits until the replicas have all that the primary has acknowledged so far."""
        with self.connect(self.primary) as client:
            client.set("written-last", 1)
            assert client.wait(2, 0) == 2

    def _make_sentinel(self, folder: Path, port: int) -> ServiceProcess:
        return make_sentinel(
            folder,
            port,
            self._ports[0],
            2,
            f"requirepass {SENTINEL_PASSWORD}",
            f"sentinel sentinel-pass {SENTINEL_PASSWORD}",
            f"sentinel auth-pass {PRIMARY} {PASSWORD}",
            f"sentinel down-after-milliseconds {PRIMARY} 1000",
            f"sentinel failover-timeout {PRIMARY} 5000",
        )

    def _ask(self, port: int) -> dict[str, int]:
        """What a Sentinel knows of the primary; nothing while it is down."""
        with (
            suppress(redis.RedisError),
            redis.Redis(LOCALHOST, port, password=SENTINEL_PASSWORD) as client,
        ):
            known: dict[str, int] = client.sentinel_master(PRIMARY)
            return known
        return {}

    def _is_complete(self, port: int) -> bool:
        known = self._ask(port)
        return known.get("num-slaves") == known.get("num-other-sentinels") == 2


@contextmanager
def sentinel_group(folder: Path) -> Iterator[SentinelGroup]:
    """A group that is complete; nothing of it is left at the end."""
    with ExitStack() as stack:
        group = SentinelGroup(folder)
        stack.callback(group.end)
        group.start()
        yield group
