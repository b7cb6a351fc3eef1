"""A job as server-sent events: what it is, and then every change until it is over."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.types import Receive, Scope, Send

from api.access import Access, AccessOf, is_still_valid
from api.jobs import JobOf, rates_of
from api.problems import responses_to_callers
from api.routing import is_head
from api.schemas import preview_link, progress_of, view_of
from api.service import Service, ServiceOf
from api.watching import Gone, ServiceCloses
from shared.jobs import Job

router = APIRouter(prefix="/jobs", tags=["jobs"])

PROGRESS_SECONDS = 0.5
"""How far apart two `progress` events are at least."""

HEARTBEAT_SECONDS = 10.0
"""How often it is looked whether the reader is still there and its key was not revoked, and, where
there is no news, a comment says that the stream is."""

RECONNECT_MILLISECONDS = 1000
"""After how long a client whose stream has ended comes again."""


_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""Nothing on the way is to hold events back."""

_EVENT_SCHEMA = {
    "type": "object",
    "properties": {
        "event": {"enum": ["status", "progress", "preview", "done", "gone"]},
        "id": {"type": "string", "description": "The job's version."},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "retry": {"type": "integer", "minimum": 0},
    },
}


class EventStream(StreamingResponse):
    """Events in the form that `EventSource` reads.

    FastAPI's own has a task, a queue and a timer more for each reader, and starlette's a task that
    waits for its going. Here the stream itself looks whether its reader is still there.
    """

    media_type = "text/event-stream"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_head(scope):  # a stream without a body would never end
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            await send({"type": "http.response.body"})
        else:
            await self.stream_response(send)


@dataclass(slots=True)
class Story:
    """What of a job its reader has been told; the rest is news.

    An event's id is the job's version. A reader that comes again needs no more than what the job is
    now: nothing is ever told that a later event does not tell anew.
    """

    _state: object = None
    _progress: object = None
    _preview: object = None
    _progress_due: float = field(default_factory=monotonic)

    def news(self, job: Job, words: Mapping[str, bytes]) -> Iterator[bytes]:
        """The events that bring the reader up to date, out of one of each kind."""
        state = (
            job.status,
            job.queue_position,
            job.attempt,
            job.weight_updates,
            job.cancel_requested,
        )
        if state != self._state:
            self._state = state
            yield words["done" if job.is_over else "status"]
        if job.is_over:
            return
        if job.progress != self._progress and not self.withheld_seconds(job):
            self._progress, self._progress_due = job.progress, monotonic() + PROGRESS_SECONDS
            yield words["progress"]
        if job.preview_iteration != self._preview:
            self._preview = job.preview_iteration
            yield words["preview"]

    def withheld_seconds(self, job: Job) -> float | None:
        """For how long its progress is not to be told yet; None where there is none to tell."""
        wait = self._progress_due - monotonic()
        return wait if job.progress != self._progress and wait > 0 else None


@router.get(
    "/{job_id}/events",
    response_class=EventStream,
    responses=responses_to_callers(404, 410)
    | {
        200: {"content": {"text/event-stream": {"itemSchema": _EVENT_SCHEMA}}},
        204: {"description": "`Last-Event-ID` was the end"},
    },
)
async def events(
    request: Request,
    job: JobOf,
    access: AccessOf,
    service: ServiceOf,
    last_event_id: Annotated[
        str | None, Header(description="The last event that was received; 204 if it was the end.")
    ] = None,
) -> Response:
    """The job as a stream of events: `status` with all of it, `progress` with the losses (at most
    two a second), `preview` with an address, and `done` with all of it, then the end; or `gone`
    where it is erased. Whoever comes again, with or without `Last-Event-ID`, is first told what
    the job is now; where `Last-Event-ID` names the end, there is no more to come: 204."""
    if job.is_over and last_event_id == str(job.version):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return EventStream(_stream(request, job, access, service), headers=_HEADERS)


async def _stream(
    request: Request, job: Job, access: Access, service: Service
) -> AsyncIterator[bytes]:
    story, heartbeat_due = Story(), monotonic() + HEARTBEAT_SECONDS
    yield format_sse_event(retry=RECONNECT_MILLISECONDS)
    async with service.watching.watch(job) as watch:
        while True:
            try:
                job = await watch.next(story.withheld_seconds(job) or HEARTBEAT_SECONDS)
            except Gone:
                yield format_sse_event(event="gone", data_str=json.dumps({"id": job.id}))
                return
            except ServiceCloses:
                return
            words = watch.told
            if not words:
                words |= _words(job, await rates_of(job, service))
            news = b"".join(story.news(job, words))
            if monotonic() >= heartbeat_due:
                heartbeat_due = monotonic() + HEARTBEAT_SECONDS
                if await request.is_disconnected() or not await is_still_valid(access, service):
                    return
                news = news or KEEPALIVE_COMMENT
            if news:
                yield news
            if job.is_over:
                return


def _words(job: Job, rates: list[float]) -> dict[str, bytes]:
    """One event of each kind: a thousand readers of a job are told the same."""
    view = view_of(job, rates).model_dump(mode="json")
    data = {
        "status": view,
        "done": view,
        "progress": progress_of(view),
        "preview": {"url": preview_link(job)},
    }
    return {
        name: format_sse_event(event=name, id=str(job.version), data_str=json.dumps(each))
        for name, each in data.items()
    }
