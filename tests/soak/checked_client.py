"""An HTTP client that counts what it is answered, and reports what it should not be answered."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

UNAVAILABLE = 503
"""May always be the answer: Redis may be away."""


class CheckedClient:
    """Sends requests.

    Attributes:
        counts: how often each kind of request had each status.
        broken: what should not have happened.
    """

    def __init__(self, url: httpx.URL) -> None:
        self.counts: Counter[str] = Counter()
        self.broken: list[str] = []
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def send(
        self, kind: str, method: str, path: str, *allowed: int, **arguments: Any
    ) -> httpx.Response:
        """The answer; it is reported if its status is not allowed.

        Args:
            allowed: statuses; if there are none, all but those of errors of the server.
        """
        response = self.http.request(method, path, **arguments)
        self._count(kind, response, allowed)
        return response

    @contextmanager
    def stream(self, kind: str, path: str, *allowed: int) -> Iterator[httpx.Response]:
        """The same, whose body is read later, or not."""
        with self.http.stream("GET", path) as response:
            self._count(kind, response, allowed)
            yield response

    def _count(self, kind: str, response: httpx.Response, allowed: tuple[int, ...]) -> None:
        status = response.status_code
        self.counts[f"{kind}: {status}"] += 1
        is_expected = status in allowed if allowed else status < 500
        if not is_expected and status != UNAVAILABLE:
            request = response.request
            self.broken.append(f"{request.method} {request.url} ({kind}): {status}")
