"""How many connections this process may have, and which is closed when there are too many."""

import logging
import resource
from time import monotonic
from typing import Protocol

from shared.settings import Settings

log = logging.getLogger(__name__)

_MAX_FILES = 65_536
"""No more than this is requested: some systems name a limit that no process can have."""

_WARN_AGAIN_SECONDS = 60.0
"""How often it is logged that there are too many connections, at most."""


def raise_file_limit() -> None:
    """Raises this process's limit of open files as far as the system allows without more rights."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def get_connection_limit(settings: Settings) -> int:
    """The setting, or half of the open files: uploads, decoders and Redis need the rest."""
    if settings.connections_limit is not None:
        return settings.connections_limit
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MAX_FILES // 2 if soft == resource.RLIM_INFINITY else soft // 2


class Droppable(Protocol):
    """A connection that can be closed to free its place."""

    def drop(self) -> None: ...


class SilentConnections:
    """The connections of a process that have not sent anything yet, within a limit for all.

    Args:
        limit: how many connections there may be at once, silent or not.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._silent: dict[Droppable, None] = {}  # the longest silent first
        self._warn_at = 0.0

    def add(self, connection: Droppable, open_connections: int) -> bool:
        """Whether there is a place for a new connection; a silent one is closed for it if needed.

        Args:
            open_connections: the number of connections, this one included.
        """
        if open_connections > self._limit:
            self._warn()
            if not self._silent:
                return False
            next(iter(self._silent)).drop()
        self._silent[connection] = None
        return True

    def discard(self, connection: Droppable) -> None:
        """The connection has sent something, or is closed."""
        self._silent.pop(connection, None)

    def _warn(self) -> None:
        if monotonic() >= self._warn_at:
            self._warn_at = monotonic() + _WARN_AGAIN_SECONDS
            log.warning(
                "There are %d connections, the most that are allowed: silent ones are closed, or "
                "new ones refused. PASTICHE_CONNECTIONS_LIMIT sets how many there may be.",
                self._limit,
            )
