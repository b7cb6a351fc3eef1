"""Everything that can go wrong between a client and its service, in one tree.

ClientError
├── UnusableAddress      the address of the service is none
├── UnusablePicture      a picture that the service would not take, told before it is sent
├── Refused              the service's answer, in its own words: code, status, fields at fault
├── NotPainted           the job ended, and without a picture
├── Unreachable          no connection, or one that broke, and no luck with trying again
└── StrangeAnswer        an answer that is not Pastiche's
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pastiche.client.records import Job


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field of a request: its name, a code and a sentence."""

    field: str
    code: str
    detail: str


class ClientError(Exception):
    """What the client could not do, as a sentence for a person."""


class UnusableAddress(ClientError):
    """The address of the service is none."""


class UnusablePicture(ClientError):
    """A picture that cannot be sent, or that the service would not take.

    Attributes:
        field: which of the pictures, as `content` or `style`.
    """

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class Refused(ClientError):
    """The service will not do it, and says why.

    Attributes:
        code: for programs, as `invalid_fields` or `job_not_found`.
        status: of the answer in HTTP.
        detail: for people.
        faults: the fields at fault, where it is about fields.
        retry_after_seconds: when the service thinks that the same would be taken; None where it
            does not say.
    """

    def __init__(
        self,
        code: str,
        status: int,
        detail: str,
        faults: tuple[FieldFault, ...] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.status = status
        self.detail = detail
        self.faults = faults
        self.retry_after_seconds = retry_after_seconds


class NotPainted(ClientError):
    """The job is over, and there is no picture: it failed, was canceled or expired."""

    def __init__(self, job: "Job") -> None:
        super().__init__(job.error.detail if job.error else f"The job was {job.status}.")
        self.job = job


class Unreachable(ClientError):
    """The service cannot be reached, or the connection broke.

    Attributes:
        was_sent: whether the request may have arrived.
    """

    def __init__(self, sentence: str, *, was_sent: bool) -> None:
        super().__init__(sentence)
        self.was_sent = was_sent


class StrangeAnswer(ClientError):
    """Something answers at that address, and it does not speak as Pastiche does."""
