"""The result of a job: when it is available, in which formats, and in parts."""

import asyncio
import struct
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from random import randbytes
from typing import Any
from zlib import crc32

import httpx
import pytest
from PIL import Image

from api.app import create_app
from api.decoding.decoder import EncodedResults
from api.http.negotiation import choose_format
from shared.job_store import JobStore
from shared.pictures import Format
from shared.settings import Settings
from tests import pictures
from tests.api.worker import PlayedWorker, png, submitted
from tests.conftest import RunningApi


@pytest.fixture
def painted(api: RunningApi, jobs: JobStore) -> dict[str, Any]:
    """A job that has succeeded, as a worker would leave it."""
    job = submitted(api)
    PlayedWorker.of(job, jobs, api).commit(pictures.png())
    return job


def test_a_result_requested_too_early_says_when_to_retry(api: RunningApi) -> None:
    response = api.http.get(submitted(api)["links"]["result"])
    assert (response.status_code, response.json()["code"]) == (409, "result_not_ready")
    assert response.headers["retry-after"] == "1"


def test_a_canceled_job_has_no_result(api: RunningApi) -> None:
    job = submitted(api)
    api.http.post(job["links"]["cancel"])
    response = api.http.get(job["links"]["result"])
    assert (response.status_code, response.json()["code"]) == (409, "no_result")


def test_the_result_is_a_png_if_no_format_is_requested(
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
        ("?format=image/jpg", "*/*", "JPEG"),
        ("?format=image%2Fwebp", "*/*", "WEBP"),
    ],
)
def test_the_result_is_sent_in_the_format_that_the_client_prefers(
    query: str, accept: str, kind: str, api: RunningApi, painted: dict[str, Any]
) -> None:
    response = api.http.get(painted["links"]["result"] + query, headers={"Accept": accept})
    with Image.open(BytesIO(response.content)) as picture:
        assert (picture.format, picture.size) == (kind, (96, 64))
    assert response.headers["content-type"] == f"image/{kind.lower()}"


def test_an_unknown_format_is_refused(api: RunningApi, painted: dict[str, Any]) -> None:
    path = painted["links"]["result"]
    assert api.http.get(path, headers={"Accept": "text/html"}).status_code == 406
    assert api.http.get(f"{path}?format=gif").status_code == 422


@pytest.mark.parametrize(
    ("header", "format"),
    [
        ("*/*", "png"),
        ("image/*", "png"),
        ("image/png;q=0, image/*", "jpeg"),
        ("image/webp;q=x", None),
        ("image/webp;q=1_0", None),
        ("image/webp;q=inf", None),
        ("image/webp;q=٣", None),
        ("image/webp;q=.5, image/jpeg;q=0.25", "webp"),
        ("", None),
    ],
)
def test_accept_is_read_as_the_standard_says(header: str, format: str | None) -> None:
    assert choose_format(header) == format


def test_a_result_that_the_client_has_is_not_sent_again(
    api: RunningApi, painted: dict[str, Any]
) -> None:
    path = painted["links"]["result"]
    etag = api.http.get(path).headers["etag"]
    again = api.http.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("range_header", "part"),
    [
        ("bytes=0-99", slice(0, 100)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-7", slice(-7, None)),
    ],
)
def test_a_range_of_the_result_is_sent(
    range_header: str, part: slice, api: RunningApi, painted: dict[str, Any]
) -> None:
    response = api.http.get(painted["links"]["result"], headers={"Range": range_header})
    assert response.status_code == 206
    assert response.content == pictures.png()[part]
    assert response.headers["content-range"].endswith(f"/{len(pictures.png())}")


def test_a_range_past_the_end_is_refused(api: RunningApi, painted: dict[str, Any]) -> None:
    response = api.http.get(painted["links"]["result"], headers={"Range": "bytes=999999-"})
    assert response.status_code == 416
    assert response.json()["code"] == "range_not_satisfiable"
    assert response.headers["content-range"] == f"bytes */{len(pictures.png())}"


