"""Webhooks, verified by who receives them, as Standard Webhooks has it."""

import base64
import binascii
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pastiche.client.errors import ClientError
from pastiche.client.reading import Unreadable, read

TOLERANCE_SECONDS = 300.0


class NotGenuine(ClientError):
    """It does not come from whom the secret is shared with, or it comes too late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The job that a webhook is about."""

    id: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a webhook says: `type` is `job.` and how the job ended."""

    type: str
    timestamp: datetime
    data: About


def verify(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
) -> Notice:
    """What a webhook says, once it is sure who says it.

    Args:
        secret: as `python -m api.keys webhook-secret` tells it, `whsec_…`.
        headers: of the request, in any case.
        body: of the request, as it came.

    Raises:
        NotGenuine: the headers are missing, the signature is another's, or the time is not now: the
            same may have been sent by somebody who only recorded it.
    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        message, sent, signatures = (
            given[f"webhook-{name}"] for name in ("id", "timestamp", "signature")
        )
        moment = int(sent)
    except (KeyError, ValueError):
        raise NotGenuine("The headers of a webhook are missing or cannot be read.") from None
    signed = b".".join((message.encode(), sent.encode(), body))
    expected = b"v1," + base64.b64encode(hmac.digest(_key(secret), signed, "sha256"))
    # Several stand there while a secret is replaced by another.
    if not any(hmac.compare_digest(expected, each.encode()) for each in signatures.split(" ")):
        raise NotGenuine("The signature is not one that this secret gives.")
    if abs(time.time() - moment) > tolerance_seconds:
        raise NotGenuine("The webhook was signed too long ago, or is not due yet.")
    try:
        return read(Notice, json.loads(body))
    except (ValueError, Unreadable, RecursionError) as error:
        raise NotGenuine("The webhook is signed, but it is not about a job.") from error


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise NotGenuine("The secret is none: it begins with whsec_ and goes on in base64.")
    return key
