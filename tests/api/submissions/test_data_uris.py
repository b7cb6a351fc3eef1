"""Pictures as data URIs: the same as files, in forms and in JSON."""

from base64 import b64encode, encodebytes

import pytest

from shared.job_store import JobStore
from tests import pictures
from tests.api.submissions.test_json import data_uri, noise
from tests.api.submissions.test_submit import assert_nothing_left, errors_of
from tests.conftest import RunningApi

BASE64 = b64encode(pictures.png()).decode()
HEAD = "data:image/png;base64,"

VALID = {
    "without a media type": f"data:;base64,{BASE64}",
    "with another media type": f"data:image/jpeg;base64,{BASE64}",
    "with a parameter": f"data:image/png;charset=utf-8;base64,{BASE64}",
    "in capitals": f"DATA:IMAGE/PNG;BASE64,{BASE64}",
    "without padding": HEAD + BASE64.rstrip("="),
    "in lines": HEAD + encodebytes(pictures.png()).decode(),
}


@pytest.mark.parametrize("text", VALID.values(), ids=VALID)
def test_a_data_uri_is_a_picture(api: RunningApi, text: str) -> None:
    response = api.http.post("/jobs?dry_run=1", json={"content": text, "style": text})
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("side", [16, 100, 400], ids=["short", "of some buffers", "long"])
def test_a_form_may_have_a_data_uri_instead_of_a_file(api: RunningApi, side: int) -> None:
    files = {"style": pictures.png()}
    response = api.http.post("/jobs", data={"content": data_uri(noise(side))}, files=files)
    assert response.status_code == 202, response.text


INVALID = {
    "without base64": "data:image/svg+xml,<svg/>",
    "without a comma": "data:image/png;base64",
    "with a long head": f"data:{300 * 'a'};base64,{BASE64}",
    "with other characters": f"{HEAD}{BASE64[:40]}!{BASE64[41:]}",
    "for URLs": HEAD + "-_-_" + BASE64,
    "percent-encoded": HEAD + BASE64.replace("/", "%2F").replace("+", "%2B"),
    "one character too long": HEAD + "QUJDR",
    "padded in the middle": f"{HEAD}QUI={BASE64}",
    "not ASCII": f"{HEAD}é{BASE64}",
    "damaged late": HEAD + 200_000 * "A" + "!",
    "padded early": HEAD + "QUI=" + 200_000 * "A",
}


@pytest.mark.parametrize("text", INVALID.values(), ids=INVALID)
def test_a_data_uri_that_is_not_base64_is_refused_by_name(
    api: RunningApi, jobs: JobStore, text: str
) -> None:
    response = api.http.post("/jobs", json={"content": text, "style": HEAD + BASE64})
    assert errors_of(response) == {"content": "not_base64"}
    files = {"style": pictures.png()}
    response = api.http.post("/jobs", data={"content": text}, files=files)
    assert errors_of(response) == {"content": "not_base64"}
    assert_nothing_left(api, jobs)


def test_an_empty_data_uri_is_refused_by_name(api: RunningApi) -> None:
    response = api.http.post("/jobs", json={"content": HEAD, "style": HEAD + BASE64})
    assert errors_of(response) == {"content": "empty_file"}


def test_a_data_uri_of_something_else_is_refused_by_name(api: RunningApi) -> None:
    html = data_uri(b"<!doctype html><title>404</title>")
    response = api.http.post("/jobs", json={"content": html, "style": HEAD + BASE64})
    assert response.status_code == 415
    assert errors_of(response) == {"content": "picture_unknown"}


def test_a_data_uri_that_is_too_large_is_refused_by_name(api: RunningApi, jobs: JobStore) -> None:
    response = api.http.post(
        "/jobs", json={"content": data_uri(bytes(26_000_000)), "style": HEAD + BASE64}
    )
    assert response.status_code == 413
    assert errors_of(response) == {"content": "file_too_large"}
    assert_nothing_left(api, jobs)


def test_every_error_of_a_submission_is_named_at_once(api: RunningApi) -> None:
    response = api.http.post("/jobs", json={"content": "data:x", "style": "a.png", "size": 1})
    assert errors_of(response) == {
        "content": "not_base64",
        "style": "not_a_file",
        "size": "invalid_value",
    }


def test_a_file_and_a_data_uri_for_the_same_field_are_refused_by_name(api: RunningApi) -> None:
    response = api.http.post(
        "/jobs",
        data={"content": HEAD + BASE64},
        files={"content": pictures.jpeg(), "style": pictures.png()},
    )
    assert errors_of(response) == {"content": "repeated_field"}
