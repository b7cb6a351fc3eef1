"""What is no Pastiche is told as that: one exception, one sentence."""

import pytest

from pastiche.client import Client, Patience, StrangeAnswer, Unreachable, UnusableAddress
from tests.client.wires import answering, http

STRANGE = {
    "a page": http("200 OK", "text/html", b"<html>Welcome</html>"),
    "json of another kind": http("200 OK", "application/json", b'{"hello": "world"}'),
    "json that is no object": http("200 OK", "application/json", b"[1, 2]"),
    "json without an end": http("200 OK", "application/json", b'{"id": '),
    "nested without end": http("200 OK", "application/json", b"[" * 100_000),
    "a job with words for numbers": http(
        "200 OK", "application/json", b'{"id": "x", "status": "running", "iteration": "many"}'
    ),
    "nothing": http("200 OK", "application/json", b""),
    "bytes": http("200 OK", "application/octet-stream", bytes(range(256))),
    "an error of another's": http("404 Not Found", "text/plain", b"404"),
    "a way elsewhere": http("302 Found", "text/plain", b"", "Location: http://127.0.0.1/"),
    "compressed wrongly": http("200 OK", "application/json", b"no", "Content-Encoding: gzip"),
    "no http": b"220 mail.example.com ESMTP\r\n\r\n",
}


@pytest.mark.parametrize("words", STRANGE.values(), ids=STRANGE.keys())
def test_a_strange_answer_is_one_exception_with_one_sentence(words: bytes) -> None:
    with answering(words) as url, Client(url) as client:
        with pytest.raises(StrangeAnswer) as caught:
            client.job("0" * 32)
        sentence = str(caught.value)
        assert sentence.startswith(f"What answers at {url}")
        assert sentence.count("\n") == 0
        with pytest.raises(StrangeAnswer):
            list(client.watch("0" * 32))


def test_events_that_are_none_are_strange() -> None:
    words = http("200 OK", "text/event-stream", b"event: status\ndata: {}\n\n")
    with answering(words) as url, Client(url) as client, pytest.raises(StrangeAnswer):
        list(client.watch("0" * 32))


def test_a_picture_that_is_a_page_is_strange() -> None:
    words = http("200 OK", "text/html", b"<html>")
    with answering(words) as url, Client(url) as client, pytest.raises(StrangeAnswer):
        client.result("0" * 32)


def test_a_proxy_with_nothing_behind_it_is_a_service_that_is_away() -> None:
    words = http("502 Bad Gateway", "text/html", b"<html>nginx</html>")
    impatient = Patience(unreachable_seconds=0)
    with (
        answering(words) as url,
        Client(url, patience=impatient) as client,
        pytest.raises(Unreachable, match="502"),
    ):
        client.job("0" * 32)


def test_a_newer_service_may_say_more() -> None:
    said = b'{"id": "x", "status": "dreaming", "mood": "good", "losses": null}'
    with answering(http("200 OK", "application/json", said)) as url, Client(url) as client:
        job = client.job("x")
    assert (job.status, job.is_over, job.answer["mood"]) == ("dreaming", False, "good")


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://here", "http://", "http://a:b"])
def test_what_is_no_address_is_told_at_once(url: str) -> None:
    with pytest.raises(UnusableAddress):
        Client(url)
