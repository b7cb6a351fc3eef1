"""Addresses, keys and headers that cannot be sent."""

from functools import partial
from traceback import format_exception

import httpx
import pytest

from pastiche.client import Client, InvalidAddress, InvalidRequest
from tests import pictures
from tests.client.fake_servers import http, responding
from tests.conftest import RunningApi


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://here", "http://", "http://a:b"])
def test_an_invalid_address_is_rejected_at_once(url: str) -> None:
    with pytest.raises(InvalidAddress):
        Client(url)


@pytest.mark.parametrize("key", ["secret\n", "secretö", " secret", "secret "])
def test_a_key_that_no_header_can_have_is_rejected_at_once(key: str) -> None:
    with pytest.raises(InvalidAddress, match="The key is invalid") as caught:
        Client(key=key)
    assert "secret" not in str(caught.value)


def test_an_empty_key_is_no_key(api: RunningApi) -> None:
    with Client(str(api.http.base_url), "") as client:
        assert list(client.list_jobs()) == []


@pytest.mark.parametrize("key", ["", "один", "two\nlines", " once", "once ", "x" * 256])
def test_an_idempotency_key_that_the_service_would_not_accept_is_not_sent(key: str) -> None:
    with (
        responding(http("500 No", "text/plain", b"it was sent")) as url,
        Client(url) as client,
        pytest.raises(InvalidRequest, match="idempotency_key is invalid: it must be 1 to 255"),
    ):
        client.submit(pictures.jpeg(), pictures.png(), idempotency_key=key)


def test_the_longest_idempotency_key_is_accepted(client: Client) -> None:
    first, again = (
        client.submit(pictures.jpeg(), pictures.png(), idempotency_key="a ~" * 85) for _ in range(2)
    )
    assert first.id == again.id


def test_an_invalid_header_is_not_retried_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    with (
        responding(b"") as url,
        httpx.Client(headers={"X-Token": "secret\n"}) as given,
        Client(url, http=given) as client,
    ):
        for request in (client.readiness, partial(client.get_job, "x"), client.watch("x").__next__):
            with pytest.raises(InvalidRequest, match=url) as caught:
                request()
            assert "secret" not in "".join(format_exception(caught.value))
    assert not [record for record in caplog.records if record.name.startswith("pastiche")]
