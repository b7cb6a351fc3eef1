"""What both drivers know of httpx: a request in its words, and its errors in ours."""

from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from pastiche.client.errors import ClientError, StrangeAnswer, Unreachable, UnusableAddress
from pastiche.client.steps import Answer, Request

DEFAULT_URL = "http://127.0.0.1:8000"
"""Where `make serve` serves."""

CONNECT_SECONDS = 10.0

SILENCE_SECONDS = 45.0
"""After how long without a byte a stream of events is lost: the service says something every 15."""

LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20)
"""Whoever watches a job holds a connection: with a limit, many watchers would shut out the rest."""

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_NO_HTTP: Final = "illegal"
"""In the words of httpx's parser where what came is no HTTP at all; else the connection broke."""


class Address:
    """Where the service is, and how it is spoken to.

    Raises:
        UnusableAddress: it does not begin with http:// or https://, or has no host.
    """

    def __init__(self, url: str, key: str | None, timeout_seconds: float) -> None:
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
            httpx.URL(url)
        except (ValueError, httpx.InvalidURL):
            usable = False
        if not usable:
            raise UnusableAddress(f"{url!r} is no address of a service, as http://127.0.0.1:8000.")
        if key is not None and not (key.isascii() and key.isprintable()):
            raise UnusableAddress("The key has characters that no key has.")
        self.url = url.rstrip("/")
        self._headers = {"User-Agent": "pastiche-client"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._timeout = httpx.Timeout(timeout_seconds, connect=CONNECT_SECONDS)
        self._silence = httpx.Timeout(
            timeout_seconds, connect=CONNECT_SECONDS, read=SILENCE_SECONDS
        )

    def arguments(self, request: Request, *, is_stream: bool = False) -> dict[str, Any]:
        """What httpx's `request`, `stream` and `build_request` take."""
        return {
            "method": request.method,
            "url": self.url + request.path,
            "headers": self._headers | dict(request.headers),
            "params": dict(request.query),
            "files": _parts(request) or None,
            "json": request.json,
            "timeout": self._silence if is_stream else self._timeout,
        }

    def answer(self, response: httpx.Response, content: bytes) -> Answer:
        """A response in our words."""
        return Answer(self.url, response.status_code, dict(response.headers), content)

    def meaning_of(self, error: Exception) -> ClientError:
        """One of httpx's errors as one of ours."""
        reason = str(error) or type(error).__name__
        if isinstance(error, httpx.RemoteProtocolError) and _NO_HTTP in reason:
            return StrangeAnswer(f"What answers at {self.url} does not speak HTTP.")
        if isinstance(error, httpx.TimeoutException):
            sentence = f"{self.url} does not answer in time."
            return Unreachable(sentence, was_sent=not isinstance(error, _NEVER_SENT))
        if isinstance(error, httpx.TransportError):
            sentence = f"{self.url} cannot be reached ({reason.rstrip('.')})."
            return Unreachable(sentence, was_sent=not isinstance(error, _NEVER_SENT))
        return StrangeAnswer(f"What answers at {self.url} cannot be read ({reason}).")


def _parts(request: Request) -> list[tuple[str, tuple[str | None, str | bytes]]]:
    """The form. Its texts are parts as well: without a picture httpx would send another kind of
    form, which a service does not take."""
    texts = [(name, (None, text)) for name, text in request.form.items()]
    return [*texts, *((field, (field, data)) for field, data in request.files)]
