"""`/sweeps` and `/batches`: a job for each combination of weights or of images, and a contact
sheet of all of them."""

import logging
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from opentelemetry.trace import SpanKind
from pydantic import BaseModel, Field

from api.access.authentication import Access, CurrentAccess
from api.http.negotiation import (
    ASCII_INTEGER,
    PICTURE_RESPONSES,
    PictureFormat,
    is_unchanged,
    require_format,
)
from api.http.problems import caller_problems
from api.jobs import schemas
from api.jobs.dependencies import get_worker_speeds, make_etag
from api.service import CurrentService, Service
from api.submissions.form import Kind
from api.submissions.idempotency import (
    ParsedHeaders,
    SubmissionHeaders,
    find_earlier_submission,
    reserve_key,
)
from api.submissions.queueing import DryRun, announce, respond_with_estimate
from api.submissions.schema import request_body
from api.submissions.uploads import read_submissions, receive_form
from api.sweeps import store
from api.sweeps.contact_sheet import Cell, arrange, contact_sheet, shorten, thumbnail
from api.sweeps.store import Member, create_sweep, delete_jobs, is_sweep_id, make_sweep_key
from api.sweeps.store import Sweep as SweepRecord
from pastiche.painting_speed import PaintingSpeed
from shared import tracing, transitions
from shared.errors import EncodingFailed, RecordDamaged, SweepNotFound
from shared.jobs import OVER, Job
from shared.pictures import MEDIA_TYPES, DamagedPicture, Format, encode

log = logging.getLogger(__name__)

router = APIRouter(tags=["sweeps"])

_LABEL_NAME_CHARACTERS = 24
"""How much of a file's name is on a contact sheet, at most."""

_SUBMISSION_RESPONSES = caller_problems(400, 409, 410, 413, 415, 422, 507) | {
    200: {"model": schemas.Estimate, "description": "It was a dry run"}
}


class SweepJob(BaseModel):
    """One job of a sweep."""

    id: str
    content: str | None = Field(
        description="In a batch, the file name of its content image, preceded by a number if "
        "several have the same name."
    )
    style: str | None = Field(description="The same for its style image.")
    values: dict[str, float] = Field(
        description="The options that differ from those of the other jobs."
    )
    job: schemas.Job | None = Field(
        description="Null once it was deleted, or if its record cannot be read."
    )


class Sweep(BaseModel):
    """A sweep and the current state of its jobs."""

    id: str
    created_at: datetime
    is_over: bool = Field(description="Whether all its jobs are over.")
    jobs: list[SweepJob]
    links: dict[str, str]


async def find_sweep(sweep_id: str, access: CurrentAccess) -> SweepRecord:
    """The sweep with this id.

    Raises:
        SweepNotFound: the sweep does not exist, or it belongs to another owner.
    """
    record = None
    if is_sweep_id(sweep_id):
        record = await access.service.jobs.client.get(make_sweep_key(sweep_id))
    sweep = None if record is None else SweepRecord.from_json(str(record))
    if sweep is None or sweep.owner != access.owner:
        raise SweepNotFound(f"There is no sweep {sweep_id!r}.")
    return sweep


PathSweep = Annotated[SweepRecord, Depends(find_sweep)]
"""The sweep in an endpoint's path."""


@router.post(
    "/sweeps",
    summary="Submit a sweep",
    status_code=HTTPStatus.ACCEPTED,
    response_model=Sweep,
    responses=_SUBMISSION_RESPONSES,
    openapi_extra={"requestBody": request_body("sweep")},
)
async def submit_sweep(
    access: CurrentAccess, headers: ParsedHeaders, dry_run: DryRun = False
) -> Response:
    """Like `POST /jobs`, with several values, separated by commas, for some of the weights and the
    seed: each combination becomes a job."""
    return await _submit("sweep", access, headers, dry_run=dry_run)


@router.post(
    "/batches",
    summary="Submit a batch",
    status_code=HTTPStatus.ACCEPTED,
    response_model=Sweep,
    responses=_SUBMISSION_RESPONSES,
    openapi_extra={"requestBody": request_body("batch")},
)
async def submit_batch(
    access: CurrentAccess, headers: ParsedHeaders, dry_run: DryRun = False
) -> Response:
    """Like `POST /sweeps`, with several content and several style images: each pair becomes a job,
    for each combination of values. A batch is a sweep, with the same links."""
    return await _submit("batch", access, headers, dry_run=dry_run)


@router.get("/sweeps/{sweep_id}", summary="Get a sweep", responses=caller_problems(404))
async def get_sweep(sweep: PathSweep, service: CurrentService) -> Sweep:
    """The sweep and the current state of all its jobs."""
    return await _describe_sweep(sweep, service)


@router.post("/sweeps/{sweep_id}/cancel", summary="Cancel a sweep", responses=caller_problems(404))
async def cancel_sweep(sweep: PathSweep, service: CurrentService) -> Sweep:
    """Cancels the jobs of the sweep that are not over."""
    for member in sweep.members:
        await service.jobs.run(transitions.cancel(member.job_id, retention=service.retention))
    return await _describe_sweep(sweep, service)


@router.delete(
    "/sweeps/{sweep_id}",
    summary="Delete a sweep",
    status_code=HTTPStatus.NO_CONTENT,
    responses=caller_problems(404),
)
async def delete_sweep(sweep: PathSweep, service: CurrentService) -> None:
    """Cancels and deletes all its jobs, and the sweep."""
    await delete_jobs(sweep.members, service)
    await service.jobs.run(store.delete(sweep))