@pytest.mark.parametrize("range_header", ["bytes=9-3", "bytes=-", "bytes=0-1,4-5", "lines=0-1"])
def test_an_invalid_range_is_answered_with_the_whole_result(
    range_header: str, api: RunningApi, painted: dict[str, Any]
) -> None:
    response = api.http.get(painted["links"]["result"], headers={"Range": range_header})
    assert (response.status_code, response.content) == (200, pictures.png())


def test_head_has_no_ranges(api: RunningApi, painted: dict[str, Any]) -> None:
    response = api.http.head(painted["links"]["result"], headers={"Range": "bytes=0-9"})
    assert response.status_code == 200
    assert response.headers["content-length"] == str(len(pictures.png()))


def test_a_range_of_another_picture_is_answered_with_the_whole_result(
    api: RunningApi, painted: dict[str, Any]
) -> None:
    headers = {"Range": "bytes=0-9", "If-Range": '"another"'}
    response = api.http.get(painted["links"]["result"], headers=headers)
    assert (response.status_code, response.content) == (200, pictures.png())


def test_a_range_with_numbers_too_large_is_answered_with_the_whole_result(
    api: RunningApi, painted: dict[str, Any]
) -> None:
    headers = {"Range": f"bytes={5000 * '9'}-"}
    response = api.http.get(painted["links"]["result"], headers=headers)
    assert (response.status_code, response.content) == (200, pictures.png())


def test_a_large_result_is_sent_whole(api: RunningApi, jobs: JobStore) -> None:
    job, picture = submitted(api), randbytes(3_000_000)
    PlayedWorker.of(job, jobs, api).commit(picture)
    assert api.http.get(job["links"]["result"]).content == picture


def encoded_copies(api: RunningApi) -> list[Path]:
    return [path for path in api.blobs if path.parent.name == "encoded"]


def test_another_format_is_encoded_once(api: RunningApi, painted: dict[str, Any]) -> None:
    path = f"{painted['links']['result']}?format=webp"
    with ThreadPoolExecutor() as readers:
        responses = list(readers.map(api.http.get, [path] * 6))
    (copy,) = encoded_copies(api)
    assert {response.content for response in responses} == {copy.read_bytes()}
    copy.write_bytes(b"as it is stored")
    assert api.http.get(path).content == b"as it is stored"


def test_a_range_of_another_format_is_sent(api: RunningApi, painted: dict[str, Any]) -> None:
    path = f"{painted['links']['result']}?format=jpeg"
    whole = api.http.get(path).content
    assert api.http.get(path, headers={"Range": "bytes=10-19"}).content == whole[10:20]


def test_the_copies_in_other_formats_are_deleted_with_their_job(
    api: RunningApi, painted: dict[str, Any]
) -> None:
    api.http.get(f"{painted['links']['result']}?format=webp")
    api.http.delete(painted["links"]["self"])
    assert api.blobs == []


@pytest.mark.parametrize("format", ["png", "jpeg"])
@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-9"}])
def test_a_result_that_the_store_has_lost_is_gone(
    format: str, headers: dict[str, str], api: RunningApi, painted: dict[str, Any]
) -> None:
    lose(api, "results")
    path = f"{painted['links']['result']}?format={format}"
    response = api.http.get(path, headers=headers)
    assert (response.status_code, response.json()["code"]) == (410, "result_lost")


def lose(api: RunningApi, kind: str) -> None:
    """Deletes files of a job without the service's knowledge."""
    for path in api.blobs:
        if path.parent.name == kind:
            path.unlink()


def enormous_png() -> bytes:
    """A PNG file whose header declares more pixels than a decoder has memory for."""
    picture = bytearray(png())
    picture[16:24] = struct.pack(">II", 40_000, 40_000)
    picture[29:33] = struct.pack(">I", crc32(picture[12:29]))
    return bytes(picture)


