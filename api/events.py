"""A job as server-sent events: what it is, and then every change until it is over."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from time import monotonic

from fastapi import APIRouter
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.jobs import JobOf, rates_of
from api.problems import responses_to_callers
from api.schemas import preview_link, progress_of, view_of
from api.service import ServiceOf
from api.watching import Gone, ServiceCloses
from shared.jobs import Job

router = APIRouter(prefix="/jobs", tags=["jobs"])

PROGRESS_SECONDS = 0.5
"""How far apart two `progress` events are at least."""

RECONNECT_MILLISECONDS = 1000
"""After how long a client whose stream has ended comes again."""


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

    def news(self, job: Job, words: Mapping[str, str]) -> Iterator[ServerSentEvent]:
        """The events that bring the reader up to date.

        Args:
            words: the data of each kind of event, as JSON.
        """
        state = (job.status, job.queue_position, job.attempt, job.reweighed, job.cancel_requested)
        if state != self._state:
            self._state = state
            yield _event("done" if job.is_over else "status", job, words["status"])
        if job.is_over:
            return
        if job.progress != self._progress and not self.withheld_seconds(job):
            self._progress, self._progress_due = job.progress, monotonic() + PROGRESS_SECONDS
            yield _event("progress", job, words["progress"])
        if job.preview_iteration != self._preview:
            self._preview = job.preview_iteration
            yield _event("preview", job, words["preview"])

    def withheld_seconds(self, job: Job) -> float | None:
        """For how long its progress is not to be told yet; None where there is none to tell."""
        wait = self._progress_due - monotonic()
        return wait if job.progress != self._progress and wait > 0 else None


@router.get(
    "/{job_id}/events",
    response_class=EventSourceResponse,
    responses=responses_to_callers(404, 410),
)
async def events(job: JobOf, service: ServiceOf) -> AsyncIterator[ServerSentEvent]:
    """The job as a stream of events: `status` with all of it, `progress` with the losses (at most
    two a second), `preview` with an address, and `done` with all of it, then the end; or `gone`
    where it is erased. Whoever comes again, with or without `Last-Event-ID`, is first told what
    the job is now."""
    story = Story()
    yield ServerSentEvent(retry=RECONNECT_MILLISECONDS)
    async with service.watching.watch(job) as watch:
        while True:
            try:
                job = await watch.next(story.withheld_seconds(job))
            except Gone:
                yield ServerSentEvent(event="gone", raw_data=json.dumps({"id": job.id}))
                return
            except ServiceCloses:
                return
            words = watch.told
            if not words:
                words |= _words(job, await rates_of(job, service))
            for event in story.news(job, words):
                yield event
            if job.is_over:
                return


def _words(job: Job, rates: list[float]) -> dict[str, str]:
    """The data of each kind of event: a thousand readers of a job are told the same."""
    view = view_of(job, rates).model_dump(mode="json")
    return {
        "status": json.dumps(view),
        "progress": json.dumps(progress_of(view)),
        "preview": json.dumps({"url": preview_link(job)}),
    }


def _event(name: str, job: Job, data: str) -> ServerSentEvent:
    return ServerSentEvent(event=name, id=str(job.version), raw_data=data)
