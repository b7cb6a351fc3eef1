"""`AsyncConnection`. `connection.py` is generated from this file by `make client`."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from http import HTTPStatus
from typing import Any

import anyio
import httpx
from httpx_sse import EventSource
from tenacity import AsyncRetrying

from pastiche.client.errors import (
    ApiError,
    ServiceUnreachable,
    error_from_response,
    invalid_response,
    parse_response,
    read_picture,
    translate_httpx_errors,
)
from pastiche.client.events import Event, parse_event
from pastiche.client.models import Model
from pastiche.client.painted_picture import PaintedPicture
from pastiche.client.requests import (
    CONNECT_SECONDS,
    LIMITS,
    SILENCE_SECONDS,
    check_address,
    make_headers,
)
from pastiche.client.retry_policy import RetryPolicy, retry_arguments

LONGEST_EVENT_BYTES = 1_000_000
"""The limit of an event, far longer than those of a Pastiche service, to protect memory."""


class AsyncConnection:
    """Sends requests to one service. Every failure raises a `ClientError`.

    The arguments are the same as for `AsyncClient`.

    Attributes:
        url: the address of the service, without a slash at its end.
        retry_policy: for how long failed requests are retried.
    """

    def __init__(
        self,
        url: str,
        key: str | None,
        *,
        timeout_seconds: float,
        retry_policy: RetryPolicy,
        http: httpx.AsyncClient | None,
    ) -> None:
        check_address(url, key)
        self.url = url.rstrip("/")
        self.retry_policy = retry_policy
        self._headers = make_headers(key)
        self._timeout = httpx.Timeout(timeout_seconds, connect=CONNECT_SECONDS)
        self._stream_timeout = httpx.Timeout(
            timeout_seconds, connect=CONNECT_SECONDS, read=SILENCE_SECONDS
        )
        self._owns_http = http is None
        self._http = http or httpx.AsyncClient(limits=LIMITS)

    async def aclose(self) -> None:
        """Closes the connections, except those of an httpx client that was passed in."""
        if self._owns_http:
            await self._http.aclose()

    async def request(
        self,
        model: type[Model],
        method: str,
        path: str,
        policy: RetryPolicy | None = None,
        **arguments: Any,
    ) -> Model:
        """Sends a request, retries it while the policy allows, and parses the response."""
        response = await self.send_retrying(method, path, policy, **arguments)
        return parse_response(model, response, self.url)

    async def request_picture(
        self, path: str, policy: RetryPolicy | None = None, **query: str
    ) -> PaintedPicture:
        """Fetches a picture."""
        # The service may redirect to an object store. httpx does not send the key there.
        response = await self.send_retrying(
            "GET", path, policy, params=query, follow_redirects=True
        )
        return read_picture(response, self.url)

    async def delete(self, path: str) -> None:
        """Deletes the resource of a path.

        A retry may find nothing, because an earlier try deleted it but its response was lost, or
        was a 503 because the pictures could not be reached.
        """
        may_be_deleted = False

        async def delete() -> None:
            nonlocal may_be_deleted
            try:
                await self.send("DELETE", path)
            except ServiceUnreachable as error:
                may_be_deleted = may_be_deleted or error.was_sent
                raise
            except ApiError as error:
                if may_be_deleted and error.status == HTTPStatus.NOT_FOUND:
                    return
                may_be_deleted = may_be_deleted or error.status == HTTPStatus.SERVICE_UNAVAILABLE
                raise

        await AsyncRetrying(sleep=anyio.sleep, **retry_arguments(self.retry_policy))(delete)

    async def send_retrying(
        self, method: str, path: str, policy: RetryPolicy | None = None, **arguments: Any
    ) -> httpx.Response:
        """Sends a request until it succeeds or the policy ends."""
        retrying = AsyncRetrying(sleep=anyio.sleep, **retry_arguments(policy or self.retry_policy))
        return await retrying(self.send, method, path, **arguments)

    async def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        accepts_unavailable: bool = False,
        **arguments: Any,
    ) -> httpx.Response:
        """Sends a request once. Every failure raises a ClientError.

        Args:
            accepts_unavailable: whether a 503 is a response like any other.
        """
        with translate_httpx_errors(self.url):
            response = await self._http.request(
                method,
                self.url + path,
                headers=self._headers | dict(headers or {}),
                timeout=self._timeout,
                **arguments,
            )
        is_unavailable = response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        if not response.is_success and not (accepts_unavailable and is_unavailable):
            raise error_from_response(response, self.url)
        return response

    async def send_to_store(self, url: str, data: bytes) -> None:
        """Sends a file to a signed URL, without the key of the service."""
        retrying = AsyncRetrying(sleep=anyio.sleep, **retry_arguments(self.retry_policy))
        await retrying(self._send_to_store, url, data)

    async def _send_to_store(self, url: str, data: bytes) -> None:
        store = f"The object store at {httpx.URL(url).host}"
        with translate_httpx_errors(store):
            response = await self._http.put(url, content=data, timeout=self._timeout)
        if not response.is_success:
            sentence = f"{store} responded with {response.status_code}."
            raise ServiceUnreachable(sentence, was_sent=True)

    async def events(self, path: str) -> AsyncGenerator[Event, None]:
        """The events of one connection (server-sent events, WHATWG HTML section 9.2)."""
        headers = self._headers | {"Accept": "text/event-stream"}
        with translate_httpx_errors(self.url):
            async with self._http.stream(
                "GET", self.url + path, headers=headers, timeout=self._stream_timeout
            ) as response:
                if not response.is_success:
                    await response.aread()
                    raise error_from_response(response, self.url)
                async with aclosing(self._parse_events(response)) as events:
                    async for event in events:
                        yield event

    async def _parse_events(self, response: httpx.Response) -> AsyncGenerator[Event, None]:
        media_type = "text/event-stream"
        if not response.headers.get("content-type", "").startswith(media_type):
            raise invalid_response(response, self.url)
        size = 0

        async def limited_chunks() -> AsyncIterator[bytes]:
            """Limits the length of an event, which httpx-sse does not."""
            nonlocal size
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                if size > LONGEST_EVENT_BYTES:
                    raise ValueError("an event is too long")
                yield chunk

        source = httpx.Response(200, headers={"Content-Type": media_type}, content=limited_chunks())
        messages: Any = EventSource(source).aiter_sse()  # its declared type has no `close`
        try:
            async with aclosing(messages):
                async for message in messages:
                    size = 0
                    event = parse_event(message.event, message.data) if message.data else None
                    if event is not None:
                        yield event
        except ValueError as error:
            raise invalid_response(response, self.url, str(error)) from error
