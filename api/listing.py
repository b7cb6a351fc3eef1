"""Pages of an owner's jobs, the newest first."""

import logging
from collections.abc import Iterator

from api.schemas import JobView, view_of
from api.service import Service
from shared import overview
from shared.errors import DamagedRecord
from shared.jobs import Job, Status
from shared.workers import list_workers

log = logging.getLogger(__name__)

CURSOR = r"^[0-9]{16}:[0-9a-f]{32}$"
"""A place in a list."""

MOST_LISTED = 100
"""How many jobs are on one page, at most."""

_MOST_LOOKED_AT = 1000
"""How many jobs are looked at for one page: where few have the state that is asked for, a page has
fewer than it could, and a cursor all the same."""


async def page(
    owner: str, status: Status | None, limit: int, cursor: str | None, service: Service
) -> tuple[list[JobView], str | None]:
    """So many jobs after a place in the list, in one state or in any, and the place where it goes
    on; None where it ends. A job whose record is damaged is left out."""
    listed = await service.jobs.run(
        overview.list_jobs(
            owner, before=cursor or "", limit=limit, status=status, most=_MOST_LOOKED_AT
        )
    )
    for sentence in listed.damaged:
        log.error("%s", sentence)
    waits = any(job.status == "queued" for job in listed.jobs)
    rates = await worker_rates(service) if waits else []
    return list(_views(listed.jobs, rates)), listed.rest


def _views(jobs: list[Job], rates: list[float]) -> Iterator[JobView]:
    for job in jobs:
        try:
            yield view_of(job, rates)
        except DamagedRecord as error:
            log.error("%s", error)


async def worker_rates(service: Service) -> list[float]:
    """How much each worker that lives paints a second; not those that have not painted yet."""
    return [worker.rate for worker in await service.jobs.run(list_workers()) if worker.rate]