@pytest.mark.parametrize(
    ("stored", "status", "expected"),
    [(enormous_png(), 507, "encoding_failed"), (b"no picture", 410, "result_lost")],
    ids=["enormous", "damaged"],
)
def test_a_result_that_cannot_be_encoded_says_what_to_do(
    stored: bytes, status: int, expected: str, api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    PlayedWorker.of(job, jobs, api).commit(stored)
    refused = api.http.get(f"{job['links']['result']}?format=webp")
    assert (refused.status_code, refused.json()["code"]) == (status, expected)
    assert api.http.get(job["links"]["result"]).content == stored


def test_a_copy_that_is_deleted_before_it_is_opened_is_made_again(
    redis_url: str, jobs: JobStore, api: RunningApi, painted: dict[str, Any]
) -> None:
    class DeletedAtFirst(EncodedResults):
        """Encoded results whose first copy is deleted after it was found and before it is opened,
        as the reconciler may do."""

        async def get_key(self, result_key: str, format: Format) -> str:
            key = await super().get_key(result_key, format)
            if not deleted:
                (copy,) = encoded_copies(api)
                copy.unlink()
                deleted.append(key)
            return key

    deleted: list[str] = []
    app = create_app(Settings(redis_url=redis_url, data_folder=api.settings.data_folder))
    transport = httpx.ASGITransport(app)

    async def fetch() -> httpx.Response:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as http,
        ):
            service = app.state.service
            copies = DeletedAtFirst(service.blobs, service.decoder, service.scratch)
            service.encoded_results = copies
            return await http.get(f"{painted['links']['result']}?format=webp")

    answer = asyncio.run(fetch())
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    assert len(deleted) == 1


def test_a_job_whose_pictures_are_lost_cannot_be_retried(
    api: RunningApi, painted: dict[str, Any]
) -> None:
    lose(api, "inputs")
    response = api.http.post(f"{painted['links']['self']}/retry")
    assert (response.status_code, response.json()["code"]) == (410, "pictures_lost")


@pytest.mark.parametrize(
    ("field", "kind"), [("pictures_of", "inputs"), ("start", "results"), ("start", "inputs")]
)
@pytest.mark.parametrize("path", ["/jobs", "/sweeps"])
def test_pictures_of_an_earlier_job_that_are_lost_are_gone(
    field: str, kind: str, path: str, api: RunningApi, painted: dict[str, Any]
) -> None:
    lose(api, kind)
    response = api.http.post(path, files={field: (None, painted["id"])})
    assert (response.status_code, response.json()["code"]) == (410, "pictures_lost")


def test_a_lost_preview_is_treated_as_missing(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    PlayedWorker.of(job, jobs, api).show(3)
    lose(api, "previews")
    lose(api, "losses")
    assert api.http.get(job["links"]["preview"]).status_code == 204
    assert api.http.get(job["links"]["losses"]).json()["iterations"] == []


def test_a_contact_sheet_leaves_out_a_picture_that_is_lost(api: RunningApi, jobs: JobStore) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    sweep = api.http.post("/sweeps", files=files, data={"style_weight": "1,2"}).json()
    PlayedWorker.of(sweep["jobs"][0], jobs, api).commit(png())
    lose(api, "results")
    sheet = api.http.get(sweep["links"]["sheet"])
    assert (sheet.status_code, "etag" in sheet.headers) == (200, False)


@pytest.mark.parametrize("stored", [enormous_png(), b"no picture"], ids=["enormous", "damaged"])
def test_a_contact_sheet_leaves_out_a_picture_that_cannot_be_decoded(
    stored: bytes, api: RunningApi, jobs: JobStore
) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    sweep = api.http.post("/sweeps", files=files, data={"style_weight": "1,2"}).json()
    PlayedWorker.of(sweep["jobs"][0], jobs, api).commit(stored)
    PlayedWorker.of(sweep["jobs"][1], jobs, api).commit(png())
    sheet = api.http.get(sweep["links"]["sheet"], params={"cell": 100})
    with Image.open(BytesIO(sheet.content)) as image:
        assert image.convert("RGB").getpixel((100 + 8 + 20, 15)) == (0, 128, 128)
