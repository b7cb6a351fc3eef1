"""The picture: when it can be had, in which format, and in parts."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from api.results import accepted
from shared.job_store import JobStore
from tests import pictures
from tests.api.worker import PlayedWorker, submitted
from tests.conftest import RunningApi


@pytest.fixture
def painted(api: RunningApi, jobs: JobStore) -> dict[str, Any]:
    """A job that has succeeded, as a worker would leave it."""
    job = submitted(api)
    PlayedWorker.of(job, jobs, api).commit(pictures.png())
    return job


def test_a_result_asked_for_too_early_says_when_to_come_again(api: RunningApi) -> None:
    response = api.http.get(submitted(api)["links"]["result"])
    assert (response.status_code, response.json()["code"]) == (409, "result_not_ready")
    assert response.headers["retry-after"] == "1"


def test_a_canceled_job_has_no_result(api: RunningApi) -> None:
    job = submitted(api)
    api.http.post(job["links"]["cancel"])
    response = api.http.get(job["links"]["result"])
    assert (response.status_code, response.json()["code"]) == (409, "no_result")


def test_the_result_is_a_png_where_nothing_else_is_asked_for(
    api: RunningApi, painted: dict[str, Any]
) -> None:
    response = api.http.get(painted["links"]["result"])
    assert response.headers["content-type"] == "image/png"
    assert response.content == pictures.png()


@pytest.mark.parametrize(
    ("query", "accept", "kind"),
    [
        ("", "image/jpeg", "JPEG"),
        ("", "image/webp,image/*;q=0.8", "WEBP"),
        ("", "text/html, image/jpeg;q=0.5, image/webp;q=0.9", "WEBP"),
        ("?format=jpeg", "image/png", "JPEG"),
        ("?format=webp", "*/*", "WEBP"),
        ("?format=jpg", "*/*", "JPEG"),
        ("?format=", "image/jpg", "JPEG"),
    ],
)
def test_the_result_comes_in_the_format_that_the_client_likes_best(
    query: str, accept: str, kind: str, api: RunningApi, painted: dict[str, Any]
) -> None:
    response = api.http.get(painted["links"]["result"] + query, headers={"Accept": accept})
    with Image.open(BytesIO(response.content)) as picture:
        assert (picture.format, picture.size) == (kind, (96, 64))
    assert response.headers["content-type"] == f"image/{kind.lower()}"


def test_a_format_that_nobody_paints_is_refused(api: RunningApi, painted: dict[str, Any]) -> None:
    path = painted["links"]["result"]
    assert api.http.get(path, headers={"Accept": "text/html"}).status_code == 406
    assert api.http.get(f"{path}?format=gif").status_code == 422


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("*/*", "png"),
        ("image/*", "png"),
        ("image/png;q=0, image/*", "jpeg"),
        ("image/webp;q=x", None),
        ("", None),
    ],
)
def test_accept_is_read_as_the_standard_says(header: str, wanted: str | None) -> None:
    assert accepted(header) == wanted


def test_a_result_that_the_client_has_is_not_sent_again(
    api: RunningApi, painted: dict[str, Any]
) -> None:
    path = painted["links"]["result"]
    etag = api.http.get(path).headers["etag"]
    again = api.http.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-99", slice(0, 100)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-7", slice(-7, None)),
    ],
)
def test_a_range_of_the_result_can_be_had(
    asked: str, part: slice, api: RunningApi, painted: dict[str, Any]
) -> None:
    response = api.http.get(painted["links"]["result"], headers={"Range": asked})
    assert response.status_code == 206
    assert response.content == pictures.png()[part]
    assert response.headers["content-range"].endswith(f"/{len(pictures.png())}")


def test_a_range_past_the_end_is_refused(api: RunningApi, painted: dict[str, Any]) -> None:
    response = api.http.get(painted["links"]["result"], headers={"Range": "bytes=999999-"})
    assert response.status_code == 416
    assert response.json()["code"] == "range_not_satisfiable"
    assert response.headers["content-range"] == f"bytes */{len(pictures.png())}"


def test_a_range_of_another_picture_is_answered_with_the_whole(
    api: RunningApi, painted: dict[str, Any]
) -> None:
    headers = {"Range": "bytes=0-9", "If-Range": '"another"'}
    response = api.http.get(painted["links"]["result"], headers=headers)
    assert (response.status_code, response.content) == (200, pictures.png())


def test_a_range_that_no_picture_is_as_long_as_is_answered_with_the_whole(
    api: RunningApi, painted: dict[str, Any]
) -> None:
    headers = {"Range": f"bytes={5000 * '9'}-"}
    response = api.http.get(painted["links"]["result"], headers=headers)
    assert (response.status_code, response.content) == (200, pictures.png())
