"""What the endpoints work with, built once at start-up and handed to each of them."""

from dataclasses import dataclass
from typing import Annotated

from celery import Celery
from fastapi import Depends, Request

from api.decoder import Decoder
from shared.blob_store import BlobStore
from shared.job_store import AsyncJobStore
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of a running API. Nothing in here remembers anything of a job."""

    settings: Settings
    jobs: AsyncJobStore
    blobs: BlobStore
    queue: Celery
    decoder: Decoder


def _service(request: Request) -> Service:
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


ServiceOf = Annotated[Service, Depends(_service)]
"""The parts, as an endpoint asks for them."""
