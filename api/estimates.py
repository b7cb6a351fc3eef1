"""What a submission would come to, without keeping anything of it."""

from typing import Annotated

from fastapi import Query, Response
from fastapi.responses import JSONResponse

from api.access import Access
from api.capacity import demand_of
from api.queueing import place_of, warnings_of, work_of
from api.schemas import estimate_of
from api.service import Service
from api.uploads import Submission
from shared import overview
from shared.workers import list_workers

DryRun = Annotated[
    bool, Query(description="Only says whether it would be taken, and what it would cost.")
]
"""Whether that is all that is asked, as an endpoint asks for it."""


async def estimated(submission: Submission, access: Access, service: Service) -> Response:
    """What it would cost, and when its last picture might be there."""
    place = place_of(access, work_of(submission), demand_of(submission), submission.wishes)
    outlook = await service.jobs.run(overview.estimate(place))
    rates = [worker.rate for worker in await service.jobs.run(list_workers()) if worker.rate]
    variants = submission.variants
    found = (warnings_of(variant.options, submission.pictures) for variant in variants)
    warnings = list(dict.fromkeys(warning for each in found for warning in each))
    estimate = estimate_of(variants[0].options, len(variants), place.work, outlook, rates, warnings)
    return JSONResponse(estimate.model_dump(mode="json"))
