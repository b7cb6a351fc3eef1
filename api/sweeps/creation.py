"""Creates a sweep with all its jobs, or nothing."""

from datetime import UTC, datetime

from anyio import CancelScope
from fastapi import Request

from api.access.authentication import Access
from api.service import Service
from api.submissions.capacity import compute_demand
from api.submissions.idempotency import Reservation
from api.submissions.queueing import compute_work, enqueue, list_warnings, make_place
from api.submissions.uploads import Submission
from api.sweeps import store
from api.sweeps.store import Member, Sweep
from pastiche.job_settings import MAX_DEADLINE_SECONDS
from shared import transitions
from shared.errors import SubmissionPending
from shared.jobs import new_job_id
from shared.transitions import Retention


async def create_sweep(
    request: Request,
    submission: Submission,
    access: Access,
    service: Service,
    reservation: Reservation | None,
) -> Sweep:
    """Creates a job for each variant and the sweep that they are in. If anything fails, nothing
    stays behind.

    Raises:
        SubmissionPending: it took so long that its key is another request's by now.
    """
    work = compute_work(submission)
    all_work = work * len(submission.variants)
    place = make_place(access, work, compute_demand(submission), submission.settings)
    async with service.quotas.count_work(request, access.caller, all_work):
        members: list[Member] = []
        sweep: Sweep | None = None
        try:
            for variant in submission.variants:
                job_id = await enqueue(
                    variant.options.to_dict(),
                    submission.pictures,
                    place,
                    service,
                    service.blobs.put_file,
                    warnings=list_warnings(variant.options, submission.pictures),
                )
                members.append(Member(job_id, variant.values))
            columns = _count_columns(members)
            sweep = Sweep(new_job_id(), access.owner, datetime.now(UTC), columns, tuple(members))
            await _store(sweep, reservation, service)
        except BaseException:
            with CancelScope(shield=True):
                await delete_jobs([member.job_id for member in members], service)
                if sweep is not None:  # that storing it failed here does not mean that it is not
                    await service.jobs.run(store.delete(sweep))
            raise
    return sweep


async def _store(sweep: Sweep, reservation: Reservation | None, service: Service) -> None:
    """Stores the sweep for longer than its jobs wait and are retained."""
    retention_seconds = round(2 * 3600 * service.settings.retention_hours) + MAX_DEADLINE_SECONDS
    is_stored = await service.jobs.run(
        store.put(
            sweep,
            retention_seconds=retention_seconds,
            sweeps_per_owner=service.settings.kept_jobs_per_owner,
            sweeps_in_all=service.settings.kept_jobs,
            idempotency_key=None if reservation is None else reservation.idempotency_key,
        )
    )
    if not is_stored:
        sentence = "The same submission is being processed."
        raise SubmissionPending(sentence, retry_after_seconds=1)


async def delete_jobs(job_ids: list[str], service: Service) -> None:
    """Deletes jobs. The records go first: whatever happens to the pictures, nothing more is
    painted."""
    retention = Retention.from_settings(service.settings)
    for job_id in job_ids:
        await service.jobs.run(transitions.delete(job_id, retention=retention))
    for job_id in job_ids:
        await service.blobs.delete_job(job_id)


def _count_columns(members: list[Member]) -> int:
    """The number of values of the last axis that has several: the length of a row."""
    if not members[0].values:
        return 1
    *_, last = members[0].values
    return len({member.values[last] for member in members})
