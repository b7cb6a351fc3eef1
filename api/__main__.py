"""`python -m api`: the API under uvicorn, on the settings' host and port."""

import sys
from contextlib import suppress
from socket import socket

import uvicorn
from fastapi import FastAPI

from api.access.trusted_requests import warn_of_open_service
from api.app import create_app
from api.http.connection_limits import raise_soft_limit
from api.http.connections import connection_of
from api.service import service_of
from shared.settings import Settings

START_FAILED = 3


class Server(uvicorn.Server):
    """Ends event streams when it is asked to go: they would end no request by themselves."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._pastiche = app

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        service = service_of(self._pastiche)
        service.watching.close()
        await super().shutdown(sockets)


def main() -> None:
    settings = Settings()
    raise_soft_limit()
    app = create_app(settings)
    warn_of_open_service(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=connection_of(settings),
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
