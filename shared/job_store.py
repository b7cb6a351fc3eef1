"""The names of the Redis keys, and two drivers that run scripts: for the worker and for the API.

A `Transition` is the call of a script as a value: the script, its keys and arguments by name, and
how its reply is read. In the script, the keys and arguments are local variables of these names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Generic, TypeVar

import redis
import redis.asyncio
from redis.exceptions import ResponseError

from shared.redis_connections import connect, connect_async

Reply = TypeVar("Reply")
Argument = str | int | float

JOB_KEYS: dict[str, str] = {
    "waiting": "queue:waiting",
    "arrivals": "queue:arrivals",
    "turns": "queue:turns",
    "work_left": "queue:work",
    "deadlines": "queue:deadlines",
    "running": "queue:running",
    "finished": "jobs:over",
    "cleanup": "jobs:debris",
    "index": "jobs:index",
    "by_status": "jobs:by-status",
    "owners": "queue:owners",
    "in_flight": "queue:inflight",
    "webhooks": "jobs:webhooks",
    "counters": "metrics:counters",
    "retained": "jobs:retained",
}
"""The keys that every script on a job gets with its record, by their names in the scripts;
`shared/scripts/job/prelude.lua` says what each of them holds."""

LEADER_KEY = "leader:reconciler"
"""The key that holds the name of the reconciler that leads, as long as one does."""

CHANGED = "changed"
"""The channel on which every script publishes the id of a job that has changed."""


def record_key(job_id: str) -> str:
    """The key of a job's hash; all keys of one job share the tag in braces."""
    return f"job:{{{job_id}}}"


def wake_up_channel(job_id: str) -> str:
    """The channel that wakes a running job's worker when the client requests something."""
    return f"wake-up:{job_id}"


@dataclass(frozen=True, slots=True)
class Transition(Generic[Reply]):
    """One call of one script.

    Attributes:
        script: its path in `shared/scripts`, without the suffix.
        keys: the Redis keys that it touches, by their names in the script; the last may be None.
        arguments: by their names in the script.
        read: makes the value from the script's reply.
        fields: fields of a record and their values, `fields` in the script.
    """

    script: str
    keys: Mapping[str, str | None]
    arguments: Mapping[str, Argument]
    read: Callable[[Any], Reply]
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The Lua of the script."""
        return script_text(self.script, tuple(self.keys), tuple(self.arguments))

    @property
    def key_values(self) -> list[str]:
        """KEYS, as Redis takes them."""
        return [key for key in self.keys.values() if key is not None]

    @property
    def argument_values(self) -> list[Argument]:
        """ARGV, as Redis takes them."""
        return [*self.arguments.values(), *(word for pair in self.fields.items() for word in pair)]


def on_job(
    script: str,
    job_id: str,
    arguments: Mapping[str, Argument] | None = None,
    *,
    read: Callable[[Any], Reply],
    fields: Mapping[str, str] | None = None,
    keys: Mapping[str, str | None] | None = None,
) -> Transition[Reply]:
    """A call of a script in `shared/scripts/job`.

    Args:
        arguments: in addition to the job's id.
        keys: in addition to the job's record and those in `JOB_KEYS`.
    """
    all_keys = {"record": record_key(job_id), **JOB_KEYS, **(keys or {})}
    all_arguments = {"id": job_id, **(arguments or {})}
    return Transition(f"job/{script}", all_keys, all_arguments, read, fields or {})


def milliseconds(seconds: float) -> int:
    """Whole milliseconds, as the scripts take them."""
    return round(seconds * 1000)


def read_moment(since_1970_ms: str) -> datetime:
    """A moment as the scripts write it, in milliseconds since 1970."""
    return datetime.fromtimestamp(int(since_1970_ms) / 1000, tz=UTC)


@cache
def script_text(name: str, keys: tuple[str, ...], arguments: tuple[str, ...]) -> str:
    """The Lua of the script called `name`: its keys and arguments as local variables, what precedes
    all scripts and those of its folder, and the script."""
    lines = [
        f"local {', '.join(keys)} = unpack(KEYS)",
        f"local {', '.join(arguments)} = unpack(ARGV, 1, {len(arguments)})" if arguments else "",
        f"local fields = {{unpack(ARGV, {len(arguments) + 1})}}",
    ]
    scripts = files("shared") / "scripts"
    folder, _, script = name.rpartition("/")
    general = [scripts / "prelude.lua", scripts / "queue_order.lua"]
    special = [scripts / folder / each for each in ("prelude.lua", f"{script}.lua")]
    parts = dict.fromkeys(part for part in general + special if part.is_file())
    return "\n".join(lines + [part.read_text("utf-8") for part in parts])


class JobStore:
    """Runs transitions, for a worker.

    Raises:
        redis.RedisError: from every method, if Redis cannot be reached or refuses.
    """

    def __init__(self, client: "redis.Redis") -> None:
        self.client = client
        self._script = cache(lambda text: client.register_script(text))

    @classmethod
    def connect(cls, url: str) -> "JobStore":
        return cls(connect(url))

    def run(self, transition: Transition[Reply]) -> Reply:
        """Runs a transition, completely or not."""
        script = self._script(transition.text)
        try:
            reply = script(keys=transition.key_values, args=transition.argument_values)
        except ResponseError as error:
            if not _is_read_only(error):
                raise
            self.client.connection_pool.disconnect()
            raise redis.ConnectionError(_REPLICA) from error
        return transition.read(reply)


class AsyncJobStore:
    """Runs transitions, for the API.

    Raises:
        redis.RedisError: from every method, if Redis cannot be reached or refuses.
    """

    def __init__(self, client: "redis.asyncio.Redis") -> None:
        self.client = client
        self._script = cache(lambda text: client.register_script(text))

    @classmethod
    def connect(cls, url: str) -> "AsyncJobStore":
        return cls(connect_async(url))

    async def run(self, transition: Transition[Reply]) -> Reply:
        """Runs a transition, completely or not."""
        script = self._script(transition.text)
        try:
            reply = await script(keys=transition.key_values, args=transition.argument_values)
        except ResponseError as error:
            if not _is_read_only(error):
                raise
            await self.client.connection_pool.disconnect()
            raise redis.ConnectionError(_REPLICA) from error
        return transition.read(reply)

    async def close(self) -> None:
        await self.client.aclose()


_REPLICA = "The server has become a replica: the next connection is to the new primary."


def _is_read_only(error: ResponseError) -> bool:
    """Whether the server is a replica. Its connections stay open when it becomes one, and Redis
    before 7.0 reports it as the error of a script."""
    return "READONLY" in str(error)
