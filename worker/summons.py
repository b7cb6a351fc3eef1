"""Hears at once when a client asks for something, in place of at the next heartbeat."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from redis import RedisError
from redis.client import PubSub

from shared.job_store import JobStore
from shared.redis_keys import wake_up_channel

log = logging.getLogger(__name__)

_ALL = wake_up_channel("*")
_LISTEN_SECONDS = 1.0


class Summons(Thread):
    """A thread that listens for as long as its process lives.

    It only saves time: what was asked stands in the record, and heartbeats read that.
    """

    def __init__(self, jobs: JobStore) -> None:
        super().__init__(name="summons", daemon=True)
        self._jobs = jobs
        self._awaited: dict[str, Event] = {}

    @contextmanager
    def waking(self, job_id: str, event: Event) -> Iterator[None]:
        """Sets `event` whenever a client asks for something of this job."""
        channel = wake_up_channel(job_id)
        self._awaited[channel] = event
        try:
            yield
        finally:
            del self._awaited[channel]

    def run(self) -> None:
        while True:
            try:
                client = self._jobs.client
                with client.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
                    channel.psubscribe(_ALL)
                    self._listen(channel)
            except RedisError as error:
                log.warning("Nothing can be heard, Redis is away: %s", error)
                Event().wait(_LISTEN_SECONDS)

    def _listen(self, channel: PubSub) -> None:
        while True:
            message = channel.get_message(timeout=_LISTEN_SECONDS)
            event = self._awaited.get(message["channel"]) if message else None
            if event is not None:
                event.set()
