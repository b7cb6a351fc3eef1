"""All errors of the client, in one tree.

ClientError
├── InvalidAddress       the service's URL or the key cannot be used
├── InvalidRequest       an idempotency key or a header cannot be sent
├── InvalidPicture       the service would not accept a picture; raised before it is sent
├── ApiError             the service refused the request: code, status, invalid fields
├── JobUnsuccessful      the job failed, was canceled or expired
├── ServiceUnreachable   the connection failed or broke, and retries did not help
└── InvalidResponse      the response does not come from a Pastiche service

`error_from_response` and `translate_httpx_errors` decide which one a failed request raises.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

import httpx

from pastiche.client.models import Job, Model, parse
from pastiche.client.painted_picture import PaintedPicture

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_NOT_HTTP: Final = "illegal"
"""A word in the message of httpx's parser if the response is not HTTP. Without it, the connection
broke."""
_GATEWAY_STATUSES = (502, 503, 504)
"""The statuses by which a proxy reports that the service behind it is unavailable."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request: its name, a code and a sentence."""

    field: str
    code: str
    detail: str


class ClientError(Exception):
    """The base class of all errors of the client. The message is a sentence for people."""

    def __reduce__(self) -> tuple[Any, ...]:
        # For other processes. By default, `__init__` is called with the message and nothing else.
        return Exception.__new__, (type(self), *self.args), vars(self)


class InvalidAddress(ClientError):
    """The service's URL, or the key, cannot be used."""


class InvalidRequest(ClientError):
    """A request that cannot be sent: the idempotency key, or a header of the httpx client that was
    passed in, is invalid."""


class InvalidPicture(ClientError):
    """A picture that cannot be read, or that the service would not accept.

    Attributes:
        field: the form's field, such as `content` or `style`.
    """

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class ApiError(ClientError):
    """The service refused the request and said why (RFC 9457).

    Attributes:
        code: for programs, such as `invalid_fields` or `job_not_found`.
        status: the HTTP status.
        detail: for people.
        field_errors: the invalid fields, if any.
        retry_after_seconds: after this time the same request may succeed. None if the service does
            not say.
    """

    def __init__(
        self,
        code: str,
        status: int,
        detail: str,
        field_errors: tuple[FieldError, ...] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.status = status
        self.detail = detail
        self.field_errors = field_errors
        self.retry_after_seconds = retry_after_seconds


class JobUnsuccessful(ClientError):
    """The job ended without a picture: it failed, was canceled or expired.

    Attributes:
        job: the job as it ended.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(job.error.detail if job.error else f"The job was {job.status}.")
        self.job = job


class ServiceUnreachable(ClientError):
    """The service cannot be reached, or the connection broke.

    Attributes:
        was_sent: whether the request may have reached the service.
        retry_after_seconds: after this time the service may be reachable again, according to a
            proxy. None if there is no proxy or it does not say.
    """

    def __init__(
        self, sentence: str, *, was_sent: bool, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(sentence)
        self.was_sent = was_sent
        self.retry_after_seconds = retry_after_seconds


class InvalidResponse(ClientError):
    """The server at this address does not respond like a Pastiche service."""


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
    status, retry = response.status_code, _retry_after_seconds(response)
    try:
        problem = parse(_Problem, response.content)
    except ValueError:
        reason = f"a proxy responded with {status}."
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            detail = f"Too many requests were sent to {url}: {reason}"
            return ApiError("too_many_requests", status, detail, retry_after_seconds=retry)
        if status in _GATEWAY_STATUSES:
            sentence = f"{url} is unavailable: {reason}"
            return ServiceUnreachable(sentence, was_sent=True, retry_after_seconds=retry)
        return invalid_response(response, url)
    return ApiError(problem.code, status, problem.detail, problem.errors or (), retry)


def invalid_response(response: httpx.Response, url: str, reason: str = "") -> InvalidResponse:
    """The exception for a response that does not come from Pastiche."""
    media_type = response.headers.get("content-type", "").partition(";")[0]
    content = media_type if media_type.isprintable() and media_type else "no content type"
    more = f" ({reason})" if reason else ""
    location = response.headers.get("location", "")
    if response.has_redirect_location and location.isprintable():
        more += f", and redirects to {location}"
    return InvalidResponse(
        f"The server at {url} is not a Pastiche service: "
        f"it responded with {response.status_code}, {content}{more}."
    )


def parse_response(model: type[Model], response: httpx.Response, url: str) -> Model:
    """Reads a response; raises InvalidResponse if it is not what the service would send."""
    try:
        return parse(model, response.content)
    except ValueError as error:
        raise invalid_response(response, url, str(error)) from error


def read_picture(response: httpx.Response, url: str) -> PaintedPicture:
    """The picture in a response; raises InvalidResponse if it is something else."""
    if not response.headers.get("content-type", "").startswith("image/"):
        raise invalid_response(response, url)
    return PaintedPicture(response.content)


@contextmanager
def translate_httpx_errors(url: str) -> Iterator[None]:
    """Raises the client's exceptions in place of httpx's.

    Args:
        url: the address that is requested, for the message.
    """
    try:
        yield
    except httpx.LocalProtocolError:
        # Its text quotes the header that is invalid, which may be the key.
        raise InvalidRequest(
            f"The request to {url} is not valid HTTP: one of its headers may be invalid."
        ) from None
    except httpx.HTTPError as error:
        raise _error_from_httpx(error, url) from error


def _error_from_httpx(error: httpx.HTTPError, url: str) -> ClientError:
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
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
