"""Verifies webhooks of a service (Standard Webhooks), for programs that receive them."""

import base64
import hmac
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from pastiche.client.errors import ClientError
from pastiche.client.models import parse

TOLERANCE_SECONDS = 300.0


class InvalidWebhook(ClientError):
    """The webhook was not signed with this key, or not recently, or the key cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookJob:
    """The job that a webhook reports.

    Attributes:
        progress: the share of the iterations that are done, in `job.progress` only.
    """

    id: str
    status: str
    progress: float | None = None
    iteration: int | None = None
    iterations: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookPayload:
    """The body of a webhook. `type` is `job.started`, `job.progress`, or `job.` and the job's final
    status."""

    type: str
    timestamp: datetime
    data: WebhookJob


def verify(
    key: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
) -> WebhookPayload:
    """Verifies a webhook's signature and time, and returns its payload.

    Args:
        key: the secret, `whsec_…`, as printed by `python -m api.keys webhook-secret`. Or the public
            key, `whpk_…`, as returned by `GET /webhooks/public-key`, which needs the package
            `cryptography`.
        headers: the headers of the request, with names in any case.
        body: the body of the request, exactly as received.
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
    is_signed = _is_signed_publicly if key.startswith("whpk_") else _is_signed_secretly
    # While a key is being replaced, there are several signatures of each kind.
    if not is_signed(key, signed, [each.encode() for each in signatures.split(" ")]):
        raise InvalidWebhook("The signature does not match the key.")
    if abs(time.time() - signed_at) > tolerance_seconds:
        raise InvalidWebhook("The webhook was signed too long ago, or in the future.")
    try:
        return parse(WebhookPayload, body)
    except ValueError as error:
        raise InvalidWebhook(f"The webhook is signed, but does not report a job: {error}") from None


def _is_signed_secretly(secret: str, signed: bytes, signatures: Sequence[bytes]) -> bool:
    """Whether a signature is the HMAC by a shared secret (`v1`)."""
    key = _decode(secret, "whsec_")
    expected = b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256"))
    return any(hmac.compare_digest(expected, each) for each in signatures)


def _is_signed_publicly(public_key: str, signed: bytes, signatures: Sequence[bytes]) -> bool:
    """Whether a signature was made with the private key of this public key (`v1a`, ed25519)."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        sentence = "Verifying with a public key needs a package: pip install cryptography."
        raise InvalidWebhook(sentence) from None
    try:
        key = Ed25519PublicKey.from_public_bytes(_decode(public_key, "whpk_"))
    except ValueError:
        raise InvalidWebhook("The public key is invalid: it must have 32 bytes.") from None
    for signature in signatures:
        if signature.startswith(b"v1a,"):
            with suppress(ValueError, InvalidSignature):
                key.verify(base64.b64decode(signature[4:], validate=True), signed)
                return True
    return False


def _decode(key: str, prefix: str) -> bytes:
    try:
        decoded = base64.b64decode(key.removeprefix(prefix), validate=True)
    except ValueError:
        decoded = b""
    if not decoded:
        raise InvalidWebhook(f"The key is invalid: it must be {prefix} followed by base64.")
    return decoded
