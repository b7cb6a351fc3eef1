"""Batches: a job for each content image with each style image, all accepted or none, and their
contact sheet."""

from base64 import b64encode
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image

from local.supervisor import free_port
from shared.job_store import JOB_KEYS, JobStore
from shared.settings import Settings
from tests import pictures
from tests.api.submissions.test_submit import assert_nothing_left, errors_of
from tests.api.worker import PlayedWorker, png, submitted
from tests.conftest import RunningApi, running_api

File = tuple[str, tuple[str, bytes]]


def files(contents: int, styles: int) -> list[File]:
    """Pictures with names; each has its own width."""
    several = [("content", number, pictures.jpeg(60 + number, 40)) for number in range(contents)]
    several += [("style", number, pictures.png(50 + number, 50)) for number in range(styles)]
    return [(field, (f"{field}-{number}.jpg", file)) for field, number, file in several]


def post_batch(
    api: RunningApi,
    contents: int = 2,
    styles: int = 3,
    *more: File,
    headers: dict[str, str] | None = None,
    path: str = "/batches",
    **fields: Any,
) -> httpx.Response:
    form = [*files(contents, styles), *more]
    return api.http.post(path, files=form, data=fields, headers=headers)


def get_widths(api: RunningApi, job_id: str) -> list[int]:
    """The widths of a job's pictures in the store, the content image's first."""
    paths = sorted(path for path in api.blobs if job_id in path.parts)
    widths = []
    for path in paths:
        with Image.open(path) as picture:
            widths.append(picture.width)
    return widths


def test_a_batch_has_a_job_for_each_pair(api: RunningApi) -> None:
    response = post_batch(api, size=64)
    assert response.status_code == 202
    batch = response.json()
    assert response.headers["location"] == batch["links"]["self"] == f"/sweeps/{batch['id']}"
    pairs = [(member["content"], member["style"], member["values"]) for member in batch["jobs"]]
    assert pairs == [
        (f"content-{content}.jpg", f"style-{style}.jpg", {})
        for content in range(2)
        for style in range(3)
    ]
    assert {member["job"]["options"]["size"] for member in batch["jobs"]} == {64}
    assert api.http.get(batch["links"]["self"]).json() == batch


def test_each_job_of_a_batch_has_its_own_two_pictures(api: RunningApi) -> None:
    batch = post_batch(api).json()
    widths = [get_widths(api, member["id"]) for member in batch["jobs"]]
    assert widths == [[60, 50], [60, 51], [60, 52], [61, 50], [61, 51], [61, 52]]


def test_deleting_one_job_leaves_the_pictures_of_the_others(api: RunningApi) -> None:
    first, *others = post_batch(api).json()["jobs"]
    api.http.delete(f"/jobs/{first['id']}").raise_for_status()
    assert get_widths(api, first["id"]) == []
    assert get_widths(api, others[0]["id"]) == [60, 51]


def test_a_picture_of_a_batch_is_stored_once_in_a_folder(api: RunningApi) -> None:
    post_batch(api)
    assert len(api.blobs) == 12
    assert len({path.stat().st_ino for path in api.blobs}) == 5


def test_a_batch_may_vary_options_too(api: RunningApi) -> None:
    batch = post_batch(api, 2, 1, style_weight="0.2,0.8", seed=["1", "2"]).json()
    members = [(member["content"], member["values"]) for member in batch["jobs"]]
    assert members == [
        (f"content-{content}.jpg", {"style_weight": weight, "seed": seed})
        for content in range(2)
        for weight in (0.2, 0.8)
        for seed in (1, 2)
    ]


def test_a_batch_may_be_sent_as_json(api: RunningApi) -> None:
    uris = [
        f"data:image/png;base64,{b64encode(pictures.png(each, 40)).decode()}" for each in (60, 61)
    ]
    response = api.http.post("/batches", json={"content": uris, "style": uris[0], "seed": [1, 2]})
    assert response.status_code == 202, response.text
    members = response.json()["jobs"]
    assert [(member["content"], member["values"]["seed"]) for member in members] == [
        ("1 data URI", 1),
        ("1 data URI", 2),
        ("2 data URI", 1),
        ("2 data URI", 2),
    ]
    assert get_widths(api, members[3]["id"]) == [61, 60]


def test_a_batch_may_be_as_large_as_a_sweep(api: RunningApi) -> None:
    assert len(post_batch(api, 16, 4).json()["jobs"]) == 64


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["a.jpg", "b.jpg"], ["a.jpg", "b.jpg"]),
        (["a.jpg", "a.jpg", "b.jpg"], ["1 a.jpg", "2 a.jpg", "3 b.jpg"]),
        (["../../up/a.jpg", "C:\\photos\\b.jpg"], ["a.jpg", "b.jpg"]),
        (["a\u202eb.jpg", 300 * "x"], ["ab.jpg", 100 * "x"]),
        (["/", "a.jpg"], ["content", "a.jpg"]),
        (["写真.jpg", "b.jpg"], ["写真.jpg", "b.jpg"]),
        ([".", "b.jpg"], ["content", "b.jpg"]),
    ],
)
def test_the_pictures_of_a_batch_have_the_names_of_their_files(
    given: list[str], named: list[str], api: RunningApi
) -> None:
    contents = [("content", (name, pictures.jpeg())) for name in given]
    batch = post_batch(api, 0, 1, *contents).json()
    assert [member["content"] for member in batch["jobs"]] == named


