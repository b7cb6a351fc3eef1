"""What endpoints work with: created once at start-up, and passed to each of them."""

from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from prometheus_client import Histogram

from api.access.quotas import Quotas
from api.decoding.decoder import Decoder
from api.events.subscriptions import Subscriptions
from api.jobs.caches import EncodedResults, JobCache
from api.ops.readiness import ReadinessCheck
from shared.blob_store import BlobStore
from shared.job_store import AsyncJobStore
from shared.queue import create_queue
from shared.settings import Settings
from shared.transitions import Retention


class Service:
    """The parts of a running API. Nothing of a job is only here: its record has it.

    Args:
        scratch: a folder for temporary files.
        request_times: by method, route and status.
    """

    def __init__(self, settings: Settings, scratch: Path, request_times: Histogram) -> None:
        self.settings, self.scratch, self.request_times = settings, scratch, request_times
        self.retention = Retention.from_settings(settings)
        self.jobs = AsyncJobStore.connect(settings.redis_location)
        self.job_cache = JobCache(self.jobs)
        self.blobs = BlobStore.open(settings.blob_store_location)
        self.queue = create_queue(settings)
        self.decoder = Decoder(settings)
        self.encoded_results = EncodedResults(self.blobs, self.decoder, scratch)
        self.subscriptions = Subscriptions(self.jobs)
        self.quotas = Quotas(settings, self.jobs)
        self.readiness = ReadinessCheck(self.jobs, self.blobs)


def get_service(app: FastAPI) -> Service:
    """The parts of a running application."""
    service = app.state.service
    assert isinstance(service, Service)
    return service


async def _get_request_service(request: Request) -> Service:
    return get_service(request.app)


CurrentService = Annotated[Service, Depends(_get_request_service)]
"""The parts, for an endpoint."""
