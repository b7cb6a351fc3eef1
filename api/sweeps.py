"""`/sweeps`: one pair of images and a grid of weights, a job for each, and a contact sheet."""

import logging
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated

from anyio import CancelScope
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from opentelemetry.trace import SpanKind

from api.access import Access, AccessOf
from api.capacity import check_capacity, demand_of
from api.estimates import DryRun, estimated
from api.etags import unchanged
from api.jobs import earlier_job, etag_of, rates_of
from api.manner import MannerOf, once
from api.priorities import check_priority
from api.problems import responses_to_callers
from api.queries import IN_ASCII_DIGITS, PictureFormat
from api.queueing import announce, enqueued, place_of, warnings_of, work_of
from api.results import accepted
from api.schemas import Estimate, MemberView, SweepView, view_of
from api.service import Service, ServiceOf
from api.submission_options import form_schema
from api.uploads import Receiver, Submission
from shared import tracing, transitions
from shared.errors import (
    DamagedRecord,
    EncodingFailed,
    NotAcceptable,
    SubmissionPending,
    SweepNotFound,
)
from shared.idempotency import Reservation
from shared.job_options import MOST_DEADLINE_SECONDS
from shared.jobs import OVER, Job, new_job_id
from shared.pictures import MEDIA_TYPES, DamagedPicture, Format
from shared.sheets import Cell
from shared.sweeps import AXES, Member, Sweep, delete, is_sweep_id, store, sweep_key
from shared.transitions import Retention

log = logging.getLogger(__name__)

router = APIRouter(prefix="/sweeps", tags=["sweeps"])

WIDEST_SHEET = 8
"""How many pictures are in a row of a contact sheet, at most."""

_REQUEST_BODY = {
    "required": True,
    "content": {"multipart/form-data": {"schema": form_schema(AXES)}},
}


async def sweep_of(sweep_id: str, access: AccessOf, service: ServiceOf) -> Sweep:
    """The sweep that a path names; 404 for a name that never was one, and for another owner's."""
    kept = None
    if is_sweep_id(sweep_id):
        kept = await service.jobs.client.get(sweep_key(sweep_id))
    sweep = None if kept is None else Sweep.from_json(str(kept))
    if sweep is None or sweep.owner != access.owner:
        raise SweepNotFound(f"There is no sweep {sweep_id!r}.")
    return sweep


SweepOf = Annotated[Sweep, Depends(sweep_of)]
"""The sweep that a path names, as an endpoint asks for it."""


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    response_model=SweepView,
    responses=responses_to_callers(400, 409, 410, 413, 415, 422, 507)
    | {200: {"model": Estimate, "description": "It was a dry run"}},
    openapi_extra={"requestBody": _REQUEST_BODY},
)
async def submit(
    request: Request,
    access: AccessOf,
    service: ServiceOf,
    manner: MannerOf,
    dry_run: DryRun = False,
) -> Response:
    """As `POST /jobs`, with several values, separated by commas, for some of the weights and the
    seed: a job for each combination."""
    receiver = Receiver.of(service, AXES)
    with tracing.span("submission", kind=SpanKind.PRODUCER):
        async with receiver.received(
            request, lambda field, job_id: earlier_job(field, job_id, access, service)
        ) as submission:
            await check_priority(submission.wishes.priority, request, service)
            await check_capacity(submission, service)
            if dry_run:
                return await estimated(submission, access, service)
            fingerprint = f"sweep {submission.fingerprint}"
            async with once(manner, fingerprint, access, service, _exists) as held:
                if isinstance(held, str):
                    return await _answer(await sweep_of(held, access, service), service)
                sweep = await _made(request, submission, access, service, held)
        await announce((member.job_id for member in sweep.members), service)
    return await _answer(sweep, service)


@router.get("/{sweep_id}", responses=responses_to_callers(404))
async def look(sweep: SweepOf, service: ServiceOf) -> SweepView:
    """The sweep with all its jobs as they stand."""
    return await _view(sweep, service)


@router.post("/{sweep_id}/cancel", responses=responses_to_callers(404))
async def cancel(sweep: SweepOf, service: ServiceOf) -> SweepView:
    """Cancels those of its jobs that are not over."""
    retention = Retention.from_settings(service.settings)
    for member in sweep.members:
        await service.jobs.run(transitions.cancel(member.job_id, retention=retention))
    return await _view(sweep, service)


@router.delete(
    "/{sweep_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=responses_to_callers(404),
)
async def erase(sweep: SweepOf, service: ServiceOf) -> None:
    """Cancels and erases all its jobs, and the sweep."""
    await _erased([member.job_id for member in sweep.members], service)
    await service.jobs.run(delete(sweep))


