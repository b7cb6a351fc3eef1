"""What the endpoints work with, built once at start-up and handed to each of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from celery import Celery
from fastapi import Depends, FastAPI, Request

from api.access.quotas import Quotas
from api.decoding.decoder import Decoder
from api.events.subscriptions import Watching
from api.jobs.caches import Glances
from api.jobs.encoded_results import EncodedResults
from api.ops.readiness import ReadinessCheck
from api.ops.request_times import RequestTimes
from shared.blob_store import BlobStore
from shared.job_store import AsyncJobStore
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of a running API. What is in here of a job can be had anew from its record."""

    settings: Settings
    jobs: AsyncJobStore
    glances: Glances
    blobs: BlobStore
    queue: Celery
    decoder: Decoder
    encoded_results: EncodedResults
    scratch: Path
    watching: Watching
    quotas: Quotas
    readiness: ReadinessCheck
    request_times: RequestTimes


def service_of(app: FastAPI) -> Service:
    """The parts of an application that runs."""
    service = app.state.service
    assert isinstance(service, Service)
    return service


async def _service(request: Request) -> Service:
    return service_of(request.app)


ServiceOf = Annotated[Service, Depends(_service)]
"""The parts, as an endpoint asks for them."""