def test_a_batch_is_canceled_and_deleted_like_a_sweep(api: RunningApi, jobs: JobStore) -> None:
    batch = post_batch(api).json()
    canceled = api.http.post(batch["links"]["cancel"]).json()
    assert {member["job"]["status"] for member in canceled["jobs"]} == {"canceled"}
    assert canceled["is_over"]
    assert api.http.delete(batch["links"]["self"]).status_code == 204
    assert api.blobs == []
    of_all = {"paint", "_kombu.binding.paint", JOB_KEYS["cleanup"], JOB_KEYS["counters"]}
    assert set(jobs.client.keys("*")) <= of_all


def test_the_same_batch_with_the_same_key_is_the_same_batch(api: RunningApi) -> None:
    key = {"Idempotency-Key": "a"}
    first, again = (post_batch(api, headers=key).json() for _ in range(2))
    assert first["id"] == again["id"]
    other = post_batch(api, 3, 2, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "another_submission")
    sweep = post_batch(api, 1, 1, headers={"Idempotency-Key": "b"}, path="/sweeps")
    assert sweep.status_code == 202
    batch = post_batch(api, 1, 1, headers={"Idempotency-Key": "b"})
    assert batch.json()["code"] == "another_submission"


def test_a_dry_run_of_a_batch_adds_up_its_jobs(api: RunningApi, jobs: JobStore) -> None:
    square, flat = pictures.png(64, 64), pictures.png(64, 32)
    style = ("style", ("style.png", pictures.png()))
    works = [
        post_batch(api, 0, 0, ("content", ("a.png", content)), style, path="/jobs?dry_run=1").json()
        for content in (square, flat)
    ]
    contents = [("content", ("a.png", content)) for content in (square, flat)]
    both = post_batch(api, 0, 2, *contents, path="/batches?dry_run=1").json()
    assert both["jobs"] == 4
    expected = 2 * sum(each["megapixel_iterations"] for each in works)
    assert both["megapixel_iterations"] == pytest.approx(expected, abs=0.01)
    assert_nothing_left(api, jobs)


def test_each_job_of_a_batch_has_the_warnings_of_its_own_pictures(api: RunningApi) -> None:
    large, small = pictures.png(512, 512), pictures.png(32, 32)
    contents = [("content", ("large", large)), ("content", ("small", small))]
    batch = post_batch(api, 0, 0, *contents, ("style", ("style", large)), size=256).json()
    assert [
        [warning["field"] for warning in member["job"]["warnings"]] for member in batch["jobs"]
    ] == [[], ["content"]]


@pytest.mark.parametrize(
    ("contents", "styles", "fields", "faults"),
    [
        (9, 8, {}, {"content": "too_many_values", "style": "too_many_values"}),
        (
            5,
            5,
            {"seed": "1,2,3"},
            {name: "too_many_values" for name in ("content", "style", "seed")},
        ),
        (65, 1, {}, {"content": "too_many_values", "style": "too_many_values"}),
        (2, 0, {}, {"style": "missing_file"}),
        (0, 2, {}, {"content": "missing_file"}),
        (2, 2, {"size": "64,128"}, {"size": "invalid_value"}),
        (2, 2, {"style_weights": "0.5,0.5"}, {"style_weights": "invalid_value"}),
        (2, 2, {"strength": "1"}, {"strength": "unknown_field"}),
        (2, 2, {"start": "image"}, {"start": "not_in_batches"}),
        (2, 2, {"start": 32 * "0"}, {"start": "not_in_batches"}),
        (2, 2, {"pictures_of": 32 * "0"}, {"pictures_of": "not_in_batches"}),
    ],
)
def test_an_invalid_batch_is_refused_by_the_names_of_its_fields(
    contents: int,
    styles: int,
    fields: dict[str, Any],
    faults: dict[str, str],
    api: RunningApi,
    jobs: JobStore,
) -> None:
    response = post_batch(api, contents, styles, **fields)
    assert errors_of(response) == faults
    assert_nothing_left(api, jobs)


@pytest.mark.parametrize("field", ["mask", "style_mask", "start_image", "content_map"])
def test_a_picture_that_belongs_to_one_pair_is_refused_by_name(
    field: str, api: RunningApi, jobs: JobStore
) -> None:
    response = post_batch(api, 2, 2, (field, ("a.png", pictures.png())))
    assert errors_of(response) == {field: "not_in_batches"}
    assert_nothing_left(api, jobs)


