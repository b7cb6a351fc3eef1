"""What a client may send to `POST /pictures`, and what it can do with an uploaded picture."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from PIL import Image

from shared.job_store import JobStore
from shared.uploaded_pictures import record_key
from tests import pictures
from tests.api.pictures.uploading import coloured, expire, unused_blobs, upload, uploaded
from tests.api.submissions.test_submit import assert_nothing_left, errors_of
from tests.conftest import RunningApi

UNKNOWN = "0" * 32


def open_picture(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


def test_an_uploaded_picture_can_be_found_again(api: RunningApi) -> None:
    response = upload(api, pictures.jpeg(96, 64), name="The harbour")
    picture = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == picture["links"]["self"]
    assert (picture["width"], picture["height"], picture["name"]) == (96, 64, "The harbour")
    assert picture["reference"] == f"picture:{picture['id']}"
    assert api.http.get(picture["links"]["self"]).json() == picture
    assert [path.stat().st_size for path in api.blobs] == [picture["bytes"]]


def test_the_same_picture_again_is_the_same_resource(api: RunningApi) -> None:
    first = uploaded(api)
    again = upload(api)
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    assert again.json()["created_at"] == first["created_at"]
    assert again.json()["expires_at"] > first["expires_at"]
    assert len(api.blobs) == 1


def test_the_same_pixels_in_another_file_are_the_same_picture(api: RunningApi) -> None:
    first = uploaded(api, pictures.png())
    assert (
        upload(api, pictures.encoded(pictures.photograph(), "WEBP", lossless=True)).json()["id"]
        == first["id"]
    )


def test_a_name_can_be_changed_by_another_upload(api: RunningApi) -> None:
    first = uploaded(api, name="Blue")
    assert upload(api).json()["name"] == "Blue"
    assert upload(api, name="Bluer").json()["name"] == "Bluer"
    assert api.http.get(first["links"]["self"]).json()["name"] == "Bluer"


def test_the_same_picture_many_times_at_once_is_stored_once(
    api: RunningApi, jobs: JobStore
) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: upload(api), range(8)))
    assert sorted(answer.status_code for answer in answers) == 7 * [200] + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(api.blobs) == 1
    assert unused_blobs(jobs) == []


def test_uploads_and_deletions_at_once_leave_no_picture_without_its_file(
    api: RunningApi, jobs: JobStore
) -> None:
    def upload_and_delete(_: int) -> None:
        link = upload(api).json()["links"]["self"]
        assert api.http.delete(link).status_code in (204, 404)
        upload(api)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(upload_and_delete, range(16)))
    (picture,) = api.http.get("/pictures").json()["pictures"]
    assert api.http.get(picture["links"]["file"]).status_code == 200
    assert len(api.blobs) == 1
    assert unused_blobs(jobs) == []


def test_a_picture_that_the_store_has_lost_can_be_uploaded_again(api: RunningApi) -> None:
    first = uploaded(api)
    for path in api.blobs:
        path.unlink()
    assert api.http.get(first["links"]["file"]).json()["code"] == "picture_not_found"
    assert uploaded(api)["id"] == first["id"]
    assert api.http.get(first["links"]["file"]).status_code == 200


@pytest.mark.parametrize(
    ("picture", "status", "code"),
    [
        pytest.param(b"", 422, "empty_file", id="empty"),
        pytest.param(b"Dear sir or madam", 415, "picture_unknown", id="text"),
        pytest.param(pictures.animation("GIF"), 415, "picture_unknown", id="GIF"),
        pytest.param(pictures.jpeg()[:-200], 422, "picture_broken", id="truncated"),
        pytest.param(pictures.bomb(), 413, "picture_too_large", id="bomb"),
        pytest.param(pictures.png(8, 8), 422, "picture_too_small", id="8x8"),
        pytest.param(bytes(26_000_000), 413, "file_too_large", id="26 MB"),
    ],
)
def test_a_picture_that_cannot_be_used_is_refused_as_in_a_submission(
    picture: bytes, status: int, code: str, api: RunningApi, jobs: JobStore
) -> None:
    response = api.http.post("/pictures", files={"picture": ("photo.jpg", picture)})
    assert response.status_code == status
    assert errors_of(response) == {"picture": code}
    assert_nothing_left(api, jobs)


@pytest.mark.parametrize(
    ("files", "fields", "errors"),
    [
        ({"name": b"x"}, {}, {"name": "not_text", "picture": "missing_file"}),
        ({"picture": pictures.png()}, {"nmae": "x"}, {"nmae": "unknown_field"}),
        ({"picture": pictures.png()}, {"name": "x" * 101}, {"name": "invalid_value"}),
        ({"picture": pictures.png()}, {"name": "a\0b"}, {"name": "invalid_value"}),
        ({"other": pictures.png()}, {"picture": "x"}, None),
    ],
)
def test_a_form_with_other_fields_is_refused_by_name(
    files: dict[str, bytes],
    fields: dict[str, str],
    errors: dict[str, str] | None,
    api: RunningApi,
    jobs: JobStore,
) -> None:
    response = api.http.post("/pictures", files=files, data=fields)
    assert response.status_code == 422
    expected = errors or {"other": "unknown_field", "picture": "not_a_file"}
    assert errors_of(response) == expected
    assert_nothing_left(api, jobs)


def test_json_in_place_of_a_form_is_refused(api: RunningApi) -> None:
    response = api.http.post("/pictures", json={"picture": "x"})
    assert (response.status_code, response.json()["code"]) == (415, "wrong_content_type")


@pytest.mark.parametrize("format", ["webp", "png", "jpeg"])
def test_the_file_is_sent_in_the_format_that_is_requested(api: RunningApi, format: str) -> None:
    links = uploaded(api, pictures.png(96, 64))["links"]
    response = api.http.get(links["file"], params={"format": format})
    assert response.headers["content-type"] == f"image/{format}"
    picture = open_picture(response.content)
    assert (picture.format, picture.size) == (format.upper(), (96, 64))


def test_the_file_has_the_pixels_that_were_uploaded(api: RunningApi) -> None:
    links = uploaded(api, pictures.png(96, 64))["links"]
    response = api.http.get(links["file"])
    assert response.headers["content-type"] == "image/webp"
    assert open_picture(response.content).tobytes() == pictures.photograph(96, 64).tobytes()


def test_the_file_is_as_transparent_as_the_upload(api: RunningApi) -> None:
    links = uploaded(api, pictures.palette_with_transparency())["links"]
    assert open_picture(api.http.get(links["file"]).content).mode == "RGBA"


def test_head_says_how_large_the_file_is(api: RunningApi) -> None:
    picture = uploaded(api)
    head = api.http.head(picture["links"]["file"])
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == picture["bytes"]


def test_head_does_not_encode_the_file(api: RunningApi) -> None:
    picture = uploaded(api)
    (blob,) = api.blobs
    blob.write_bytes(b"cannot be decoded")
    head = api.http.head(picture["links"]["file"], params={"format": "jpeg"})
    assert (head.status_code, head.headers["content-type"]) == (200, "image/jpeg")
    assert "content-length" not in head.headers


def test_a_file_that_the_client_has_is_not_sent_again(api: RunningApi) -> None:
    links = uploaded(api)["links"]
    for link in (links["file"], links["thumbnail"]):
        etag = api.http.get(link).headers["etag"]
        assert api.http.get(link, headers={"If-None-Match": etag}).status_code == 304


def test_a_format_that_is_not_offered_is_refused(api: RunningApi) -> None:
    links = uploaded(api)["links"]
    response = api.http.get(links["file"], headers={"Accept": "image/gif"})
    assert (response.status_code, response.json()["code"]) == (406, "not_acceptable")


def test_the_thumbnail_is_small(api: RunningApi) -> None:
    links = uploaded(api, pictures.png(600, 300))["links"]
    thumbnail = open_picture(api.http.get(links["thumbnail"]).content)
    assert (thumbnail.format, thumbnail.size) == ("WEBP", (256, 128))


def test_pictures_are_listed_newest_first_page_by_page(api: RunningApi) -> None:
    ids = [uploaded(api, coloured(each))["id"] for each in ("red", "green", "blue", "teal", "tan")]
    listed: list[str] = []
    query = {"limit": "2"}
    for _ in range(3):
        page = api.http.get("/pictures", params=query).json()
        listed += [picture["id"] for picture in page["pictures"]]
        query["cursor"] = page["next_cursor"]
    assert listed == ids[::-1]
    assert page["next_cursor"] is None


def test_an_invalid_cursor_is_refused(api: RunningApi) -> None:
    response = api.http.get("/pictures", params={"cursor": "x"})
    assert errors_of(response) == {"cursor": "invalid_value"}


def test_a_deleted_picture_leaves_nothing_behind(api: RunningApi, jobs: JobStore) -> None:
    picture = uploaded(api)
    assert api.http.delete(picture["links"]["self"]).status_code == 204
    assert_nothing_left(api, jobs)
    for link in picture["links"].values():
        assert api.http.get(link).json()["code"] == "picture_not_found"
    again = api.http.delete(picture["links"]["self"])
    assert (again.status_code, again.json()["code"]) == (404, "picture_not_found")


def test_an_expired_picture_does_not_exist(api: RunningApi, jobs: JobStore) -> None:
    picture = uploaded(api)
    expire(picture, jobs)
    assert api.http.get(picture["links"]["self"]).status_code == 404
    assert api.http.get("/pictures").json()["pictures"] == []
    assert api.http.delete(picture["links"]["self"]).status_code == 404


def test_an_expired_picture_can_be_uploaded_again(api: RunningApi, jobs: JobStore) -> None:
    picture = uploaded(api)
    expire(picture, jobs)
    assert uploaded(api)["id"] == picture["id"]
    assert len(api.http.get("/pictures").json()["pictures"]) == 1


@pytest.mark.parametrize("picture_id", [UNKNOWN, "x", "%2e%2e%2fjobs", "%00", "1" * 3000])
def test_an_unknown_picture_is_not_found(picture_id: str, api: RunningApi) -> None:
    assert api.http.get(f"/pictures/{picture_id}").status_code == 404


def test_a_store_that_refuses_the_picture_is_reported(api: RunningApi, jobs: JobStore) -> None:
    in_the_way = api.settings.data_folder / "blobs" / "pictures"
    in_the_way.write_bytes(b"")
    response = upload(api)
    in_the_way.unlink()
    assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
    assert api.http.get("/pictures").json()["pictures"] == []
    assert upload(api).status_code == 201


def test_the_stored_file_has_no_name_or_metadata_of_the_upload(
    api: RunningApi, jobs: JobStore
) -> None:
    picture = uploaded(api, name="../../climbed")
    (path,) = api.blobs
    assert path.parent == api.settings.data_folder / "blobs" / "pictures"
    assert jobs.client.hget(record_key(picture["id"]), "blob") == f"pictures/{path.name}"
