"""Responses that do not come from Pastiche raise one exception with one sentence."""

import json

import pytest

from pastiche.client import (
    Client,
    InvalidResponse,
    JobFinished,
    ProgressUpdated,
    RetryPolicy,
    ServiceUnreachable,
)
from pastiche.client.models import Timings
from tests import pictures
from tests.client.fake_servers import http, responding

JOB_ID = "0" * 32
JOB = {"id": JOB_ID, "status": "succeeded"}

INVALID = {
    "a page": http("200 OK", "text/html", b"<html>Welcome</html>"),
    "another JSON object": http("200 OK", "application/json", b'{"hello": "world"}'),
    "a JSON array": http("200 OK", "application/json", b"[1, 2]"),
    "truncated JSON": http("200 OK", "application/json", b'{"id": '),
    "deeply nested JSON": http("200 OK", "application/json", b"[" * 100_000),
    "a job with text for a number": http(
        "200 OK", "application/json", b'{"id": "x", "status": "running", "iteration": "many"}'
    ),
    "an empty body": http("200 OK", "application/json", b""),
    "bytes": http("200 OK", "application/octet-stream", bytes(range(256))),
    "an error of another server": http("404 Not Found", "text/plain", b"404"),
    "a redirect": http("302 Found", "text/plain", b"", "Location: http://127.0.0.1/"),
    "wrong compression": http("200 OK", "application/json", b"no", "Content-Encoding: gzip"),
    "another protocol": b"220 mail.example.com ESMTP\r\n\r\n",
}


@pytest.mark.parametrize("response", INVALID.values(), ids=INVALID.keys())
def test_an_invalid_response_raises_one_exception_with_one_sentence(response: bytes) -> None:
    with responding(response) as url, Client(url) as client:
        with pytest.raises(InvalidResponse) as caught:
            client.get_job(JOB_ID)
        sentence = str(caught.value)
        assert url in sentence
        assert sentence.count("\n") == 0
        with pytest.raises(InvalidResponse):
            list(client.watch(JOB_ID))


def test_a_redirect_names_the_new_address() -> None:
    new = "https://example.org/jobs"
    response = http("301 Moved Permanently", "text/html", b"Moved", f"Location: {new}")
    with (
        responding(response) as url,
        Client(url) as client,
        pytest.raises(InvalidResponse, match=f"301, text/html, and redirects to {new}\\."),
    ):
        client.submit(pictures.jpeg(), pictures.jpeg())


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"status": "queued"}, "id: Field required"),
        (JOB | {"iteration": "seven"}, "iteration: Input should be a valid integer"),
        (JOB | {"iteration": "7"}, "iteration: Input should be a valid integer"),
        (JOB | {"progress": "0.5"}, "progress: Input should be a valid number"),
        (JOB | {"losses": {"content": 1.0, "style": None}}, "losses.style: Input should be"),
        (JOB | {"created_at": "never"}, "created_at: Input should be a valid datetime"),
    ],
)
def test_a_missing_or_mistyped_field_is_named(body: dict[str, object], field: str) -> None:
    response = http("200 OK", "application/json", json.dumps(body).encode())
    with (
        responding(response) as url,
        Client(url) as client,
        pytest.raises(InvalidResponse, match=field),
    ):
        client.get_job(JOB_ID)


def event(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def test_an_event_without_its_fields_is_invalid() -> None:
    response = http("200 OK", "text/event-stream", event("status", {}))
    with responding(response) as url, Client(url) as client, pytest.raises(InvalidResponse):
        list(client.watch(JOB_ID))


@pytest.mark.parametrize(
    "endless", [b"data: " + b"x" * 2_000_000, b"data: xxxx\n" * 200_000], ids=["line", "event"]
)
def test_an_event_that_does_not_end_is_invalid(endless: bytes) -> None:
    response = http("200 OK", "text/event-stream", endless)
    with (
        responding(response) as url,
        Client(url) as client,
        pytest.raises(InvalidResponse, match="too long"),
    ):
        list(client.watch(JOB_ID))


def test_a_stream_of_many_events_may_be_long() -> None:
    progress = event("progress", {"iteration": 1, "newer": "x" * 1000})
    stream = progress * 2000 + event("done", JOB)
    with responding(http("200 OK", "text/event-stream", stream)) as url, Client(url) as client:
        *others, last = client.watch(JOB_ID)
    assert len(others) == 2000
    assert all(isinstance(each, ProgressUpdated) for each in others)
    assert isinstance(last, JobFinished)


def test_events_of_a_newer_service_are_ignored() -> None:
    stream = event("mood", "good") + b": comment\n\nid: 7\n\n" + event("done", JOB)
    with responding(http("200 OK", "text/event-stream", stream)) as url, Client(url) as client:
        (last,) = client.watch(JOB_ID)
    assert isinstance(last, JobFinished)


def test_a_page_in_place_of_a_picture_is_invalid() -> None:
    response = http("200 OK", "text/html", b"<html>")
    with responding(response) as url, Client(url) as client, pytest.raises(InvalidResponse):
        client.result(JOB_ID)


def test_a_proxy_without_a_service_is_reported_as_unreachable() -> None:
    response = http("502 Bad Gateway", "text/html", b"<html>nginx</html>")
    policy = RetryPolicy(unreachable_seconds=0)
    with (
        responding(response) as url,
        Client(url, retry_policy=policy) as client,
        pytest.raises(ServiceUnreachable, match="502"),
    ):
        client.get_job(JOB_ID)


def test_a_job_of_an_older_service_has_no_measurements() -> None:
    webhook = {"url": "https://example.org/", "status": "waiting"}
    body = json.dumps(JOB | {"webhook": webhook}).encode()
    with responding(http("200 OK", "application/json", body)) as url, Client(url) as client:
        job = client.get_job(JOB_ID)
    assert (job.timings, job.device, job.keep) == (Timings(), None, None)
    assert job.webhook is not None
    assert job.webhook.events == ("finished",)


def test_fields_of_a_newer_service_are_in_raw() -> None:
    body = b'{"id": "x", "status": "dreaming", "mood": "good", "losses": null, "raw": 7}'
    with responding(http("200 OK", "application/json", body)) as url, Client(url) as client:
        job = client.get_job("x")
    assert (job.status, job.is_over, job.raw["mood"]) == ("dreaming", False, "good")


def test_the_jobs_of_a_sweep_have_their_own_raw() -> None:
    members = [{"id": "x", "job": JOB | {"mood": "good"}}, {"id": "y", "job": None}]
    body = json.dumps({"id": "s", "is_over": True, "jobs": members, "mood": "bad"}).encode()
    with responding(http("200 OK", "application/json", body)) as url, Client(url) as client:
        sweep = client.get_sweep("s")
    assert sweep.raw["mood"] == "bad"
    assert [each.job and each.job.raw["mood"] for each in sweep.jobs] == ["good", None]


def test_every_job_of_a_list_has_its_own_raw() -> None:
    body = json.dumps({"jobs": [JOB | {"mood": "good"}, JOB | {"mood": "bad"}]}).encode()
    with responding(http("200 OK", "application/json", body)) as url, Client(url) as client:
        assert [job.raw["mood"] for job in client.list_jobs()] == ["good", "bad"]
