"""What a client may send to `POST /jobs`, what it receives, and what is stored."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from pastiche.memory_budget import Memory
from pastiche.options import Options
from shared.job_store import JobStore
from shared.workers import REMEMBERED_SECONDS, Worker, register_worker
from tests import pictures
from tests.conftest import RunningApi
from tests.processes import needs_proc

Upload = bytes | tuple[str, bytes]


def submit(
    api: RunningApi, content: Upload | None = None, style: Upload | None = None, **options: Any
) -> httpx.Response:
    files = {"content": content or pictures.jpeg(), "style": style or pictures.png()}
    return api.http.post("/jobs", files=files, data=options)


def errors_of(response: httpx.Response) -> dict[str, str]:
    """The invalid fields and the code of each; the body is a problem as RFC 9457 defines it."""
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert {"type", "title", "status", "detail", "code"} <= problem.keys()
    assert problem["status"] == response.status_code
    assert "Traceback" not in response.text
    return {error["field"]: error["code"] for error in problem["errors"]}


def assert_nothing_left(api: RunningApi, jobs: JobStore) -> None:
    assert api.blobs == []
    assert jobs.client.keys("*") == []


def test_a_job_is_accepted_and_can_be_found_again(api: RunningApi) -> None:
    response = submit(api, size="256", content_weight="0.8", style_weight="0.2", seed="7")
    assert response.status_code == 202
    job = response.json()
    assert response.headers["location"] == f"/jobs/{job['id']}" == job["links"]["self"]
    assert (job["status"], job["version"], job["queue_position"]) == ("queued", 1, 0)
    assert job["options"] | {"size": 256, "seed": 7, "content_weight": 0.8} == job["options"]
    assert api.http.get(job["links"]["self"]).json() == job


def test_options_that_are_not_given_have_their_defaults(api: RunningApi) -> None:
    options = submit(api).json()["options"]
    assert options["content_weight"] == options["style_weight"] == 0.5
    assert (options["start"], options["backbone"]) == ("content", "auto")


def test_the_inputs_are_stored_as_normalised_pictures(api: RunningApi) -> None:
    job = submit(api).json()
    names = sorted(path.name for path in api.blobs)
    assert names == ["content-0", "style-0"]
    assert all(job["id"] in path.parts for path in api.blobs)


def test_a_name_that_climbs_out_of_the_folder_is_only_a_name(api: RunningApi) -> None:
    response = submit(api, content=("../../../climbed.jpg", pictures.jpeg()))
    assert response.status_code == 202
    assert sorted(path.name for path in api.blobs) == ["content-0", "style-0"]


@pytest.mark.parametrize(
    "upload",
    [
        pytest.param(pictures.encoded(pictures.photograph(), "AVIF"), id="AVIF"),
        pytest.param(pictures.animation("WEBP"), id="animated WebP"),
        pytest.param(
            pictures.encoded(pictures.halves((0, 0, 0, 9), (9, 0, 0, 0), "CMYK"), "JPEG"),
            id="CMYK JPEG",
        ),
        pytest.param(pictures.sixteen_bit_grey(), id="16-bit PNG"),
        pytest.param(pictures.palette_with_transparency(), id="palette PNG with transparency"),
        pytest.param(pictures.rotated_by_exif(), id="JPEG that EXIF turns"),
    ],
)
def test_unusual_pictures_are_accepted(upload: bytes, api: RunningApi) -> None:
    assert submit(api, content=upload).status_code == 202


def test_a_turned_picture_is_stored_upright(api: RunningApi) -> None:
    from PIL import Image

    submit(api, content=pictures.rotated_by_exif())
    (stored,) = (path for path in api.blobs if path.name == "content-0")
    with Image.open(stored) as picture:
        assert picture.size == (32, 64)


@pytest.mark.parametrize(
    ("upload", "status", "code"),
    [
        pytest.param(("photo.jpg", b""), 422, "empty_file", id="empty"),
        pytest.param(("photo.jpg", b"Dear sir or madam"), 415, "picture_unknown", id="text.jpg"),
        pytest.param(pictures.animation("GIF"), 415, "picture_unknown", id="animated GIF"),
        pytest.param(pictures.jpeg()[:-200], 422, "picture_broken", id="truncated JPEG"),
        pytest.param(pictures.bomb(), 413, "picture_too_large", id="PNG bomb"),
        pytest.param(pictures.png(8, 8), 422, "picture_too_small", id="8x8"),
        pytest.param(pictures.png(1, 20_000), 422, "picture_too_small", id="1x20000"),
        pytest.param(pictures.png(16, 400), 422, "picture_too_narrow", id="16x400"),
        pytest.param(bytes(26_000_000), 413, "file_too_large", id="26 MB"),
    ],
)
@pytest.mark.parametrize("field", ["content", "style"])
def test_a_picture_that_cannot_be_used_is_refused_by_name(
    field: str, upload: Upload, status: int, code: str, api: RunningApi, jobs: JobStore
) -> None:
    files: dict[str, Upload] = {"content": pictures.jpeg(), "style": pictures.png(), field: upload}
    response = api.http.post("/jobs", files=files)
    assert response.status_code == status
    assert errors_of(response) == {field: code}
    assert_nothing_left(api, jobs)


@pytest.mark.parametrize("field", ["content", "style"])
def test_a_missing_picture_is_refused_by_name(field: str, api: RunningApi, jobs: JobStore) -> None:
    other = {"content", "style"} - {field}
    response = api.http.post("/jobs", files={name: pictures.png() for name in other})
    assert response.status_code == 422
    assert errors_of(response) == {field: "missing_file"}
    assert_nothing_left(api, jobs)


def test_a_size_for_which_no_worker_has_the_memory_is_refused_with_the_largest_that_one_has(
    api: RunningApi, jobs: JobStore
) -> None:
    for name, most_pixels in (("small", 50_000), ("larger", 300 * 400)):
        worker = Worker(name, "whitened", "CPU", most_pixels)
        jobs.run(register_worker(worker, ttl_seconds=60))
    content = pictures.jpeg(160, 120)
    assert submit(api, content, size="400").status_code == 202
    response = submit(api, content, size="410")
    assert errors_of(response) == {"size": "size_too_large"}
    assert response.json()["errors"][0]["detail"] == (
        "The workers' memory allows a longest side of at most 400 pixels for this picture."
    )


def test_a_size_must_fit_a_worker_that_has_the_backbone(api: RunningApi, jobs: JobStore) -> None:
    large = Worker("large", "whitened", "CPU", 10**9, backbones=("whitened",))
    small = Worker("small", "vgg19", "CPU", 100 * 75, backbones=("vgg19", "whitened"))
    for worker in (large, small):
        jobs.run(register_worker(worker, ttl_seconds=60))
    content = pictures.jpeg(160, 120)
    assert submit(api, content, size="128").status_code == 202
    response = submit(api, content, size="128", backbone="vgg19")
    assert errors_of(response) == {"size": "size_too_large"}
    assert "at most 100 pixels" in response.json()["errors"][0]["detail"]


GIB = 2**30


def add_worker_with_memory(name: str, free_bytes: int, jobs: JobStore) -> Worker:
    """Registers a worker that reports how much memory it has for a job."""
    worker = Worker(name, "whitened", "CPU", 0, backbones=("whitened",), free_bytes=free_bytes)
    jobs.run(register_worker(worker, ttl_seconds=60))
    return worker


def test_a_size_must_fit_the_memory_that_its_options_need(api: RunningApi, jobs: JobStore) -> None:
    worker = add_worker_with_memory("one", GIB, jobs)
    most = {
        precision: Memory(GIB, None, worker.computed_in).most_pixels(
            Options(precision=precision), "whitened"
        )
        for precision in ("bfloat16", "float32")
    }
    assert most["float32"] < 1400**2 < most["bfloat16"]
    content = pictures.jpeg(120, 120)
    assert submit(api, content, size="1400", precision="bfloat16").status_code == 202
    refused = submit(api, content, size="1400", precision="float32")
    assert errors_of(refused) == {"size": "size_too_large"}
    detail = refused.json()["errors"][0]["detail"]
    largest = detail.split("at most ")[1].split()[0]
    assert submit(api, content, size=largest, precision="float32").status_code == 202
    beyond = submit(api, content, size=str(int(largest) + 1), precision="float32")
    assert beyond.status_code == 422


def test_a_size_must_fit_the_memory_that_its_pictures_leave(
    api: RunningApi, jobs: JobStore
) -> None:
    add_worker_with_memory("one", 30_000_000, jobs)
    files = [("content", pictures.jpeg(160, 120)), ("style", pictures.png(120, 120))]
    assert api.http.post("/jobs", files=files, data={"size": 32}).status_code == 202
    large = [("content", pictures.jpeg(160, 120)), ("style", pictures.png(1500, 1500))]
    refused = api.http.post("/jobs", files=large, data={"size": 32})
    assert errors_of(refused) == {"size": "size_too_large"}
    assert "whatever its size" in refused.json()["errors"][0]["detail"]


@pytest.mark.parametrize("path", ["/jobs?dry_run=true", "/sweeps", "/sweeps?dry_run=true"])
def test_a_dry_run_and_a_sweep_are_refused_too_where_no_worker_has_the_memory(
    path: str, api: RunningApi, jobs: JobStore
) -> None:
    add_worker_with_memory("one", GIB, jobs)
    files = {"content": pictures.jpeg(120, 120), "style": pictures.png()}
    fields = {"size": "1400", "precision": "float32", "seed": "1"}
    assert errors_of(api.http.post(path, files=files, data=fields)) == {"size": "size_too_large"}


def test_a_retry_is_refused_where_no_worker_has_the_memory_that_its_options_need_any_more(
    api: RunningApi, jobs: JobStore
) -> None:
    add_worker_with_memory("one", 4 * GIB, jobs)
    job = submit(api, pictures.jpeg(120, 120), size="1400", precision="float32").json()
    api.http.post(job["links"]["cancel"])
    add_worker_with_memory("one", GIB, jobs)
    retry = job["links"]["self"] + "/retry"
    assert errors_of(api.http.post(retry)) == {"size": "size_too_large"}
    add_worker_with_memory("one", 4 * GIB, jobs)
    assert api.http.post(retry).status_code == 202


def test_a_retry_is_refused_where_no_worker_has_the_memory(api: RunningApi, jobs: JobStore) -> None:
    job = submit(api, pictures.jpeg(160, 120), size="128").json()
    api.http.post(job["links"]["cancel"])
    jobs.run(register_worker(Worker("small", "whitened", "CPU", 100 * 75), ttl_seconds=60))
    response = api.http.post(f"/jobs/{job['id']}/retry")
    assert errors_of(response) == {"size": "size_too_large"}


def add_worker(name: str, *backbones: str, jobs: JobStore) -> None:
    """Registers a worker whose `auto` is the first of these backbones."""
    worker = Worker(name, backbones[0], "CPU", 10**9, backbones=backbones)
    jobs.run(register_worker(worker, ttl_seconds=60))


def test_a_backbone_that_no_living_worker_has_is_refused(api: RunningApi, jobs: JobStore) -> None:
    add_worker("one", "vgg16", "whitened", jobs=jobs)
    response = submit(api, pictures.jpeg(), backbone="vgg19")
    assert response.status_code == 422
    assert errors_of(response) == {"backbone": "backbone_missing"}
    detail = response.json()["errors"][0]["detail"]
    assert detail.startswith("No worker has the weights of vgg19; there are vgg16, whitened.")
    assert "pastiche weights vgg19" in detail
    assert api.blobs == []


def test_a_backbone_that_one_of_the_workers_has_is_accepted(
    api: RunningApi, jobs: JobStore
) -> None:
    add_worker("one", "whitened", jobs=jobs)
    add_worker("other", "vgg19", "whitened", jobs=jobs)
    assert submit(api, pictures.jpeg(), backbone="vgg19").status_code == 202


@pytest.mark.parametrize("path", ["/jobs", "/jobs?dry_run=1"])
def test_a_preset_without_the_weights_of_its_network_is_refused(
    path: str, api: RunningApi, jobs: JobStore
) -> None:
    add_worker("one", "whitened", jobs=jobs)
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    response = api.http.post(path, files=files, data={"preset": "neural-style"})
    assert errors_of(response) == {"backbone": "backbone_missing"}
    assert "pastiche weights vgg19-caffe" in response.json()["detail"]


@pytest.mark.parametrize("backbone", ["whitened", "auto"])
def test_a_preset_says_which_network_it_needs(backbone: str, api: RunningApi) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    fields = {"preset": "neural-style", "backbone": backbone}
    response = api.http.post("/jobs?dry_run=1", files=files, data=fields)
    assert errors_of(response) == {"backbone": "invalid_value"}
    assert "must be one of vgg19-caffe, vgg19, vgg16" in response.json()["detail"]


def test_where_no_worker_lives_every_backbone_is_accepted(api: RunningApi) -> None:
    assert submit(api, pictures.jpeg(), backbone="vgg19").status_code == 202


def test_a_layer_that_no_worker_s_automatic_backbone_has_is_refused(
    api: RunningApi, jobs: JobStore
) -> None:
    add_worker("one", "vgg16", "whitened", jobs=jobs)
    response = submit(api, pictures.jpeg(), style_layers="relu1_1,relu3_4")
    assert errors_of(response) == {"style_layers": "invalid_value"}
    add_worker("other", "whitened", jobs=jobs)
    assert submit(api, pictures.jpeg(), style_layers="relu1_1,relu3_4").status_code == 202


def test_a_retry_is_refused_where_no_worker_has_its_backbone(
    api: RunningApi, jobs: JobStore
) -> None:
    job = submit(api, pictures.jpeg(), backbone="vgg19").json()
    assert api.http.post(job["links"]["cancel"]).status_code == 200
    add_worker("one", "whitened", jobs=jobs)
    response = api.http.post(f"/jobs/{job['id']}/retry")
    assert errors_of(response) == {"backbone": "backbone_missing"}


def add_ended_worker(name: str, backbone: str, jobs: JobStore, *, seconds_ago: float = 0.0) -> None:
    """Registers a worker with much memory whose registration has expired."""
    worker = Worker(name, backbone, "CPU", 10**9, backbones=(backbone,))
    jobs.run(register_worker(worker, ttl_seconds=-seconds_ago))


def test_a_job_waits_for_the_only_large_worker_while_it_restarts(
    api: RunningApi, jobs: JobStore
) -> None:
    small = Worker("small", "whitened", "CPU", 100 * 75)
    jobs.run(register_worker(small, ttl_seconds=60))
    content = pictures.jpeg(160, 120)
    assert errors_of(submit(api, content, size="128")) == {"size": "size_too_large"}
    add_ended_worker("large", "whitened", jobs)
    job = submit(api, content, size="128").json()
    assert job["status"] == "queued"
    api.http.post(job["links"]["cancel"])
    assert api.http.post(f"/jobs/{job['id']}/retry").status_code == 202


def test_a_job_waits_for_the_only_worker_with_its_backbone_while_it_restarts(
    api: RunningApi, jobs: JobStore
) -> None:
    add_worker("one", "whitened", jobs=jobs)
    add_ended_worker("other", "vgg19", jobs)
    assert submit(api, pictures.jpeg(), backbone="vgg19").status_code == 202


def test_a_job_is_refused_once_the_only_worker_that_could_paint_it_is_forgotten(
    api: RunningApi, jobs: JobStore
) -> None:
    add_worker("one", "whitened", jobs=jobs)
    add_ended_worker("other", "vgg19", jobs, seconds_ago=REMEMBERED_SECONDS)
    refused = submit(api, pictures.jpeg(), backbone="vgg19")
    assert errors_of(refused) == {"backbone": "backbone_missing"}
    assert jobs.client.hkeys("{workers}:about") == ["one"]


def test_what_the_last_worker_could_not_paint_waits_while_none_lives(
    api: RunningApi, jobs: JobStore
) -> None:
    add_ended_worker("one", "whitened", jobs)
    assert submit(api, pictures.jpeg(), backbone="vgg19").status_code == 202


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("style_weight", "nan", "invalid_value"),
        ("style_weight", "inf", "invalid_value"),
        ("style_weight", "-1", "invalid_value"),
        ("style_weight", "1e400", "invalid_value"),
        ("style_weight", "abc", "invalid_value"),
        ("content_weight", "0,5", "invalid_value"),
        ("tv_weight", "-0.1", "invalid_value"),
        ("size", "15", "invalid_value"),
        ("size", "256.5", "invalid_value"),
        ("size", "4000", "size_too_large"),
        ("iterations", "0", "invalid_value"),
        ("seed", "-1", "invalid_value"),
        ("start", "../../etc/passwd", "invalid_value"),
        ("backbone", "imagenet", "invalid_value"),
        ("strength", "1", "unknown_field"),
        ("preset", "best", "invalid_value"),
        ("style_layers", "relu9_1", "invalid_value"),
        ("style_layers", "relu1_1:0", "invalid_value"),
        ("content_layers", "relu4_2:1,relu4_2:2", "invalid_value"),
        ("style_weights", "1,a", "invalid_value"),
        ("style_weights", "1,2", "invalid_value"),
        ("style_weights", "0", "invalid_value"),
        ("style_scale", "0", "invalid_value"),
        ("scale_iterations", "80,0", "invalid_value"),
        ("scale_factor", "1", "invalid_value"),
        ("gradient_normalisation", "perhaps", "invalid_value"),
        ("colour", "green", "invalid_value"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_by_name(
    option: str, value: str, code: str, api: RunningApi, jobs: JobStore
) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    response = api.http.post("/jobs", files=files, data={option: value})
    assert response.status_code == 422
    assert errors_of(response) == {option: code}
    assert_nothing_left(api, jobs)


def test_weights_that_are_all_zero_are_refused(api: RunningApi) -> None:
    response = submit(api, content_weight="0", style_weight="0")
    assert errors_of(response) == {"style_weight": "invalid_value"}


def test_all_errors_are_reported_at_once(api: RunningApi) -> None:
    response = submit(api, content=("empty.jpg", b""), size="1", strength="9")
    assert errors_of(response).keys() == {"content", "size", "strength"}


def test_the_message_says_what_would_be_valid(api: RunningApi) -> None:
    detail = submit(api, style_weight="abc").json()["detail"]
    assert detail == "style_weight: This must be a number between 0 and 1000000, not “abc”."


def test_a_field_given_twice_is_refused(api: RunningApi) -> None:
    files = [("content", pictures.png()), ("content", pictures.png()), ("style", pictures.png())]
    assert errors_of(api.http.post("/jobs", files=files)) == {"content": "repeated_field"}


def test_more_styles_than_can_be_blended_are_refused(api: RunningApi) -> None:
    files = [("content", pictures.png())] + 9 * [("style", pictures.png())]
    assert errors_of(api.http.post("/jobs", files=files)).keys() == {"style"}


def test_a_file_where_text_is_meant_is_refused(api: RunningApi) -> None:
    files = {"content": pictures.png(), "style": pictures.png(), "size": b"256"}
    assert errors_of(api.http.post("/jobs", files=files)) == {"size": "not_text"}


def test_text_where_a_file_is_meant_is_refused(api: RunningApi) -> None:
    response = api.http.post("/jobs", files={"content": pictures.png()}, data={"style": "a.jpg"})
    assert errors_of(response) == {"style": "not_a_file"}


@pytest.mark.parametrize("with_length", [True, False], ids=["with length", "without length"])
def test_a_body_larger_than_any_submission_is_refused(
    with_length: bool, api: RunningApi, jobs: JobStore
) -> None:
    start = b'--x\r\nContent-Disposition: form-data; name="content"; filename="a"\r\n\r\n'
    parts = [start, *[bytes(1_000_000)] * 80]
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    if with_length:
        headers["Content-Length"] = str(sum(map(len, parts)))
    response = api.http.post("/jobs", content=iter(parts), headers=headers)
    assert response.status_code == 413
    assert response.json()["code"] == "body_too_large"
    assert_nothing_left(api, jobs)


@pytest.mark.parametrize("with_length", [True, False], ids=["with length", "without length"])
def test_a_file_of_26_megabytes_is_refused_by_name(
    with_length: bool, api: RunningApi, jobs: JobStore
) -> None:
    request = api.http.build_request(
        "POST", "/jobs", files={"content": bytes(26_000_000), "style": pictures.png()}
    )
    if not with_length:
        body = request.read()
        headers = {"Content-Type": request.headers["content-type"]}
        request = api.http.build_request("POST", "/jobs", content=iter([body]), headers=headers)
    response = api.http.send(request)
    assert response.status_code == 413
    assert errors_of(response) == {"content": "file_too_large"}
    assert_nothing_left(api, jobs)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"size=256", 415),
        ({}, b"", 415),
        ({"Content-Type": "multipart/form-data"}, b"nothing", 400),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"nonsense", 400),
    ],
)
def test_a_body_that_is_no_form_is_refused(
    headers: dict[str, str], body: bytes, status: int, api: RunningApi
) -> None:
    response = api.http.post("/jobs", content=body, headers=headers)
    assert response.status_code == status == response.json()["status"]
    assert response.json()["code"] in ("wrong_content_type", "malformed_request")


def test_more_fields_than_any_form_has_are_refused(api: RunningApi) -> None:
    data = {f"field-{number}": "x" for number in range(200)}
    response = api.http.post("/jobs", files={"content": pictures.png()}, data=data)
    assert response.status_code == 400


@needs_proc
def test_an_upload_is_written_to_the_disk_once_before_it_is_decoded(api: RunningApi) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1200, 1200, 3), dtype=np.uint8)
    picture = pictures.encoded(Image.fromarray(noise), "PNG")
    before = written_bytes(api)
    files = {"content": picture, "style": pictures.png()}
    assert api.http.post("/jobs?dry_run=1", files=files).status_code == 200
    assert len(picture) < written_bytes(api) - before < 1.2 * len(picture)


def written_bytes(api: RunningApi) -> int:
    """What the API process has written so far, to files and to connections."""
    lines = Path(f"/proc/{api.process.pid}/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["wchar"])
