"""What a failed request means, and when it is sent again."""

import logging
import math
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self

import httpx
from tenacity import RetryCallState, retry_if_exception

from pastiche.client.errors import (
    ApiError,
    ClientError,
    FieldError,
    InvalidResponse,
    ServiceUnreachable,
)
from pastiche.client.models import parse

log = logging.getLogger("pastiche.client")

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_NOT_HTTP: Final = "illegal"
"""In the message of httpx's parser if the response is not HTTP; otherwise the connection broke."""
_GATEWAY_STATUSES = (502, 503, 504)
"""How a proxy reports that the service behind it is unavailable."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """For how many seconds in total a client pauses between retries before it gives up.

    Attributes:
        unreachable_seconds: while the service cannot be reached, per request.
        busy_seconds: while it responds with 429 or 503, per request.
        watching_seconds: while a job's events cannot be read, since the last event.
    """

    unreachable_seconds: float = 5.0
    busy_seconds: float = 120.0
    watching_seconds: float = 600.0

    def for_accepted_job(self) -> Self:
        """The policy for requests about a job that the service has accepted: it is being painted
        while the client waits, so it is worth waiting longer."""
        longest = max(self.busy_seconds, self.watching_seconds)
        return replace(self, unreachable_seconds=self.watching_seconds, busy_seconds=longest)


class Backoff:
    """Exponential pauses with jitter, so that not all clients return at the same moment; or the
    pauses that the service asks for (`Retry-After`). Ends when they exceed a limit in total."""

    def __init__(self, limit_seconds: float) -> None:
        self._remaining_seconds = limit_seconds
        self._next_seconds = FIRST_PAUSE_SECONDS

    def next_pause(self, error: ClientError) -> float:
        """How many seconds to wait before the next try; infinity if the limit is reached, or if
        another try would not help."""
        if not is_transient(error):
            return math.inf
        seconds = error.retry_after_seconds if isinstance(error, ApiError) else None
        if seconds is None:
            seconds = self._next_seconds * random.uniform(0.75, 1.0)  # noqa: S311  # no secret
        if seconds > self._remaining_seconds:
            return math.inf
        self._remaining_seconds -= seconds
        self._next_seconds = min(2 * self._next_seconds, LONGEST_PAUSE_SECONDS)
        return seconds


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed a little later."""
    if isinstance(error, ApiError):
        return error.status in (429, 503) or error.code == "submission_pending"
    return isinstance(error, ServiceUnreachable)


def retry_arguments(policy: RetryPolicy) -> dict[str, Any]:
    """The arguments of tenacity's `Retrying` and `AsyncRetrying` for one request."""
    unreachable, busy = Backoff(policy.unreachable_seconds), Backoff(policy.busy_seconds)

    def wait(state: RetryCallState) -> float:
        error = _error(state)
        return (busy if isinstance(error, ApiError) else unreachable).next_pause(error)

    return {
        "retry": retry_if_exception(is_transient),
        "wait": wait,
        "stop": lambda state: math.isinf(state.upcoming_sleep),
        "before_sleep": _log_retry,
        "reraise": True,
    }


def _log_retry(state: RetryCallState) -> None:
    log.warning("%s Retrying in %.1f s.", _error(state), state.upcoming_sleep)


def _error(state: RetryCallState) -> ClientError:
    assert state.outcome is not None
    error = state.outcome.exception()
    assert isinstance(error, ClientError)
    return error


@dataclass(frozen=True, slots=True)
class _Problem:
    code: str
    detail: str
    errors: tuple[FieldError, ...] | None = None


def error_from_response(response: httpx.Response, url: str) -> ClientError:
    """The exception for a response that is not a success (RFC 9457).

    Args:
        url: the address of the service, for the message.
    """
    try:
        problem = parse(_Problem, response.content)
    except ValueError:
        if response.status_code in _GATEWAY_STATUSES:
            sentence = f"{url} is unavailable: a proxy responded with {response.status_code}."
            return ServiceUnreachable(sentence, was_sent=True)
        return invalid_response(response, url)
    return ApiError(
        problem.code,
        response.status_code,
        problem.detail,
        problem.errors or (),
        _retry_after_seconds(response),
    )


def invalid_response(response: httpx.Response, url: str, reason: str = "") -> InvalidResponse:
    """The exception for a response that does not come from Pastiche."""
    media_type = response.headers.get("content-type", "").partition(";")[0]
    content = media_type if media_type.isprintable() and media_type else "no content type"
    more = f" ({reason})" if reason else ""
    return InvalidResponse(
        f"The server at {url} is not a Pastiche service: "
        f"it responded with {response.status_code}, {content}{more}."
    )


def error_from_httpx(error: httpx.HTTPError, url: str) -> ClientError:
    """The exception for one of httpx's."""
    reason = (str(error) or type(error).__name__).rstrip(".")
    if isinstance(error, httpx.RemoteProtocolError) and _NOT_HTTP in reason:
        return InvalidResponse(f"The server at {url} does not speak HTTP.")
    was_sent = not isinstance(error, _NEVER_SENT)
    if isinstance(error, httpx.TimeoutException):
        return ServiceUnreachable(f"{url} did not respond in time.", was_sent=was_sent)
    if isinstance(error, httpx.TransportError):
        return ServiceUnreachable(f"{url} cannot be reached ({reason}).", was_sent=was_sent)
    return InvalidResponse(f"The response of {url} cannot be read ({reason}).")


def _retry_after_seconds(response: httpx.Response) -> float | None:
    """`Retry-After`, a number or a date (RFC 9110, section 10.2.3)."""
    value = response.headers.get("retry-after", "")
    if value.isdecimal() and len(value) < 10:
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