@router.get(
    "/{sweep_id}/sheet",
    response_class=Response,
    responses=responses_to_callers(404, 406, 422, 507)
    | {
        200: {"content": {media_type: {} for media_type in MEDIA_TYPES.values()}},
        304: {"description": "The client has it already"},
    },
)
async def sheet(
    request: Request,
    sweep: SweepOf,
    service: ServiceOf,
    format: Annotated[PictureFormat | None, Query(description="Overrides `Accept`.")] = None,
    cell: Annotated[
        int,
        Query(ge=32, le=1024, description="The side of a cell, in pixels."),
        IN_ASCII_DIGITS,
    ] = 256,
) -> Response:
    """A contact sheet of the pictures that are there by now, with the values under each."""
    wanted = format or accepted(request.headers.get("accept", "*/*"))
    if wanted is None:
        raise NotAcceptable(f"The sheet can be had as {', '.join(MEDIA_TYPES.values())}.")
    jobs = [await _job(member, service) for member in sweep.members]
    headers = {
        "ETag": _sheet_etag(jobs, wanted, cell),
        "Vary": "Accept",
        "Cache-Control": "private, no-cache",
    }
    if unchanged(request, headers["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    size = (cell, cell)
    cells = [
        await _cell(member, job, size, service)
        for member, job in zip(sweep.members, jobs, strict=True)
    ]
    if any(map(_is_missing, cells, jobs)):
        del headers["ETag"]  # it may be shown later
    columns = min(sweep.columns, WIDEST_SHEET)
    picture = await service.decoder.contact_sheet(cells, columns, size, wanted)
    return Response(picture, media_type=MEDIA_TYPES[wanted], headers=headers)


async def _exists(sweep_id: str, service: Service) -> bool:
    return bool(await service.jobs.client.exists(sweep_key(sweep_id)))


async def _answer(sweep: Sweep, service: Service) -> Response:
    body = (await _view(sweep, service)).model_dump(mode="json")
    return JSONResponse(body, HTTPStatus.ACCEPTED, {"Location": f"/sweeps/{sweep.id}"})


async def _made(
    request: Request,
    submission: Submission,
    access: Access,
    service: Service,
    held: Reservation | None,
) -> Sweep:
    """A job for each variant and the sweep that they are in, or none of them."""
    work = work_of(submission)
    all_work = work * len(submission.variants)
    place = place_of(access, work, demand_of(submission), submission.wishes)
    async with service.quotas.counted_work(request, access.caller, all_work):
        members: list[Member] = []
        sweep: Sweep | None = None
        try:
            for variant in submission.variants:
                job_id = await enqueued(
                    variant.options,
                    submission.pictures,
                    place,
                    service,
                    service.blobs.put_file,
                    warnings=warnings_of(variant.options, submission.pictures),
                )
                members.append(Member(job_id, variant.values))
            columns = _columns(members)
            sweep = Sweep(new_job_id(), access.owner, datetime.now(UTC), columns, tuple(members))
            await _keep(sweep, held, service)
        except BaseException:
            with CancelScope(shield=True):
                await _erased([member.job_id for member in members], service)
                if sweep is not None:  # that keeping it failed here does not say that it is not
                    await service.jobs.run(delete(sweep))
            raise
    return sweep


async def _keep(sweep: Sweep, held: Reservation | None, service: Service) -> None:
    """Keeps the sweep for longer than its jobs wait and are kept.

    Raises:
        SubmissionPending: it took so long that its key is another request's by now.
    """
    seconds = round(2 * 3600 * service.settings.retention_hours) + MOST_DEADLINE_SECONDS
    is_kept = await service.jobs.run(
        store(
            sweep,
            ttl_seconds=seconds,
            sweeps_per_owner=service.settings.kept_jobs_per_owner,
            sweeps_in_all=service.settings.kept_jobs,
            idempotency_key=None if held is None else held.idempotency_key,
        )
    )
    if not is_kept:
        raise SubmissionPending("The same submission is just being taken.", retry_after_seconds=1)


async def _erased(job_ids: list[str], service: Service) -> None:
    """The records first: whatever becomes of the pictures, nothing is painted any more."""
    retention = Retention.from_settings(service.settings)
    for job_id in job_ids:
        await service.jobs.run(transitions.delete(job_id, retention=retention))
    for job_id in job_ids:
        await service.blobs.delete_job(job_id)


async def _view(sweep: Sweep, service: Service) -> SweepView:
    members = []
    for member in sweep.members:
        job = await _job(member, service)
        view = None if job is None else view_of(job, await rates_of(job, service))
        members.append(MemberView(id=member.job_id, values=member.values, job=view))
    path = f"/sweeps/{sweep.id}"
    return SweepView(
        id=sweep.id,
        created_at=sweep.created_at,
        is_over=all(member.job is None or member.job.status in OVER for member in members),
        jobs=members,
        links={"self": path, "sheet": f"{path}/sheet", "cancel": f"{path}/cancel"},
    )


async def _job(member: Member, service: Service) -> Job | None:
    """The job; None where it was erased, or its record is damaged."""
    try:
        return await service.jobs.run(transitions.read(member.job_id))
    except DamagedRecord as error:
        log.error("%s", error)
        return None


async def _cell(member: Member, job: Job | None, size: tuple[int, int], service: Service) -> Cell:
    """The picture, and the values that it was painted with; where there is none, how its job
    stands."""
    words = (f"{name.replace('_', ' ')} {value:g}" for name, value in member.values.items())
    values = " · ".join(words)
    if job is not None and job.result_key is not None:
        read = partial(service.blobs.get_async, job.result_key)
        try:
            return Cell(await service.decoder.thumbnail(read, size), values)
        except (FileNotFoundError, DamagedPicture, EncodingFailed):
            state = "lost"
    else:
        state = "erased" if job is None else job.status
    return Cell(None, f"{values} ({state})" if values else state)


def _is_missing(cell: Cell, job: Job | None) -> bool:
    """Whether a picture was painted and is not shown."""
    return cell.picture is None and job is not None and job.result_key is not None


def _columns(members: list[Member]) -> int:
    """How many values the last axis has that has several: the length of a row."""
    if not members[0].values:
        return 1
    *_, last = members[0].values
    return len({member.values[last] for member in members})


def _sheet_etag(jobs: list[Job | None], wanted: Format, cell: int) -> str:
    marks = [wanted, str(cell), *("" if job is None else etag_of(job) for job in jobs)]
    return f'"{sha256(" ".join(marks).encode()).hexdigest()[:32]}"'
