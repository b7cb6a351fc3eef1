"""What endpoints work with: created once at start-up, and passed to each of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from celery import Celery
from fastapi import Depends, FastAPI, Request
from prometheus_client import Histogram

from api.access.quotas import Quotas
from api.decoding.decoder import Decoder
from api.events.subscriptions import Subscriptions
from api.jobs.caches import EncodedResults, JobCache
from api.ops.readiness import ReadinessCheck
from shared.blob_store import BlobStore
from shared.job_store import AsyncJobStore
from shared.settings import Settings
from shared.transitions import Retention


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of a running API. Nothing of a job is only here: its record has it."""

    settings: Settings
    jobs: AsyncJobStore
    job_cache: JobCache
    blobs: BlobStore
    queue: Celery
    decoder: Decoder
    encoded_results: EncodedResults
    scratch: Path
    subscriptions: Subscriptions
    quotas: Quotas
    readiness: ReadinessCheck
    request_times: Histogram

    @property
    def retention(self) -> Retention:
        """How long jobs are retained once they are over."""
        return Retention.from_settings(self.settings)


def get_service(app: FastAPI) -> Service:
    """The parts of a running application."""
    service = app.state.service
    assert isinstance(service, Service)
    return service


async def _get_request_service(request: Request) -> Service:
    return get_service(request.app)


CurrentService = Annotated[Service, Depends(_get_request_service)]
"""The parts, for an endpoint."""
