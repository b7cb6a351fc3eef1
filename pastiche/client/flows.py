"""What a client does, each written once: requests out, answers in, no sockets."""

from collections.abc import Mapping
from http import HTTPStatus

from pastiche.client import requests
from pastiche.client.asking import asked, asked_for, record_in, refusal, strange
from pastiche.client.errors import NotPainted, Refused, StrangeAnswer
from pastiche.client.events import Changed
from pastiche.client.patience import Patience
from pastiche.client.records import (
    Estimate,
    Format,
    Job,
    LossCurves,
    Page,
    Readiness,
    Sweep,
)
from pastiche.client.steps import Answer, Flow, Pause, Request, Send, Tell, aside
from pastiche.client.watching import watched
from pastiche.client.wishes import Submission

LOOK_AGAIN_SECONDS = 1.0
"""How often a sweep is looked at: it has no events."""


def submit(wanted: Submission, patience: Patience) -> Flow[Job]:
    """The job, as it was taken."""
    files = yield from aside(wanted.files)
    request = requests.submission("/jobs", files, wanted.form(), wanted.key)
    return (yield from asked_for(Job, request, patience))


def estimate(wanted: Submission, patience: Patience) -> Flow[Estimate]:
    """What a submission would come to."""
    files = yield from aside(wanted.files)
    return (yield from asked_for(Estimate, requests.dry_run(files, wanted.form()), patience))


def sweep(wanted: Submission, patience: Patience) -> Flow[Sweep]:
    """The sweep, as it was taken."""
    files = yield from aside(wanted.files)
    request = requests.submission("/sweeps", files, wanted.form(), wanted.key)
    return (yield from asked_for(Sweep, request, patience))


def paint(wanted: Submission, format: Format, patience: Patience) -> Flow[bytes]:
    """Submits, tells every event until the job is over, and fetches the picture.

    Raises:
        NotPainted: it is over without one.
    """
    job = yield from submit(wanted, patience)
    yield Tell(Changed(job))
    yield from awaited(job.id, patience)
    return (yield from result(job.id, format, patience.with_a_job_there()))


def awaited(job_id: str, patience: Patience) -> Flow[Job]:
    """The job once it has succeeded; tells every event until then.

    Raises:
        NotPainted: it is over without a picture.
    """
    job = yield from watched(job_id, patience)
    if job is None:
        raise Refused("job_not_found", HTTPStatus.NOT_FOUND, f"Job {job_id} was erased.")
    if job.status != "succeeded":
        raise NotPainted(job)
    return job


def look(job_id: str, patience: Patience) -> Flow[Job]:
    """The job as it stands."""
    return (yield from asked_for(Job, requests.looking("jobs", job_id), patience))


def listed(status: str | None, limit: int, patience: Patience) -> Flow[None]:
    """Tells all of the caller's jobs, the newest first, page by page."""
    cursor: str | None = None
    while True:
        page = yield from asked_for(Page, requests.listing(status, limit, cursor), patience)
        for job in page.jobs:
            yield Tell(job)
        if page.next_cursor is None or page.next_cursor == cursor:
            return
        cursor = page.next_cursor


def result(job_id: str, format: Format, patience: Patience) -> Flow[bytes]:
    """The finished picture."""
    return (yield from _picture(requests.picture("jobs", job_id, "result", format), patience))


def preview(job_id: str, patience: Patience) -> Flow[bytes | None]:
    """The picture so far; None before the first."""
    answer = yield from asked(requests.looking("jobs", job_id, "preview"), patience)
    return None if answer.status == HTTPStatus.NO_CONTENT else _picture_in(answer)


def losses(job_id: str, patience: Patience) -> Flow[LossCurves]:
    """Each loss term at each iteration so far."""
    return (yield from asked_for(LossCurves, requests.looking("jobs", job_id, "losses"), patience))


def reweigh(job_id: str, weights: Mapping[str, float | None], patience: Patience) -> Flow[Job]:
    """The job, which goes on with other weights."""
    given = {name: weight for name, weight in weights.items() if weight is not None}
    return (yield from asked_for(Job, requests.reweighing(job_id, given), patience))


def cancel(job_id: str, patience: Patience) -> Flow[Job]:
    """The job, which is over or soon will be."""
    return (yield from asked_for(Job, requests.canceling("jobs", job_id), patience))


def finish(job_id: str, patience: Patience) -> Flow[Job]:
    """The job, whose picture as it is is its result now or soon."""
    return (yield from asked_for(Job, requests.finishing(job_id), patience))


def retry(job_id: str, patience: Patience) -> Flow[Job]:
    """The new job that does the old one again."""
    return (yield from asked_for(Job, requests.retrying(job_id), patience))


def erase(resource: str, name: str, patience: Patience) -> Flow[None]:
    """Cancels and erases a job or a sweep."""
    yield from asked(requests.erasing(resource, name), patience)


def look_at_sweep(sweep_id: str, patience: Patience) -> Flow[Sweep]:
    """The sweep with all its jobs as they stand."""
    return (yield from asked_for(Sweep, requests.looking("sweeps", sweep_id), patience))


def watch_sweep(sweep_id: str, patience: Patience) -> Flow[Sweep]:
    """Tells how a sweep stands, again and again until it is over."""
    while True:
        sweep = yield from look_at_sweep(sweep_id, patience.with_a_job_there())
        yield Tell(sweep)
        if sweep.is_over:
            return sweep
        yield Pause(LOOK_AGAIN_SECONDS)


def cancel_sweep(sweep_id: str, patience: Patience) -> Flow[Sweep]:
    """The sweep, whose jobs are over or soon will be."""
    return (yield from asked_for(Sweep, requests.canceling("sweeps", sweep_id), patience))


def sheet(sweep_id: str, format: Format, cell: int, patience: Patience) -> Flow[bytes]:
    """The contact sheet of the pictures that are there by now."""
    request = requests.picture("sweeps", sweep_id, "sheet", format, cell=str(cell))
    return (yield from _picture(request, patience))


def readiness() -> Flow[Readiness]:
    """What the service says of its parts; asked once, as its being away is the answer."""
    answer: Answer = yield Send(requests.READINESS)
    if not answer.is_success and answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
        raise refusal(answer)
    try:
        return record_in(Readiness, answer)
    except StrangeAnswer as error:
        raise error if answer.is_success else refusal(answer) from None


def _picture(request: Request, patience: Patience) -> Flow[bytes]:
    return _picture_in((yield from asked(request, patience)))


def _picture_in(answer: Answer) -> bytes:
    """The bytes of a picture; StrangeAnswer where the answer is none."""
    if not answer.headers.get("content-type", "").startswith("image/"):
        raise StrangeAnswer(f"{strange(answer)}.")
    return answer.content
