"""Webhooks are believed where they are signed by the service, and only then."""

from datetime import UTC, datetime, timedelta

import pytest

from pastiche.client.webhooks import NotGenuine, verify
from worker.webhooks import Delivery, make_body, sign_headers

SECRET = "whsec_" + "c2VjcmV0IGVub3VnaCBmb3IgYSB0ZXN0"
DELIVERY = Delivery("0" * 32, "https://example.com/", "ada", "succeeded", 1, None, None)


def sent(age: timedelta = timedelta(0)) -> tuple[dict[str, str], bytes]:
    """The headers and the body that the service sends."""
    now = datetime.now(UTC) - age
    body = make_body(DELIVERY, now)
    return sign_headers(DELIVERY, SECRET, body, now), body.encode()


def test_what_the_service_signs_is_believed() -> None:
    headers, body = sent()
    notice = verify(SECRET, {name.title(): value for name, value in headers.items()}, body)
    assert (notice.type, notice.data.id) == ("job.succeeded", DELIVERY.job_id)


def test_one_of_several_signatures_suffices() -> None:
    headers, body = sent()
    headers["webhook-signature"] = f"v1,bm8= v2,ü {headers['webhook-signature']}"
    assert verify(SECRET, headers, body).data.status == "succeeded"


def test_another_body_another_secret_and_another_id_are_not() -> None:
    headers, body = sent()
    for secret, told, said in (
        (SECRET, headers, body + b" "),
        ("whsec_b3RoZXI=", headers, body),
        (SECRET, headers | {"webhook-id": "msg_1"}, body),
        (SECRET, headers | {"webhook-signature": "v1,"}, body),
    ):
        with pytest.raises(NotGenuine, match="signature"):
            verify(secret, told, said)


@pytest.mark.parametrize("age", [timedelta(minutes=6), timedelta(minutes=-6)])
def test_an_old_one_that_is_sent_again_is_not(age: timedelta) -> None:
    headers, body = sent(age)
    with pytest.raises(NotGenuine, match="too long ago"):
        verify(SECRET, headers, body)


def test_missing_headers_and_a_secret_that_is_none_are_told() -> None:
    headers, body = sent()
    with pytest.raises(NotGenuine, match="headers"):
        verify(SECRET, {}, body)
    with pytest.raises(NotGenuine, match="secret"):
        verify("whsec_%", headers, body)
