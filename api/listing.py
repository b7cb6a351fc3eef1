"""Pages of an owner's jobs, the newest first."""

import logging

from api.service import Service
from shared import overview, transitions
from shared.errors import DamagedRecord
from shared.jobs import Job, Status

log = logging.getLogger(__name__)

CURSOR = r"^[0-9]{16}:[0-9a-f]{32}$"
"""A place in a list."""

MOST_LISTED = 100
"""How many jobs are on one page, at most."""

_LOOKED_AT_ONCE = 100
_MOST_LOOKED_AT = 1000
"""How many jobs are looked at for one page: where few have the state that is asked for, a page has
fewer than it could, and a cursor all the same."""


async def page(
    owner: str, status: Status | None, limit: int, cursor: str | None, service: Service
) -> tuple[list[Job], str | None]:
    """So many jobs after a place in the list, in one state or in any, and the place where it goes
    on; None where it ends."""
    found: list[Job] = []
    place, looked = cursor or "", 0
    while looked < _MOST_LOOKED_AT:
        several = limit if status is None else _LOOKED_AT_ONCE
        places = await service.jobs.run(overview.listed(owner, before=place, limit=several))
        for place in places:
            looked += 1
            job = await _job(place, service)
            if job is not None and status in (None, job.status):
                found.append(job)
            if len(found) == limit:
                return found, place
        if len(places) < several:
            return found, None
    return found, place


async def _job(place: str, service: Service) -> Job | None:
    try:
        return await service.jobs.run(transitions.look(place.rpartition(":")[2]))
    except DamagedRecord as error:
        log.error("%s", error)
        return None
