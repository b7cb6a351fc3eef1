"""What no client should send: damaged pictures, invalid requests, uploads that are cut off."""

import socket
from contextlib import suppress
from random import Random
from typing import Any

from tests import pictures
from tests.api.hostile.mutations import mutants
from tests.soak.checked_client import CheckedClient

_PAIR = {"content": pictures.jpeg(), "style": pictures.png()}

_JSON = {"Content-Type": "application/json"}

_INVALID: tuple[tuple[str, str, int, dict[str, Any]], ...] = (
    ("POST", "/jobs", 422, {"files": _PAIR, "data": {"siez": 64}}),
    ("POST", "/jobs", 422, {"files": _PAIR, "data": {"iterations": "many"}}),
    ("POST", "/jobs", 400, {"content": b'{"content": "data:', "headers": _JSON}),
    ("GET", f"/jobs/{'0' * 32}", 404, {}),
    ("PUT", "/jobs", 405, {"content": b"x"}),
)
"""Method, path, the status of the answer, and the rest of the request."""

_HEAD = (
    "POST /jobs HTTP/1.1",
    "Host: 127.0.0.1",
    "Content-Type: multipart/form-data; boundary=x",
    "Content-Length: 500000",
    "",
    "--x",
    'Content-Disposition: form-data; name="content"; filename="a"',
    "",
    "",
)


class InvalidRequests:
    """Sends them."""

    def __init__(self, client: CheckedClient, chance: Random) -> None:
        self._client, self._chance = client, chance
        self._mutants = mutants(chance.getrandbits(32))

    def send(self) -> None:
        """One of them."""
        self._chance.choice((self._send_damaged, self._send_invalid, self._hang_up))()

    def _send_damaged(self) -> None:
        files = {"content": next(self._mutants), "style": pictures.png()}
        path = "/jobs?dry_run=1"
        self._client.send("damaged picture", "POST", path, files=files, data={"size": 64})

    def _send_invalid(self) -> None:
        method, path, status, request = self._chance.choice(_INVALID)
        self._client.send("invalid", method, path, status, **request)

    def _hang_up(self) -> None:
        """In the middle of an upload."""
        url = self._client.http.base_url
        address = (url.host, url.port or 80)
        with socket.create_connection(address, 30) as connection, suppress(ConnectionError):
            connection.sendall("\r\n".join(_HEAD).encode() + self._chance.randbytes(100_000))
        self._client.counts["cut off"] += 1