@router.get(
    "/sweeps/{sweep_id}/sheet",
    summary="Get a contact sheet",
    response_class=Response,
    responses=caller_problems(404, 406, 422, 507) | PICTURE_RESPONSES,
)
async def get_contact_sheet(
    request: Request,
    sweep: PathSweep,
    service: CurrentService,
    format: Annotated[PictureFormat | None, Query(description="Overrides `Accept`.")] = None,
    cell: Annotated[
        int,
        Query(
            ge=32,
            le=1024,
            description="The side of a cell, in pixels; less if the sheet would be larger than "
            "16383 pixels.",
        ),
        ASCII_INTEGER,
    ] = 256,
) -> Response:
    """A contact sheet of the results so far, each with the names of its images or its values. In a
    batch, each content image has a row."""
    chosen = require_format(format, request, "sheet")
    jobs = [await _get_job(member, service) for member in sweep.members]
    headers = {
        "ETag": _make_sheet_etag(jobs, chosen, cell),
        "Vary": "Accept",
        "Cache-Control": "private, no-cache",
    }
    if is_unchanged(request, headers["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    columns, side = arrange(len(jobs), sweep.columns, cell)
    size = (side, side)
    cells = [
        await _make_cell(member, job, size, service)
        for member, job in zip(sweep.members, jobs, strict=True)
    ]
    if any(map(_is_missing, cells, jobs)):
        del headers["ETag"]  # the result may be shown later
    async with service.decoder.turn() as run:
        picture = await run(contact_sheet, cells, columns, size)
        if chosen != "png":
            picture = await run(encode, picture, chosen)
    return Response(picture, media_type=MEDIA_TYPES[chosen], headers=headers)


async def _submit(
    kind: Kind, access: Access, headers: SubmissionHeaders, *, dry_run: bool
) -> Response:
    service = access.service
    with tracing.span("submission", kind=SpanKind.PRODUCER):
        async with receive_form(access, kind) as received:
            if dry_run:
                submissions = await read_submissions(received, access)
                return await respond_with_estimate(submissions, access)
            fingerprint = received.fingerprint
            earlier = await find_earlier_submission(headers, fingerprint, access, _sweep_exists)
            if earlier is not None:
                return await _respond(await find_sweep(earlier, access), service)
            submissions = await read_submissions(received, access)
            async with reserve_key(headers, fingerprint, access, _sweep_exists) as reserved:
                if isinstance(reserved, str):
                    return await _respond(await find_sweep(reserved, access), service)
                sweep = await create_sweep(submissions, access, reserved)
        await announce((member.job_id for member in sweep.members), service)
    return await _respond(sweep, service)


async def _sweep_exists(sweep_id: str, service: Service) -> bool:
    return bool(await service.jobs.client.exists(make_sweep_key(sweep_id)))


async def _respond(sweep: SweepRecord, service: Service) -> Response:
    body = (await _describe_sweep(sweep, service)).model_dump(mode="json")
    return JSONResponse(body, HTTPStatus.ACCEPTED, {"Location": f"/sweeps/{sweep.id}"})


async def _describe_sweep(sweep: SweepRecord, service: Service) -> Sweep:
    jobs = [await _get_job(member, service) for member in sweep.members]
    is_waiting = any(job is not None and job.status == "queued" for job in jobs)
    speeds = await get_worker_speeds(service) if is_waiting else []
    members = [
        SweepJob(
            id=member.job_id,
            content=member.content,
            style=member.style,
            values=member.values,
            job=None if job is None else _describe_job(job, speeds),
        )
        for member, job in zip(sweep.members, jobs, strict=True)
    ]
    path = f"/sweeps/{sweep.id}"
    return Sweep(
        id=sweep.id,
        created_at=sweep.created_at,
        is_over=all(member.job is None or member.job.status in OVER for member in members),
        jobs=members,
        links={"self": path, "sheet": f"{path}/sheet", "cancel": f"{path}/cancel"},
    )


def _describe_job(job: Job, speeds: Sequence[PaintingSpeed]) -> schemas.Job | None:
    """The job for clients; None if its options are damaged."""
    try:
        return schemas.describe_job(job, speeds)
    except RecordDamaged as error:
        log.error("%s", error)
        return None


async def _get_job(member: Member, service: Service) -> Job | None:
    """The job; None if it was deleted, or its record is damaged."""
    try:
        return await service.jobs.run(transitions.read(member.job_id))
    except RecordDamaged as error:
        log.error("%s", error)
        return None


async def _make_cell(
    member: Member, job: Job | None, size: tuple[int, int], service: Service
) -> Cell:
    """A cell with the job's result, or its state if there is none, labelled with what the job was
    painted with."""
    names = (name for name in (member.content, member.style) if name is not None)
    texts = [shorten(name, _LABEL_NAME_CHARACTERS) for name in names]
    texts += [f"{name.replace('_', ' ')} {value:g}" for name, value in member.values.items()]
    label = " · ".join(texts)
    if job is not None and job.result_key is not None:
        try:
            async with service.decoder.turn() as run:
                with TemporaryDirectory(dir=service.scratch) as folder:
                    picture = Path(folder) / "result.png"
                    await service.blobs.get_file(job.result_key, picture)
                    return Cell(await run(thumbnail, picture, size), label)
        except (FileNotFoundError, DamagedPicture, EncodingFailed):
            state = "lost"
    else:
        state = "deleted" if job is None else job.status
    return Cell(None, f"{label} ({state})" if label else state)


def _is_missing(cell: Cell, job: Job | None) -> bool:
    """Whether there is a result that the cell does not show."""
    return cell.picture is None and job is not None and job.result_key is not None


def _make_sheet_etag(jobs: list[Job | None], format: Format, cell: int) -> str:
    parts = [format, str(cell), *("" if job is None else make_etag(job) for job in jobs)]
    return f'"{sha256(" ".join(parts).encode()).hexdigest()[:32]}"'
