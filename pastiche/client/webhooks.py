"""Verifies the webhooks that a service sends (Standard Webhooks), for those who receive them."""

import base64
import binascii
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pastiche.client.errors import ClientError
from pastiche.client.models import parse

TOLERANCE_SECONDS = 300.0


class InvalidWebhook(ClientError):
    """The webhook was not signed with this secret, or not recently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookJob:
    """The job that a webhook reports."""

    id: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookPayload:
    """The body of a webhook. `type` is `job.` and the job's final status."""

    type: str
    timestamp: datetime
    data: WebhookJob


def verify(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
) -> WebhookPayload:
    """Verifies a webhook's signature and time, and returns its payload.

    Args:
        secret: as printed by `python -m api.keys webhook-secret`: `whsec_…`.
        headers: of the request; names in any case.
        body: of the request, exactly as received.
        tolerance_seconds: how old the signature may be, so that a recorded request cannot be sent
            again later.

    Raises:
        InvalidWebhook: headers are missing, the signature is wrong, or the time is out of range.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        message, timestamp, signatures = (
            lower[f"webhook-{name}"] for name in ("id", "timestamp", "signature")
        )
        signed_at = int(timestamp)
    except (KeyError, ValueError):
        raise InvalidWebhook("The webhook's headers are missing or invalid.") from None
    signed = b".".join((message.encode(), timestamp.encode(), body))
    expected = b"v1," + base64.b64encode(hmac.digest(_key(secret), signed, "sha256"))
    # There are several while one secret is being replaced by another.
    if not any(hmac.compare_digest(expected, each.encode()) for each in signatures.split(" ")):
        raise InvalidWebhook("The signature does not match the secret.")
    if abs(time.time() - signed_at) > tolerance_seconds:
        raise InvalidWebhook("The webhook was signed too long ago, or in the future.")
    try:
        return parse(WebhookPayload, body)
    except ValueError as error:
        raise InvalidWebhook(f"The webhook is signed, but does not report a job: {error}") from None


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise InvalidWebhook("The secret is invalid: it must be whsec_ followed by base64.")
    return key
