"""A job is watched until it is over, through lost connections."""

import json
from typing import Any

from pastiche.client.asking import passes, refusal, strange
from pastiche.client.errors import Refused, StrangeAnswer, Unreachable
from pastiche.client.events import (
    Advanced,
    Changed,
    ConnectionBack,
    ConnectionLost,
    Erased,
    Event,
    EventReader,
    Finished,
    PreviewReady,
    TooLong,
)
from pastiche.client.patience import Patience, Pauses
from pastiche.client.reading import Unreadable, read
from pastiche.client.records import Job, Progress
from pastiche.client.requests import watching
from pastiche.client.steps import Answer, Flow, Hear, Listen, Pause, Tell

ENDED = "The service ended the connection."


def watched(job_id: str, patience: Patience) -> Flow[Job | None]:
    """Tells every event of a job; ends with the job as it ended, None where it was erased.

    Raises:
        Refused: there is no such job, or the caller may not see it.
        Unreachable: the service was away for longer than there was patience.
        StrangeAnswer: what answers is no Pastiche.
    """
    pauses, is_lost = Pauses(patience.watching_seconds), False
    while True:
        try:
            answer = yield from _listened(job_id)
            if is_lost:
                yield Tell(ConnectionBack())
            reader, is_lost = EventReader(), False
            while piece := (yield Hear()):
                for event in _events(reader, piece, answer):
                    pauses = Pauses(patience.watching_seconds)
                    yield Tell(event)
                    if isinstance(event, Finished):
                        return event.job
                    if isinstance(event, Erased):
                        return None
            reason, seconds = ENDED, pauses.take()
            if seconds is None:
                raise Unreachable(f"{answer.address}: {ENDED}", was_sent=True)
        except Unreachable as error:
            reason, seconds = str(error), pauses.take()
            if seconds is None:
                raise
        except Refused as error:
            seconds = pauses.take(error.retry_after_seconds) if passes(error) else None
            reason = error.detail
            if seconds is None:
                raise
        is_lost = True
        yield Tell(ConnectionLost(reason, seconds))
        yield Pause(seconds)


def _listened(job_id: str) -> Flow[Answer]:
    """The beginning of the stream of events."""
    answer: Answer = yield Listen(watching(job_id))
    if not answer.is_success:
        raise refusal(answer)
    if not answer.headers.get("content-type", "").startswith("text/event-stream"):
        raise StrangeAnswer(f"{strange(answer)}.")
    return answer


def _events(reader: EventReader, piece: bytes, answer: Answer) -> list[Event]:
    """What is told in a piece of the stream; what only a newer client would know is passed over."""
    try:
        found = [_event(name, json.loads(data)) for name, data in reader.read(piece)]
    except (TooLong, Unreadable, ValueError, RecursionError) as error:
        raise StrangeAnswer(f"{strange(answer)} that cannot be read.") from error
    return [event for event in found if event is not None]


def _event(name: str, said: Any) -> Event | None:
    match name:
        case "status":
            return Changed(read(Job, said))
        case "progress":
            return Advanced(read(Progress, said))
        case "preview":
            return PreviewReady()
        case "done":
            return Finished(read(Job, said))
        case "gone":
            return Erased(str(said.get("id")) if isinstance(said, dict) else "")
    return None
