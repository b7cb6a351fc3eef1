"""What is told of a job while it is watched, and how it is read from the stream
(server-sent events, WHATWG HTML section 9.2)."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from pastiche.client.records import Job, Progress

LONGEST_EVENT = 1_000_000
"""In characters: beyond it no job is told, and what is told is not kept."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The job is in another state, at another place of the queue, or has other weights."""

    job: Job


@dataclass(frozen=True, slots=True)
class Advanced:
    """It is further on: at most twice a second."""

    progress: Progress


@dataclass(frozen=True, slots=True)
class PreviewReady:
    """There is a newer preview: `Client.preview` fetches it."""


@dataclass(frozen=True, slots=True)
class Finished:
    """It is over, well or not: the last event."""

    job: Job


@dataclass(frozen=True, slots=True)
class Erased:
    """Somebody erased it: the last event."""

    job_id: str


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The service does not answer any more. The job goes on without us; so do we, after a pause."""

    reason: str
    again_in_seconds: float


@dataclass(frozen=True, slots=True)
class ConnectionBack:
    """The service answers again; what follows is what the job is now."""


Event: TypeAlias = (
    Changed | Advanced | PreviewReady | Finished | Erased | ConnectionLost | ConnectionBack
)


class TooLong(ValueError):
    """A line that does not end: no stream of events."""


@dataclass(slots=True)
class EventReader:
    """Bytes as they come, into the name and the data of each event."""

    _text: str = ""
    _name: str = ""
    _data: list[str] = field(default_factory=list)
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )

    def read(self, piece: bytes) -> Iterator[tuple[str, str]]:
        """The events that end in this piece.

        Raises:
            TooLong: one does not end.
        """
        self._text += self._decoder.decode(piece)
        *lines, self._text = self._text.replace("\r\n", "\n").split("\n")
        for line in lines:
            if line:
                self._line(line)
            else:
                yield from self._event()
        if len(self._text) + sum(map(len, self._data)) > LONGEST_EVENT:
            raise TooLong

    def _line(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)

    def _event(self) -> Iterator[tuple[str, str]]:
        if self._data:
            yield self._name or "message", "\n".join(self._data)
        self._name, self._data = "", []
