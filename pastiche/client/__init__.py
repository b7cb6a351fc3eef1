"""A client of the Pastiche service, synchronous and asynchronous; needs httpx and no more.

from pastiche.client import Client

with Client("http://127.0.0.1:8000") as pastiche:
    picture = pastiche.paint("content.jpg", "style.jpg", style_weight=0.7)
"""

import logging

from pastiche.client.async_client import AsyncClient
from pastiche.client.client import Client
from pastiche.client.errors import (
    ClientError,
    FieldFault,
    NotPainted,
    Refused,
    StrangeAnswer,
    Unreachable,
    UnusableAddress,
    UnusablePicture,
)
from pastiche.client.events import (
    Advanced,
    Changed,
    ConnectionBack,
    ConnectionLost,
    Erased,
    Event,
    Finished,
    PreviewReady,
)
from pastiche.client.patience import Patience
from pastiche.client.records import (
    Estimate,
    Job,
    JobWarning,
    LossCurves,
    Progress,
    Readiness,
    Sweep,
)

__all__ = [
    "Advanced",
    "AsyncClient",
    "Changed",
    "Client",
    "ClientError",
    "ConnectionBack",
    "ConnectionLost",
    "Erased",
    "Estimate",
    "Event",
    "FieldFault",
    "Finished",
    "Job",
    "JobWarning",
    "LossCurves",
    "NotPainted",
    "Patience",
    "PreviewReady",
    "Progress",
    "Readiness",
    "Refused",
    "StrangeAnswer",
    "Sweep",
    "Unreachable",
    "UnusableAddress",
    "UnusablePicture",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())