@pytest.mark.parametrize(
    ("broken", "status", "code"),
    [
        (pictures.jpeg()[:-200], 422, "picture_broken"),
        (b"Dear sir or madam", 415, "picture_unknown"),
        (b"", 422, "empty_file"),
    ],
)
@pytest.mark.parametrize("field", ["content", "style"])
def test_a_picture_that_cannot_be_used_is_named_with_its_number(
    field: str, broken: bytes, status: int, code: str, api: RunningApi, jobs: JobStore
) -> None:
    response = post_batch(api, 2, 2, (field, ("third.jpg", broken)))
    assert response.status_code == status
    assert errors_of(response) == {field: code}
    assert response.json()["errors"][0]["detail"].startswith("Picture 3: ")
    assert_nothing_left(api, jobs)


def test_all_pictures_that_cannot_be_used_are_named(api: RunningApi) -> None:
    broken = [("content", ("a.jpg", b"?")), ("style", ("b.jpg", b"?")), ("style", ("c.jpg", b"?"))]
    errors = post_batch(api, 1, 1, *broken).json()["errors"]
    assert [(each["field"], each["detail"].partition(":")[0]) for each in errors] == [
        ("content", "Picture 2"),
        ("style", "Picture 2"),
        ("style", "Picture 3"),
    ]


def test_a_queue_without_space_for_the_last_job_accepts_none(
    api: RunningApi, jobs: JobStore
) -> None:
    jobs.client.zadd("queue:waiting", {str(number): 0 for number in range(9_996)})
    assert post_batch(api, 2, 3).json()["code"] == "queue_full"
    assert (api.blobs, jobs.client.keys("job:*"), jobs.client.keys("sweep:*")) == ([], [], [])
    assert post_batch(api, 2, 2).status_code == 202


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ({"PASTICHE_JOBS_IN_FLIGHT": "5"}, "too_many_jobs"),
        ({"PASTICHE_MEGAPIXEL_ITERATIONS_PER_DAY": "10"}, "quota_used_up"),
    ],
)
def test_every_job_of_a_batch_counts_for_the_quotas(
    limit: dict[str, str], code: str, api: RunningApi, jobs: JobStore
) -> None:
    settings = Settings(
        redis_url=api.settings.redis_url,
        data_folder=api.settings.data_folder,
        port=free_port("127.0.0.1", 0),
    )
    with running_api(settings, **limit) as strict:
        refused = post_batch(strict, 2, 3, size=256)
        assert (refused.status_code, refused.json()["code"]) == (429, code)
        assert (api.blobs, jobs.client.keys("job:*")) == ([], [])
        assert post_batch(strict, 1, 2, size=256).status_code == 202


def get_sheet(api: RunningApi, batch: dict[str, Any], **query: Any) -> Image.Image:
    response = api.http.get(batch["links"]["sheet"], params=query)
    assert response.status_code == 200, response.text
    return Image.open(BytesIO(response.content)).convert("RGB")


def test_a_contact_sheet_has_a_row_for_each_content_image(api: RunningApi, jobs: JobStore) -> None:
    batch = post_batch(api, 2, 3).json()
    member = batch["jobs"][5]
    assert (member["content"], member["style"]) == ("content-1.jpg", "style-2.jpg")
    PlayedWorker.of(member, jobs, api).commit(png(100, 75))
    sheet = get_sheet(api, batch, cell=100)
    teal = (0, 128, 128)
    places = {
        (row, column)
        for row in range(2)
        for column in range(3)
        if sheet.getpixel((column * 108 + 50, row * 134 + 30)) == teal
    }
    assert places == {(1, 2)}


def test_a_contact_sheet_keeps_a_row_together_though_it_is_long(api: RunningApi) -> None:
    sheet = get_sheet(api, post_batch(api, 2, 12).json(), cell=32)
    assert sheet.size == (12 * 40 - 8, 2 * 66 - 8)


def test_a_contact_sheet_of_one_content_image_is_wrapped(api: RunningApi) -> None:
    sheet = get_sheet(api, post_batch(api, 1, 12).json(), cell=32)
    assert sheet.size == (8 * 40 - 8, 2 * 66 - 8)


@pytest.mark.slow
def test_the_cells_of_a_large_sheet_are_reduced_until_it_can_be_encoded(api: RunningApi) -> None:
    sheet = get_sheet(api, post_batch(api, 64, 1).json(), cell=1024, format="webp")
    assert max(sheet.size) <= 16_383


def test_a_label_is_shorter_than_its_cell_though_the_names_are_long(api: RunningApi) -> None:
    contents = [("content", (f"{number}{200 * 'x'}.jpg", pictures.jpeg())) for number in range(2)]
    batch = post_batch(api, 0, 1, *contents).json()
    assert get_sheet(api, batch, cell=32).width == 32


def test_other_submissions_do_not_accept_several_content_images(api: RunningApi) -> None:
    for path in ("/jobs", "/sweeps"):
        assert errors_of(post_batch(api, 2, 1, path=path)) == {"content": "repeated_field"}
    assert submitted(api)["status"] == "queued"
