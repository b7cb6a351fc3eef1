"""Webhooks are valid if the service has signed them recently, and only then."""

import sys
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pastiche.client.webhooks import InvalidWebhook, verify
from shared.progress import Progress
from shared.webhook_keys import make_public_key
from worker.webhook_messages import Delivery, make_body, sign_headers

SECRET = "whsec_" + "c2VjcmV0IGVub3VnaCBmb3IgYSB0ZXN0"
PRIVATE_KEY = "whsk_" + "YSBzZWVkIG9mIDMyIGJ5dGVzLCBmb3IgdGVzdHMgISE="
PUBLIC_KEY = make_public_key(PRIVATE_KEY)
DELIVERY = Delivery("0" * 32, "finished", "https://example.com/", "ada", "succeeded", 1)


def sent(age: timedelta = timedelta(0)) -> tuple[dict[str, str], bytes]:
    """The headers and the body that the service sends."""
    now = datetime.now(UTC) - age
    body = make_body(DELIVERY, now)
    return sign_headers(DELIVERY, SECRET, PRIVATE_KEY, body, now), body.encode()


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
    with pytest.raises(InvalidWebhook, match="must be whsec_"):
        verify("whsec_%", headers, body)


def test_a_public_key_verifies_what_its_private_key_has_signed() -> None:
    headers, body = sent()
    assert verify(PUBLIC_KEY, headers, body).data.id == DELIVERY.job_id


def test_another_body_or_public_key_is_invalid() -> None:
    headers, body = sent()
    another = make_public_key("whsk_" + b64encode(bytes(32)).decode())
    secretly_signed = headers["webhook-signature"].partition(" ")[0]
    for key, changed_headers, changed_body in (
        (PUBLIC_KEY, headers, body + b" "),
        (another, headers, body),
        (PUBLIC_KEY, headers | {"webhook-signature": secretly_signed}, body),
        (PUBLIC_KEY, headers | {"webhook-signature": "v1a,% v1a,bm8= v1a"}, body),
    ):
        with pytest.raises(InvalidWebhook, match="signature"):
            verify(key, changed_headers, changed_body)


@pytest.mark.parametrize("key", ["whpk_%", "whpk_c2hvcnQ=", "whpk_"])
def test_an_invalid_public_key_is_reported(key: str) -> None:
    with pytest.raises(InvalidWebhook, match="key is invalid"):
        verify(key, *sent())


def test_without_the_package_a_public_key_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(InvalidWebhook, match="pip install cryptography"):
        verify(PUBLIC_KEY, *sent())
    assert verify(SECRET, *sent())


def test_a_webhook_of_progress_says_how_far_the_job_is() -> None:
    progress = Progress(
        iteration=30, iterations=120, scale=1, scales=3, work=0.1, eta_seconds=None, losses={}
    )
    delivery = replace(DELIVERY, event="progress", status="running", progress=progress)
    now = datetime.now(UTC)
    body = make_body(delivery, now)
    headers = sign_headers(delivery, SECRET, PRIVATE_KEY, body, now)
    payload = verify(PUBLIC_KEY, headers, body.encode())
    assert (payload.type, payload.data.status) == ("job.progress", "running")
    assert (payload.data.progress, payload.data.iteration) == (0.25, 30)
