"""`python -m api`: serves the API with uvicorn, on the host and port of the settings."""

import gc
import resource
import sys
from contextlib import suppress
from socket import socket

import uvicorn
from fastapi import FastAPI

from api.access.trusted_requests import warn_of_open_service
from api.app import create_app
from api.http.connections import make_protocol
from api.service import get_service
from shared import logs
from shared.redis_checks import check_at_start
from shared.settings import Settings

START_FAILED = 3

_MAX_FILES = 65_536
"""The most that is requested: some systems report a limit that no process can have."""


class Server(uvicorn.Server):
    """Ends event streams when it shuts down: they would not end by themselves."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._pastiche = app

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        service = get_service(self._pastiche)
        service.subscriptions.close()
        await super().shutdown(sockets)


def raise_file_limit() -> None:
    """Raises this process's limit of open files as far as the system allows without more rights."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def exclude_from_collection() -> None:
    """Excludes modules, routes and schemas from garbage collection. They live as long as the
    process, and the collector would check all of them repeatedly between requests."""
    gc.collect()
    gc.freeze()


def get_connection_limit(settings: Settings) -> int:
    """The setting, or half of the file limit: uploads, decoders and Redis need the rest."""
    if settings.connections_limit is not None:
        return settings.connections_limit
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MAX_FILES // 2 if soft == resource.RLIM_INFINITY else soft // 2


def main() -> None:
    settings = Settings()
    logs.configure(settings)
    check_at_start(settings)
    raise_file_limit()
    app = create_app(settings)
    warn_of_open_service(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=make_protocol(settings, get_connection_limit(settings)),
        log_level=settings.log_level.lower(),
        timeout_graceful_shutdown=10,
        server_header=False,
        log_config=None,
    )
    server = Server(app, config)
    exclude_from_collection()
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(START_FAILED)


if __name__ == "__main__":
    main()
