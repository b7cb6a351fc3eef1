"""`python -m api`: serves the API with uvicorn, on the host and port of the settings."""

import sys
from contextlib import suppress
from socket import socket

import uvicorn
from fastapi import FastAPI

from api.access.trusted_requests import warn_of_open_service
from api.app import create_app
from api.http.connection_limits import raise_file_limit
from api.http.connections import make_protocol
from api.service import get_service
from shared.settings import Settings

START_FAILED = 3


class Server(uvicorn.Server):
    """Ends event streams when it shuts down: they would not end by themselves."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._pastiche = app

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        service = get_service(self._pastiche)
        service.subscriptions.close()
        await super().shutdown(sockets)


def main() -> None:
    settings = Settings()
    raise_file_limit()
    app = create_app(settings)
    warn_of_open_service(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=make_protocol(settings),
        log_level=settings.log_level.lower(),
        timeout_graceful_shutdown=10,
        server_header=False,
        log_config=None,
    )
    server = Server(app, config)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(START_FAILED)


if __name__ == "__main__":
    main()
