"""The content of a webhook, and its signature (Standard Webhooks)."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from pastiche.job_settings import WebhookEvent
from shared.progress import Progress
from shared.webhook_keys import sign_with_private_key


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try to deliver an event of a job.

    Attributes:
        owner: the owner whose keys sign it.
        status: of the job now.
        number: of the try, from 1.
        request_id: of the request that submitted the job.
        traceparent: the parent of the try's span, if the job is traced.
        progress: of the job now, if the event is `progress`.
    """

    job_id: str
    event: WebhookEvent
    url: str
    owner: str
    status: str
    number: int
    request_id: str | None = None
    traceparent: str | None = None
    progress: Progress | None = None

    @property
    def message_id(self) -> str:
        """An id that is the same in every try of one event, and different for each event."""
        if self.event == "finished":
            return f"msg_{self.job_id}"
        iteration = "" if self.progress is None else f"_{self.progress.iteration}"
        return f"msg_{self.job_id}_{self.event}{iteration}"


def make_body(delivery: Delivery, now: datetime) -> str:
    """The body of the request: small, and the same in every try except for its time."""
    path = f"/jobs/{delivery.job_id}"
    is_over = delivery.event == "finished"
    data: dict[str, Any] = {
        "id": delivery.job_id,
        "status": delivery.status if is_over else "running",
        "links": {"self": path, "result": f"{path}/result"},
    }
    if delivery.progress is not None:
        done, total = delivery.progress.iteration, delivery.progress.iterations
        data |= {"progress": done / total, "iteration": done, "iterations": total}
    return json.dumps(
        {
            "type": f"job.{delivery.status if is_over else delivery.event}",
            "timestamp": now.astimezone(UTC).isoformat(),
            "data": data,
        }
    )


def sign_headers(
    delivery: Delivery, secret: str, private_key: str, body: str, now: datetime
) -> dict[str, str]:
    """The headers of the request. A receiver verifies the request by them, with the secret or the
    public key.

    Raises:
        ValueError, EmptyWebhookSecretError: a key is damaged.
    """
    message_id, timestamp = delivery.message_id, str(int(now.timestamp()))
    signatures = (
        Webhook(secret).sign(message_id, now, body),
        sign_with_private_key(private_key, f"{message_id}.{timestamp}.{body}".encode()),
    )
    return {
        "content-type": "application/json",
        "user-agent": "Pastiche",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }
