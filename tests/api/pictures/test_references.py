"""Jobs that name uploaded pictures: each job has its own copies."""

from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from local.supervisor import free_port
from shared.blob_store import BlobStore
from shared.job_store import JobStore
from shared.settings import Settings
from tests import pictures
from tests.api.pictures.uploading import coloured, expire, uploaded
from tests.api.submissions.test_submit import errors_of
from tests.conftest import RunningApi, running_api, running_redis
from tests.stack import Stack

UNKNOWN = f"picture:{'0' * 32}"


def submit(api: RunningApi, query: str = "", **fields: Any) -> httpx.Response:
    """Submits a multipart form that has only text fields."""
    parts = [
        (name, (None, value))
        for name, values in fields.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return api.http.post(f"/jobs{query}", files=parts)


def stored_inputs(api: RunningApi, job: dict[str, Any]) -> dict[str, Image.Image]:
    """A job's own pictures, by their names."""
    blobs = BlobStore.open((api.settings.data_folder / "blobs").as_uri())
    keys = blobs.keys(f"jobs/{job['id']}/inputs")
    return {key.rpartition("/")[2]: Image.open(BytesIO(blobs.get(key))) for key in keys}


def test_a_job_names_its_pictures(api: RunningApi) -> None:
    content, style = uploaded(api), uploaded(api, coloured("red"))
    response = submit(api, content=content["reference"], style=style["reference"])
    assert response.status_code == 202
    inputs = stored_inputs(api, response.json())
    assert inputs.keys() == {"content-0", "style-0"}
    assert inputs["content-0"].size == (96, 64)
    assert inputs["style-0"].getpixel((0, 0)) == (255, 0, 0)


def test_files_and_references_keep_their_order(api: RunningApi) -> None:
    red = uploaded(api, coloured("red"))["reference"]
    parts: list[Any] = [
        ("content", pictures.jpeg()),
        ("style", coloured("blue")),
        ("style", (None, red)),
        ("style", coloured("lime")),
    ]
    job = api.http.post("/jobs", files=parts).json()
    inputs = stored_inputs(api, job)
    colours = [inputs[f"style-{index}"].getpixel((0, 0)) for index in range(3)]
    assert colours == [(0, 0, 255), (255, 0, 0), (0, 255, 0)]


def test_every_picture_field_accepts_a_reference(api: RunningApi) -> None:
    picture = uploaded(api)["reference"]
    fields = ("content", "style", "mask", "style_mask", "start_image", "content_map")
    response = submit(api, **dict.fromkeys(fields, picture))
    assert response.status_code == 202, response.text
    inputs = stored_inputs(api, response.json())
    assert inputs.keys() == {f"{field}-0" for field in fields}
    red, green, blue = inputs["mask-0"].convert("RGB").split()
    assert red.tobytes() == green.tobytes() == blue.tobytes()


def test_a_picture_that_is_named_twice_is_stored_once(api: RunningApi) -> None:
    red, blue = (uploaded(api, coloured(each))["reference"] for each in ("red", "blue"))
    job = submit(api, content=blue, style=[red, blue, red]).json()
    inputs = stored_inputs(api, job)
    assert inputs.keys() == {"content-0", "style-0", "style-1"}
    again = api.http.post(f"/jobs/{job['id']}/cancel").json()["links"]["self"] + "/retry"
    assert stored_inputs(api, api.http.post(again).json()).keys() == inputs.keys()


def test_an_uploaded_picture_is_copied_within_the_store(api: RunningApi) -> None:
    reference = uploaded(api)["reference"]
    batch = {"content": [reference] * 8, "style": [reference] * 8}
    response = api.http.post("/batches", json=batch)
    assert (response.status_code, len(response.json()["jobs"])) == (202, 64)
    assert len({path.stat().st_ino for path in api.blobs}) == 1


def test_an_uploaded_picture_that_the_store_has_lost_is_reported(
    api: RunningApi, jobs: JobStore
) -> None:
    content, style = uploaded(api), uploaded(api, coloured("red"))
    next(path for path in api.blobs if style["id"] in path.name).unlink()
    response = submit(api, content=content["reference"], style=style["reference"])
    assert (response.status_code, response.json()["code"]) == (410, "pictures_lost")
    assert "style" in response.json()["detail"]
    assert jobs.client.keys("job:*") == []


def test_a_sweep_accepts_references(api: RunningApi) -> None:
    picture = uploaded(api)["reference"]
    parts = {"content": picture, "style": picture, "style_weight": "0.2,0.8"}
    response = api.http.post("/sweeps", files={k: (None, text) for k, text in parts.items()})
    assert response.status_code == 202
    assert len(response.json()["jobs"]) == 2


def test_a_transparent_picture_becomes_what_each_field_needs(api: RunningApi) -> None:
    half = pictures.halves((255, 255, 255, 255), (255, 0, 0, 0), "RGBA")
    picture = uploaded(api, pictures.encoded(half, "PNG"))["reference"]
    job = submit(api, content=picture, style=picture, mask=picture).json()
    inputs = stored_inputs(api, job)
    assert inputs["content-0"].mode == "RGBA"
    assert inputs["style-0"].convert("RGB").getpixel((63, 0)) == (255, 255, 255)
    assert inputs["mask-0"].convert("L").getpixel((63, 0)) == 0


def test_a_black_picture_cannot_be_a_mask(api: RunningApi) -> None:
    picture, black = uploaded(api)["reference"], uploaded(api, coloured("black"))["reference"]
    response = submit(api, content=picture, style=picture, content_map=black)
    assert errors_of(response) == {"content_map": "mask_empty"}


def test_the_job_still_has_its_copy_when_the_picture_is_deleted(api: RunningApi) -> None:
    picture = uploaded(api)
    job = submit(api, content=picture["reference"], style=picture["reference"]).json()
    api.http.delete(picture["links"]["self"])
    assert stored_inputs(api, job)["content-0"].size == (96, 64)
    api.http.post(job["links"]["cancel"])
    assert api.http.post(f"/jobs/{job['id']}/retry").status_code == 202


def test_a_deleted_picture_cannot_be_named(api: RunningApi) -> None:
    picture = uploaded(api)
    api.http.delete(picture["links"]["self"])
    response = submit(api, content=picture["reference"], style="example:wave")
    assert response.status_code == 422
    assert errors_of(response) == {"content": "picture_not_found"}


def test_a_picture_that_is_used_expires_later(api: RunningApi) -> None:
    picture = uploaded(api)
    submit(api, "?dry_run=1", content=picture["reference"], style=picture["reference"])
    used = api.http.get(picture["links"]["self"]).json()
    assert used["expires_at"] > picture["expires_at"]


@pytest.mark.parametrize("reference", [UNKNOWN, "picture:", "picture:x", "picture:../../etc"])
def test_every_unknown_picture_is_named_by_its_field(reference: str, api: RunningApi) -> None:
    response = submit(api, content=reference, style=[reference, reference])
    assert response.status_code == 422
    assert errors_of(response) == {"content": "picture_not_found", "style": "picture_not_found"}
    assert api.blobs == []


def test_an_expired_picture_cannot_be_named(api: RunningApi, jobs: JobStore) -> None:
    picture = uploaded(api)
    expire(picture, jobs)
    response = submit(api, content=picture["reference"], style="example:wave")
    assert errors_of(response) == {"content": "picture_not_found"}


def test_a_picture_that_the_store_has_lost_is_reported(api: RunningApi) -> None:
    picture = uploaded(api)
    for path in api.blobs:
        path.unlink()
    response = submit(api, content=picture["reference"], style="example:wave")
    assert (response.status_code, response.json()["code"]) == (410, "pictures_lost")
    masked = submit(api, content="example:wave", style="example:wave", mask=picture["reference"])
    assert (masked.status_code, masked.json()["code"]) == (410, "pictures_lost")
    assert api.blobs == []


def test_the_same_submission_of_references_is_one_job(api: RunningApi) -> None:
    parts = {"content": (None, uploaded(api)["reference"]), "style": (None, "example:wave")}
    headers = {"Idempotency-Key": "once"}
    ids = {api.http.post("/jobs", files=parts, headers=headers).json()["id"] for _ in range(2)}
    assert len(ids) == 1


def test_the_same_submission_is_one_job_after_its_picture_was_deleted(api: RunningApi) -> None:
    picture = uploaded(api)
    parts = {"content": (None, picture["reference"]), "style": (None, "example:wave")}
    headers = {"Idempotency-Key": "once"}
    first = api.http.post("/jobs", files=parts, headers=headers).json()
    api.http.delete(picture["links"]["self"]).raise_for_status()
    again = api.http.post("/jobs", files=parts, headers=headers)
    assert (again.status_code, again.json()["id"]) == (202, first["id"])


def test_a_submission_whose_picture_and_job_were_deleted_names_the_picture(api: RunningApi) -> None:
    picture = uploaded(api)
    parts = {"content": (None, picture["reference"]), "style": (None, "example:wave")}
    headers = {"Idempotency-Key": "once"}
    job = api.http.post("/jobs", files=parts, headers=headers).json()
    api.http.delete(picture["links"]["self"]).raise_for_status()
    api.http.delete(job["links"]["self"]).raise_for_status()
    again = api.http.post("/jobs", files=parts, headers=headers)
    assert errors_of(again) == {"content": "picture_not_found"}


@pytest.mark.slow
def test_a_job_is_painted_from_references(stack: Stack) -> None:
    picture = stack.http.post("/pictures", files={"picture": pictures.jpeg(160, 120)}).json()
    parts = {
        "content": (None, picture["reference"]),
        "style": (None, "example:wave"),
        "size": (None, "64"),
        "iterations": (None, "5"),
    }
    job = stack.http.post("/jobs", files=parts).json()
    stack.http.delete(picture["links"]["self"]).raise_for_status()
    done = stack.wait_for_status(job, "succeeded", "failed")
    assert done["status"] == "succeeded"
    result = Image.open(BytesIO(stack.http.get(job["links"]["result"]).content))
    assert result.size == (64, 48)
    stack.http.delete(job["links"]["self"]).raise_for_status()


@pytest.mark.slow
def test_a_full_redis_refuses_a_reference_as_it_refuses_a_file(tmp_path: Path) -> None:
    with running_redis(tmp_path) as url:
        jobs = JobStore.connect(url)
        settings = Settings(redis_url=url, data_folder=tmp_path, port=free_port("127.0.0.1", 0))
        with running_api(settings) as api:
            picture = uploaded(api)
            jobs.client.config_set("maxmemory", 1)
            reference = picture["reference"]
            response = submit(api, content=reference, style=reference)
            assert response.status_code == 503
            assert "Retry-After" in response.headers
            jobs.client.config_set("maxmemory", 0)
        jobs.client.close()
