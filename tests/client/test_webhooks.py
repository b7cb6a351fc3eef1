"""Webhooks are valid if the service has signed them recently, and only then."""

from datetime import UTC, datetime, timedelta

import pytest

from pastiche.client.webhooks import InvalidWebhook, verify
from worker.webhooks import Delivery, make_body, sign_headers

SECRET = "whsec_" + "c2VjcmV0IGVub3VnaCBmb3IgYSB0ZXN0"
DELIVERY = Delivery("0" * 32, "https://example.com/", "ada", "succeeded", 1, None, None)


def sent(age: timedelta = timedelta(0)) -> tuple[dict[str, str], bytes]:
    """The headers and the body that the service sends."""
    now = datetime.now(UTC) - age
    body = make_body(DELIVERY, now)
    return sign_headers(DELIVERY, SECRET, body, now), body.encode()


def test_a_webhook_of_the_service_is_valid() -> None:
    headers, body = sent()
    payload = verify(SECRET, {name.title(): value for name, value in headers.items()}, body)
    assert (payload.type, payload.data.id) == ("job.succeeded", DELIVERY.job_id)


def test_one_of_several_signatures_is_enough() -> None:
    headers, body = sent()
    headers["webhook-signature"] = f"v1,bm8= v2,ü {headers['webhook-signature']}"
    assert verify(SECRET, headers, body).data.status == "succeeded"


def test_another_body_secret_or_id_is_invalid() -> None:
    headers, body = sent()
    for secret, changed_headers, changed_body in (
        (SECRET, headers, body + b" "),
        ("whsec_b3RoZXI=", headers, body),
        (SECRET, headers | {"webhook-id": "msg_1"}, body),
        (SECRET, headers | {"webhook-signature": "v1,"}, body),
    ):
        with pytest.raises(InvalidWebhook, match="signature"):
            verify(secret, changed_headers, changed_body)


@pytest.mark.parametrize("age", [timedelta(minutes=6), timedelta(minutes=-6)])
def test_an_old_webhook_is_invalid(age: timedelta) -> None:
    headers, body = sent(age)
    with pytest.raises(InvalidWebhook, match="too long ago"):
        verify(SECRET, headers, body)


def test_missing_headers_and_an_invalid_secret_are_reported() -> None:
    headers, body = sent()
    with pytest.raises(InvalidWebhook, match="headers"):
        verify(SECRET, {}, body)
    with pytest.raises(InvalidWebhook, match="secret"):
        verify("whsec_%", headers, body)
