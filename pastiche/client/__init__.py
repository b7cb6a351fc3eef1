"""A client of the Pastiche service, synchronous and asynchronous.

from pastiche.client import Client

with Client("http://127.0.0.1:8000") as pastiche:
    pastiche.paint("content.jpg", "style.jpg", style_weight=0.7).save("picture.png")
"""

import logging

from pastiche.client.async_client import AsyncClient
from pastiche.client.async_job_handle import AsyncJobHandle
from pastiche.client.client import Client
from pastiche.client.errors import (
    ApiError,
    ClientError,
    FieldError,
    InvalidAddress,
    InvalidPicture,
    InvalidRequest,
    InvalidResponse,
    JobUnsuccessful,
    ServiceUnreachable,
)
from pastiche.client.events import (
    ConnectionLost,
    ConnectionRestored,
    Event,
    JobDeleted,
    JobFinished,
    JobUpdated,
    PreviewReady,
    ProgressUpdated,
)
from pastiche.client.job_handle import JobHandle
from pastiche.client.job_options import BatchOptions, JobOptions, SweepOptions, WeightOptions
from pastiche.client.models import (
    Estimate,
    Job,
    JobWarning,
    LossCurves,
    Progress,
    Readiness,
    Style,
    Sweep,
    UploadedPicture,
    UsedWeights,
    WorkerSummary,
)
from pastiche.client.painted_picture import PaintedPicture
from pastiche.client.retry_policy import RetryPolicy

__all__ = [
    "ApiError",
    "AsyncClient",
    "AsyncJobHandle",
    "BatchOptions",
    "Client",
    "ClientError",
    "ConnectionLost",
    "ConnectionRestored",
    "Estimate",
    "Event",
    "FieldError",
    "InvalidAddress",
    "InvalidPicture",
    "InvalidRequest",
    "InvalidResponse",
    "Job",
    "JobDeleted",
    "JobFinished",
    "JobHandle",
    "JobOptions",
    "JobUnsuccessful",
    "JobUpdated",
    "JobWarning",
    "LossCurves",
    "PaintedPicture",
    "PreviewReady",
    "Progress",
    "ProgressUpdated",
    "Readiness",
    "RetryPolicy",
    "ServiceUnreachable",
    "Style",
    "Sweep",
    "SweepOptions",
    "UploadedPicture",
    "UsedWeights",
    "WeightOptions",
    "WorkerSummary",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())
