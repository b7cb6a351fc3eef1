"""Everything that can go wrong between a client and its service, in one tree.

ClientError
├── InvalidAddress       the service's URL or the key cannot be used
├── InvalidPicture       a picture that the service would not accept; raised before it is sent
├── ApiError             the service refused the request: code, status, fields at fault
├── JobUnsuccessful      the job failed, was canceled or expired
├── ServiceUnreachable   no connection, or a broken one, and retries did not help
└── InvalidResponse      the response does not come from a Pastiche service
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pastiche.client.models import Job


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request: its name, a code and a sentence."""

    field: str
    code: str
    detail: str


class ClientError(Exception):
    """Base class of all errors of the client. The message is a sentence for a person."""


class InvalidAddress(ClientError):
    """The service's URL, or the key, cannot be used."""


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
        field_errors: the fields at fault, if any.
        retry_after_seconds: when the service expects that the same request would succeed; None
            if it does not say.
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

    def __init__(self, job: "Job") -> None:
        super().__init__(job.error.detail if job.error else f"The job was {job.status}.")
        self.job = job


class ServiceUnreachable(ClientError):
    """The service cannot be reached, or the connection broke.

    Attributes:
        was_sent: whether the request may have reached the service.
    """

    def __init__(self, sentence: str, *, was_sent: bool) -> None:
        super().__init__(sentence)
        self.was_sent = was_sent


class InvalidResponse(ClientError):
    """Something responds at that address, but not as Pastiche does."""
