"""The events of a watched job: what the service sends, and connections lost and restored."""

from base64 import b64decode
from dataclasses import dataclass
from typing import TypeAlias

from pastiche.client.models import Job, Progress, parse


@dataclass(frozen=True, slots=True)
class JobUpdated:
    """The job's status, its place in the queue or its weights have changed."""

    job: Job


@dataclass(frozen=True, slots=True)
class ProgressUpdated:
    """The job has progressed; sent at most twice a second."""

    progress: Progress


@dataclass(frozen=True, slots=True)
class PreviewReady:
    """There is a newer preview: `Client.preview` fetches it.

    Attributes:
        jpeg: the picture, at most 512 pixels large or 128 KiB, if the job is watched with previews.
            None if it could not be sent.
    """

    jpeg: bytes | None = None


@dataclass(frozen=True, slots=True)
class JobFinished:
    """The job has reached a final status. This is the last event."""

    job: Job


@dataclass(frozen=True, slots=True)
class JobDeleted:
    """The job was deleted. This is the last event."""

    job_id: str


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The connection to the service was lost. The job continues; the client connects again after a
    pause."""

    reason: str
    retry_in_seconds: float


@dataclass(frozen=True, slots=True)
class ConnectionRestored:
    """The client is connected again. The next event has the current state of the job."""


Event: TypeAlias = (
    JobUpdated
    | ProgressUpdated
    | PreviewReady
    | JobFinished
    | JobDeleted
    | ConnectionLost
    | ConnectionRestored
)


@dataclass(frozen=True, slots=True)
class _Preview:
    jpeg: str | None = None


@dataclass(frozen=True, slots=True)
class _Deleted:
    id: str = ""


def parse_event(name: str, data: str) -> Event | None:
    """Parses an event of the stream. None for an event that only newer clients know.

    Raises:
        ValueError: the data do not fit the event.
    """
    match name:
        case "status":
            return JobUpdated(parse(Job, data))
        case "progress":
            return ProgressUpdated(parse(Progress, data))
        case "preview":
            jpeg = parse(_Preview, data).jpeg
            return PreviewReady(None if jpeg is None else b64decode(jpeg, validate=True))
        case "done":
            return JobFinished(parse(Job, data))
        case "gone":
            return JobDeleted(parse(_Deleted, data).id)
    return None
