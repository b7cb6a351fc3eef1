"""A job as server-sent events: its current state, then every change until it is over."""

import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from redis import RedisError
from starlette.types import Receive, Scope, Send

from api.access.authentication import Access, CurrentAccess, is_still_valid
from api.events.schemas import JobEvent
from api.events.subscriptions import JobDeleted, ServiceStopping, Subscription
from api.http.middleware import is_head
from api.http.problems import caller_problems
from api.jobs.dependencies import PathJob, get_speeds
from api.jobs.schemas import describe_job, make_preview_link, pick_progress
from api.service import Service
from pastiche.painting_speed import PaintingSpeed
from shared.errors import RecordDamaged
from shared.jobs import Job

log = logging.getLogger(__name__)

router = APIRouter(prefix="/jobs", tags=["jobs"])

PROGRESS_SECONDS = 0.5
"""The shortest time between two `progress` events."""

HEARTBEAT_SECONDS = 10.0
"""How often it is checked that the client is still connected and its key was not revoked. A comment
is sent if there is nothing else to send."""

RECONNECT_MILLISECONDS = 1000
"""After how long a client whose stream has ended connects again."""

_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""Headers that keep proxies from holding events back."""

_INLINE_PREVIEW = "inline_preview"
"""The name, among a job's encoded events, of a `preview` with the picture in it."""


class EventStream(StreamingResponse):
    """Events in the form that `EventSource` reads.

    FastAPI's own class needs another task, a queue and a timer for each client, and starlette's a
    task that waits for it to disconnect. Here the stream itself checks for that.
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
class ClientState:
    """What a client has received about a job.

    An event's id is the job's version. A client that connects again needs only the current state,
    because no event contains anything that is missing in later events.

    Attributes:
        preview_event: the name, among the encoded events, of the one that announces a preview.
    """

    preview_event: str = "preview"
    _status: object = None
    _progress: object = None
    _preview: object = None
    _progress_due: float = field(default_factory=monotonic)

    def pick_events(self, job: Job, events: Mapping[str, bytes]) -> Iterator[bytes]:
        """Selects the events that bring the client up to date, from one event of each kind."""
        status = (
            job.status,
            job.queue_position,
            job.attempt,
            job.weight_updates,
            job.cancel_requested,
        )
        if status != self._status:
            self._status = status
            yield events["done" if job.is_over else "status"]
        if job.is_over:
            return
        if job.progress != self._progress and not self.progress_delay_seconds(job):
            self._progress, self._progress_due = job.progress, monotonic() + PROGRESS_SECONDS
            yield events["progress"]
        if self.needs_preview(job):
            self._preview = job.preview_iteration
            yield events[self.preview_event]

    def needs_preview(self, job: Job) -> bool:
        """Whether there is a newer preview than the client has received."""
        return not job.is_over and job.preview_iteration != self._preview

    def progress_delay_seconds(self, job: Job) -> float | None:
        """How long to wait before new progress may be sent; None for no wait, or no progress."""
        delay = self._progress_due - monotonic()
        return delay if job.progress != self._progress and delay > 0 else None


@router.get(
    "/{job_id}/events",
    summary="Stream a job's events",
    response_class=EventStream,
    responses=caller_problems(404, 410, 422)
    | {
        200: {"model": JobEvent},
        204: {"description": "`Last-Event-ID` was the last event"},
    },
)
async def stream_events(
    job: PathJob,
    access: CurrentAccess,
    previews: Annotated[
        Literal["url", "inline"],
        Query(description="`inline` puts each preview into its event, as `jpeg` in base64."),
    ] = "url",
    last_event_id: Annotated[
        str | None, Header(description="The last event that was received; 204 if it was the last.")
    ] = None,
) -> Response:
    """The job as a stream of events: `status` with the whole job, `progress` with the losses (at
    most two per second), `preview` with a URL, and at the end `done` with the whole job, or `gone`
    if it is deleted. With `previews=inline`, `preview` also has the picture, reduced to 512 pixels
    if it is larger than 128 KiB. A client that connects again, with or without `Last-Event-ID`,
    first receives the current state. If `Last-Event-ID` is the last event, the response is 204.
    """
    if job.is_over and last_event_id == str(job.version):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    describe_job(job)  # a damaged record is an error now, not a stream that breaks off
    state = ClientState(preview_event="preview" if previews == "url" else _INLINE_PREVIEW)
    return EventStream(_stream(job, access, state), headers=_HEADERS)


async def _stream(job: Job, access: Access, state: ClientState) -> AsyncIterator[bytes]:
    service = access.service
    heartbeat_due = monotonic() + HEARTBEAT_SECONDS
    yield format_sse_event(retry=RECONNECT_MILLISECONDS)
    async with service.subscriptions.subscribe(job) as subscription:
        while True:
            try:
                heartbeat_delay = max(0.0, heartbeat_due - monotonic())
                progress_delay = state.progress_delay_seconds(job) or heartbeat_delay
                job = await subscription.wait(min(progress_delay, heartbeat_delay))
            except JobDeleted:
                yield format_sse_event(event="gone", data_str=json.dumps({"id": job.id}))
                return
            except ServiceStopping:
                return
            events = subscription.events
            if not events:
                try:
                    events |= _encode_events(job, await _get_known_speeds(job, service))
                except RecordDamaged as error:  # the response to the next request says so
                    log.error("%s", error)
                    return
            if state.needs_preview(job) and state.preview_event not in events:
                events[_INLINE_PREVIEW] = await _encode_inline_preview(job, subscription, service)
            data = b"".join(state.pick_events(job, events))
            if monotonic() >= heartbeat_due:
                heartbeat_due = monotonic() + HEARTBEAT_SECONDS
                if await access.request.is_disconnected() or not await is_still_valid(access):
                    return
                data = data or KEEPALIVE_COMMENT
            if data:
                yield data
            if job.is_over:
                return


async def _get_known_speeds(job: Job, service: Service) -> list[PaintingSpeed]:
    """The speeds that a waiting job's estimate needs; none while Redis is unavailable."""
    try:
        return await get_speeds(job, service)
    except RedisError:
        return []


def _encode_events(job: Job, speeds: list[PaintingSpeed]) -> dict[str, bytes]:
    """One event of each kind, which all clients of the job receive."""
    described = describe_job(job, speeds).model_dump(mode="json")
    data = {
        "status": described,
        "done": described,
        "progress": pick_progress(described),
        "preview": {"url": make_preview_link(job)},
    }
    return {name: _encode_event(name, job, each) for name, each in data.items()}


async def _encode_inline_preview(job: Job, subscription: Subscription, service: Service) -> bytes:
    """The event of a preview with the picture in it, if that can be read."""
    jpeg = await subscription.preview.read(job, service.blobs, service.decoder)
    picture = {} if jpeg is None else {"jpeg": jpeg}
    return _encode_event("preview", job, {"url": make_preview_link(job), **picture})


def _encode_event(name: str, job: Job, data: Mapping[str, Any]) -> bytes:
    return format_sse_event(event=name, id=str(job.version), data_str=json.dumps(data))
